"""Addresses with numbers that no database holds get a clear answer: there is no such thing, or that is no number for this."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories import make_file, make_user

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

BIG = "9" * 25
FILES = ("min_size_bytes", "max_duration_ms", "min_height_px", "folder", "tag", "catalog", "limit")
ADDRESSES = [
    *(f"/api/v1/files/?{name}={BIG}" for name in FILES),
    *(f"/api/v1/{name}/{BIG}/" for name in ("files", "jobs", "players")),
    f"/api/v1/files/?q=size:>{BIG}TB",
    f"/api/v1/series/?year={BIG}",
    f"/api/v1/collections/?parent={BIG}",
    *(f"/api/{name}={BIG}" for name in ("matching?page", "matching?catalog", "matching/tree?depth", "history?catalog", "dashboard?target")),
    *(f"/{name}/{BIG}/" for name in ("watch", "folders", "players", "collections", "sync/plans", "sync/history")),
    *(f"/sync/{name}={BIG}" for name in ("matches/?page", "matches/?catalog", "history/?catalog", "tree/branch/?folder")),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_number_that_no_database_holds_is_an_answer_and_no_accident(client: Client, address: str) -> None:
    make_file("a.mp4")
    client.force_login(make_user("administrator"))
    assert client.get(address).status_code in {200, 400, 404}
