"""Who may ask what of the REST API: everything is named once, the rest is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from catalog.api_urls import router
from mam.accounts.models import AuditEntry
from tests.factories import (
    make_catalog,
    make_collection,
    make_content,
    make_file,
    make_player,
    make_rule,
    make_series,
    make_source,
    make_tag,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db

LISTS = ["files", "folders", "catalogs", "series", "contents", "collections", "tags", "players", "sources"]


@pytest.fixture
def one_of_each() -> dict[str, int]:
    content = make_content(series=None)
    file = make_file("WSOP/2024/a.mp4", content=content)
    return {
        "files": file.pk,
        "folders": file.folder_id,
        "catalogs": content.series.catalog_id,
        "series": content.series_id,
        "contents": content.pk,
        "collections": make_collection(files=[file]).pk,
        "tags": make_tag().pk,
        "players": make_player().pk,
        "sources": file.source_id,
    }


@pytest.mark.parametrize("name", [*LISTS, "path-rules"])
def test_strangers_and_users_without_a_role_are_turned_away(client_of: Callable[[str | None], APIClient], name: str) -> None:
    stranger = APIClient().get(f"/api/v1/{name}/")
    assert (stranger.status_code, set(stranger.json())) == (401, {"code", "message", "params"})
    nobody = client_of(None).get(f"/api/v1/{name}/")
    assert (nobody.status_code, nobody.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize("name", LISTS)
def test_viewers_read_lists_and_details(viewer_api: APIClient, one_of_each: dict[str, int], name: str) -> None:
    listed = viewer_api.get(f"/api/v1/{name}/").json()
    assert set(listed) == {"items", "next", "previous"}
    assert one_of_each[name] in [item["id"] for item in listed["items"]]
    detail = viewer_api.get(f"/api/v1/{name}/{one_of_each[name]}/")
    assert (detail.status_code, detail.json()["id"]) == (200, one_of_each[name])
    missing = viewer_api.get(f"/api/v1/{name}/999999999/")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_every_action_names_its_permission() -> None:
    for _prefix, viewset, _basename in router.registry:
        actions = {"list", "retrieve", *(action.__name__ for action in viewset.get_extra_actions())}
        actions |= {name for name in ("create", "partial_update", "destroy") if hasattr(viewset, name)}
        assert actions == set(getattr(viewset, "required_permissions", {}))


WRITES = [
    ("patch", "/api/v1/files/{files}/", {"title": "x"}),
    ("post", "/api/v1/files/tag/", {"file_ids": [1], "add": ["x"]}),
    ("post", "/api/v1/files/move/", {"file_ids": [1], "content": None}),
    ("post", "/api/v1/files/release/", {"file_ids": [1]}),
    *(
        (method, f"/api/v1/{name}/{suffix}", {"name": "x"})
        for name in ("catalogs", "series", "contents", "collections", "tags", "players", "sources")
        for method, suffix in (("post", ""), ("patch", f"{{{name}}}/"), ("delete", f"{{{name}}}/"))
    ),
    ("post", "/api/v1/contents/{contents}/merge/", {"others": [1]}),
    ("post", "/api/v1/contents/{contents}/split/", {"file_ids": [1], "title": "x"}),
    ("post", "/api/v1/tags/{tags}/merge/", {"other": 1}),
    ("post", "/api/v1/players/{players}/merge/", {"other": 1}),
    ("post", "/api/v1/collections/{collections}/items/add/", {"file_ids": [1]}),
    ("post", "/api/v1/collections/{collections}/items/remove/", {"file_ids": [1]}),
    ("put", "/api/v1/collections/{collections}/items/order/", {"file_ids": [1]}),
    ("put", "/api/v1/collections/order/", {"parent": None, "collection_ids": [1]}),
    ("post", "/api/v1/sources/{sources}/test/", {}),
    ("post", "/api/v1/path-rules/", {}),
    ("post", "/api/v1/path-rules/preview/", {}),
    ("post", "/api/v1/path-rules/apply/", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_viewers_write_nothing(viewer_api: APIClient, one_of_each: dict[str, int], method: str, path: str, body: dict[str, object]) -> None:
    answer = getattr(viewer_api, method)(path.format(**one_of_each), body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(("method", "path", "body"), [write for write in WRITES if "sources" in write[1] or "path-rules" in write[1]])
def test_operators_manage_neither_sources_nor_rules(
    operator_api: APIClient, one_of_each: dict[str, int], method: str, path: str, body: dict[str, object]
) -> None:
    answer = getattr(operator_api, method)(path.format(**one_of_each), body, format="json")
    assert answer.status_code == 403


# --- queries ------------------------------------------------------------------------------------------------------------
def fill(name: str, count: int) -> None:
    source = make_source()
    for number in range(count):
        content = make_content()
        file = make_file(f"WSOP/{name}/{number}/clip.mp4", source=source, content=content, tags=[make_tag()])
        player = make_player()
        content.players.add(player)
        make_collection(files=[file])
        make_rule(source=make_source())


@pytest.mark.parametrize("name", [*LISTS, "path-rules"])
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(administrator_api: APIClient, name: str) -> None:
    assert queries_of(administrator_api, f"/api/v1/{name}/", lambda: fill("a", 2)) == queries_of(
        administrator_api, f"/api/v1/{name}/", lambda: fill("b", 15)
    )


def test_the_items_of_a_collection_cost_the_same_number_of_queries(administrator_api: APIClient) -> None:
    source = make_source()
    collection = make_collection()
    path = f"/api/v1/collections/{collection.pk}/items/"

    def add(count: int) -> None:
        for number in range(count):
            file = make_file(source=source, content=make_content(), tags=[make_tag()])
            collection.items.create(file=file, position=number)

    assert queries_of(administrator_api, path, lambda: add(2)) == queries_of(administrator_api, path, lambda: add(12))


def queries_of(client: APIClient, path: str, prepare: Callable[[], None]) -> int:
    """Queries of one GET after `prepare`; the list must not be empty."""
    prepare()
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code == 200
    assert len(answer.json()["items"]) > 1
    return len(captured)


# --- pages --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "ordering"),
    [
        ("files", "name"),
        ("files", "-first_seen_at"),
        ("folders", "name"),
        ("series", "-year"),
        ("series", "year"),
        ("contents", "key"),
        ("collections", "position"),
        ("catalogs", "name"),
    ],
)
def test_pages_follow_each_other_without_gap_or_repeat(viewer_api: APIClient, name: str, ordering: str) -> None:
    source = make_source()
    for number in range(7):
        catalog = make_catalog()
        content = make_content(make_series(catalog, year=2000 + number // 2 if number % 3 else None))
        make_file(f"clips {number % 2}/{number}.mp4", source=source, content=content)
        make_collection()
    whole = [item["id"] for item in viewer_api.get(f"/api/v1/{name}/?ordering={ordering}").json()["items"]]
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        page = viewer_api.get(f"/api/v1/{name}/?ordering={ordering}&limit=2&cursor={cursor}").json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == whole
    assert len(whole) > 2


@pytest.mark.parametrize(
    ("query", "code"), [("ordering=size", "invalid_ordering"), ("limit=0", "invalid_limit"), ("cursor=x", "invalid_cursor")]
)
def test_a_page_that_cannot_be_is_a_clear_error(viewer_api: APIClient, query: str, code: str) -> None:
    answer = viewer_api.get(f"/api/v1/files/?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
