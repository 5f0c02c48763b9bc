"""Files of a collection are put in order on its page: by buttons, and by dragging."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from catalog.errors import ObjectNotFoundError
from catalog.services import collections
from tests.factories import make_collection, make_file, make_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from catalog.models import Collection, MediaFile
    from tests.fixtures.asgi_server import AsgiServer


def files_of(count: int) -> list[MediaFile]:
    return [make_file(f"{number}.mp4") for number in range(count)]


def order_of(collection: Collection) -> list[tuple[str, int]]:
    return list(collection.items.order_by("position", "id").values_list("file__name", "position"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("file", "to", "expected"), [(0, 2, "1203"), (3, 0, "3012"), (1, 1, "0123"), (0, 99, "1230"), (3, -5, "3012"), (2, 1, "0213")]
)
def test_one_file_is_moved_and_the_others_make_room(file: int, to: int, expected: str) -> None:
    files = files_of(4)
    collection = make_collection(files=files)
    collections.move_file(collection=collection, file_id=files[file].pk, to=to, user=None)
    assert order_of(collection) == [(f"{name}.mp4", position) for position, name in enumerate(expected)]


@pytest.mark.django_db
def test_a_hole_that_a_lost_file_left_is_closed() -> None:
    files = files_of(4)
    collection = make_collection(files=files)
    files[1].delete()
    collections.move_file(collection=collection, file_id=files[3].pk, to=2, user=None)
    assert order_of(collection) == [("0.mp4", 0), ("3.mp4", 1), ("2.mp4", 2)]


@pytest.mark.django_db
def test_a_step_over_a_hole_is_a_step() -> None:
    files = files_of(3)
    collection = make_collection(files=files)
    files[1].delete()
    collections.move_file(collection=collection, file_id=files[2].pk, to=1, user=None)
    assert order_of(collection) == [("2.mp4", 0), ("0.mp4", 1)]


@pytest.mark.django_db
@pytest.mark.parametrize(("to", "expected"), [(5, "34657"), (7, "34576"), (99, "34576"), (3, "63457"), (4, "36457")])
def test_positions_are_meant_as_they_were_shown(to: int, expected: str) -> None:
    """Forward and back are one step each, also where the first ones have left the catalog."""
    files = files_of(8)
    collection = make_collection(files=files)
    for file in files[:3]:
        file.delete()
    collections.move_file(collection=collection, file_id=files[6].pk, to=to, user=None)
    assert order_of(collection) == [(f"{name}.mp4", position) for position, name in enumerate(expected)]


@pytest.mark.django_db
def test_a_file_that_is_not_in_it_cannot_be_moved() -> None:
    with pytest.raises(ObjectNotFoundError):
        collections.move_file(collection=make_collection(files=files_of(1)), file_id=make_file().pk, to=0, user=None)


@pytest.mark.django_db
def test_buttons_work_without_scripts_and_only_for_curators(client: Client) -> None:
    files = files_of(3)
    collection = make_collection(files=files)
    url, page = (reverse(f"catalog:collection_{name}", args=[collection.pk]) for name in ("move", "detail"))
    client.force_login(make_user("viewer"))
    assert client.post(url, {"file": files[0].pk, "to": "1"}).status_code == 403
    assert url not in client.get(page).content.decode()
    client.force_login(make_user("operator"))
    assert f'hx-post="{url}' in client.get(page).content.decode()
    client.post(url, {"file": files[0].pk, "to": "1"})
    assert [name for name, _position in order_of(collection)] == ["1.mp4", "0.mp4", "2.mp4"]
    client.post(url, {"file": files[2].pk, "remove": "1"})
    assert [name for name, _position in order_of(collection)] == ["1.mp4", "0.mp4"]
    for nonsense in ("x", "9" * 30, "-1"):
        assert client.post(url, {"file": nonsense, "to": "1"}).status_code == 404


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_cards_are_dragged_and_moved_by_keyboard(asgi_server: AsgiServer, new_page: Callable[..., Page]) -> None:
    collection = make_collection("Best", files=files_of(3))
    client = Client()
    client.force_login(make_user("operator"))
    page = new_page(locale="en-US", viewport={"width": 1440, "height": 900})
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key or "", "url": asgi_server.url}
    page.context.add_cookies([session])  # type: ignore[list-item]
    page.goto(asgi_server.url + reverse("catalog:collection_detail", args=[collection.pk]))
    names = page.locator(".ordered-item .media-link")
    expect(names).to_have_text(["0.mp4", "1.mp4", "2.mp4"])

    page.locator(".ordered-item").nth(0).drag_to(page.locator(".ordered-item").nth(2))
    expect(names).to_have_text(["1.mp4", "2.mp4", "0.mp4"])
    page.get_by_role("button", name="Move 0.mp4 forward").press("Enter")
    expect(names).to_have_text(["1.mp4", "0.mp4", "2.mp4"])
    expect(page.get_by_role("button", name="Move 0.mp4 forward")).to_be_focused()
    page.get_by_role("button", name="Move 1.mp4 back").press("Enter")
    expect(names).to_have_text(["0.mp4", "1.mp4", "2.mp4"])
    expect(page.get_by_role("button", name="Move 1.mp4 back")).to_be_focused()  # Enter again goes on the same way
    page.keyboard.press("Enter")
    expect(names).to_have_text(["0.mp4", "2.mp4", "1.mp4"])
    page.get_by_role("button", name="Move 2.mp4 forward").press("Enter")
    expect(names).to_have_text(["2.mp4", "0.mp4", "1.mp4"])
    expect(page.get_by_role("button", name="Move 2.mp4 back")).to_be_focused()  # there is no further
    page.get_by_role("button", name="Take 1.mp4 out").click()
    expect(names).to_have_text(["2.mp4", "0.mp4"])
    assert order_of(collection) == [("2.mp4", 0), ("0.mp4", 1)]
