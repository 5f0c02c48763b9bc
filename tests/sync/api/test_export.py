"""The match table as CSV."""

from __future__ import annotations

import csv
import io
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from catalog.search import index
from sync.models import Match
from sync.selectors.csv_export import write_table
from sync.selectors.filters import MatchFilter
from tests.bodies import body_of
from tests.factories import make_file, make_source, make_user
from tests.sync.factories import make_target, match_all

if TYPE_CHECKING:
    from django.test import AsyncClient
    from rest_framework.test import APIClient

    from mam.accounts.models import User
    from tests.sync.api.conftest import World

pytestmark = pytest.mark.django_db

URL = "/api/matching/export"


def read(api: APIClient, query: str = "", language: str = "ko") -> list[list[str]]:
    answer = api.get(f"{URL}?{query}", headers={"accept-language": language})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer["Content-Disposition"].startswith('attachment; filename="matching-')
    body = body_of(answer)
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def test_each_match_is_a_line_with_both_sides(viewer_api: APIClient, world: World) -> None:
    head, *lines = read(viewer_api, "sort=path", "en")
    assert len(lines) == Match.objects.count()
    found = {line[3] or line[9]: dict(zip(head, line, strict=True)) for line in lines}
    synced = found["WSOP/2024/ME_Day1.mp4"]
    assert (synced["Status"], synced["Catalog"], synced["Source: resolution"], synced["Target: ID"]) == (
        "Synced",
        "WSOP",
        "1920x1080",
        "42",
    )
    assert (synced["Source: size (bytes)"], synced["Source: duration (s)"]) == ("1288490188", "3600")
    elected = found["HCL/EP123.mp4"]
    assert (elected["Copies"], elected["Paths of copies (the first 20)"]) == ("2", "HCL/Archive/EP123.mp4; HCL/Backup/EP123.mp4")
    assert (found["PAD/Special.mxf"]["Reason"], found["PAD/Special.mxf"]["Target: path"]) == ("Not HLS compatible (mxf)", "")
    gone = found["OLD/결승 gone.mp4"]
    assert (gone["Source: path"], gone["Source: size (bytes)"], gone["Target: size (bytes)"]) == ("", "", "11")


def test_only_what_is_asked_for_is_exported_in_its_order(viewer_api: APIClient, world: World) -> None:
    assert [line[3] for line in read(viewer_api, "status=duplicate&sort=-path")[1:]] == ["HCL/Backup/EP123.mp4", "HCL/Archive/EP123.mp4"]
    index.refresh_all()
    assert [line[3] for line in read(viewer_api, "q=special&ext=mxf")[1:]] == ["PAD/Special.mxf"]
    assert len(read(viewer_api, "status=new&ext=mxf")) == 1
    assert viewer_api.get(f"{URL}?status=x").json()["code"] == "invalid"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "＝"])
def test_a_name_is_no_formula(viewer_api: APIClient, begin: str) -> None:
    source = make_source()
    make_target(sources={source: ""})
    make_file(f'{begin}cmd|\' "x",\n.mp4', source=source)
    match_all()
    assert read(viewer_api)[1][3] == f"'{begin}cmd|' \"x\",\n.mp4"


def test_a_large_table_is_made_part_by_part_in_little_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        make_file(f"many/{number:03}.mxf", source=world.source)
    match_all()
    monkeypatch.setattr("sync.selectors.csv_export.AT_ONCE", 50)
    parts = write_table(user=make_user("viewer"), target=world.target, wanted=MatchFilter(extension="mxf"), sort="path")
    next(parts)
    tracemalloc.start()
    sizes = [len(part) for part in parts]
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sizes) == 7
    assert most < 2_000_000


@pytest.mark.django_db(transaction=True)
async def test_the_server_sends_each_part_as_it_is_made(async_client: AsyncClient) -> None:
    def prepare() -> User:
        source = make_source()
        make_target(sources={source: ""})
        for number in range(8):
            make_file(f"{number}.mp4", source=source)
        match_all()
        return make_user("viewer")

    await async_client.aforce_login(await sync_to_async(prepare)())
    answer = await async_client.get(URL)
    assert isinstance(answer, StreamingHttpResponse)
    assert answer.is_async
    parts = [part async for part in answer.streaming_content]
    assert len(parts) == 2  # the head, and a page
    assert b"".join(parts).count(b"\r\n") == 9
