"""Collections: nested without rings, ordered without holes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from catalog.errors import CollectionCycleError, NameTakenError, OrderMismatchError
from catalog.models import Collection, MediaFile
from catalog.services import collections
from mam.accounts.errors import PermissionDeniedError
from tests.factories import make_collection, make_file, make_source, make_user

if TYPE_CHECKING:
    from mam.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    return make_user("operator")


@pytest.fixture
def files() -> list[MediaFile]:
    source = make_source()
    return [make_file(source=source) for _ in range(4)]


def order_of(collection: Collection) -> list[int]:
    return list(collection.items.order_by("position").values_list("file_id", flat=True))


def test_a_collection_is_made_at_the_end_with_its_files_in_order(operator: User, files: list[MediaFile]) -> None:
    first = collections.create_collection(name="Finals", user=operator)
    second = collections.create_collection(name="Bluffs", user=operator, file_ids=[files[2].pk, files[0].pk])
    inner = collections.create_collection(name="Finals", user=operator, parent=second)
    assert (first.position, second.position, inner.position) == (0, 1, 0)
    assert order_of(second) == [files[2].pk, files[0].pk]
    assert second.created_by == operator


def test_names_are_taken_within_one_parent_only(operator: User) -> None:
    outer = collections.create_collection(name="A", user=operator)
    collections.create_collection(name="A", user=operator, parent=outer)
    with pytest.raises(NameTakenError):
        collections.create_collection(name="A", user=operator)
    inner = collections.create_collection(name="B", user=operator, parent=outer)
    with pytest.raises(NameTakenError):
        collections.update_collection(collection=inner, name="A", user=operator)


def test_files_are_added_once_at_the_end_and_unknown_ones_passed_over(operator: User, files: list[MediaFile]) -> None:
    collection = make_collection(files=files[:2])
    added = collections.add_files(collection=collection, file_ids=[files[3].pk, files[0].pk, 10**9, files[2].pk], user=operator)
    assert added == [files[3].pk, files[2].pk]
    assert order_of(collection) == [files[0].pk, files[1].pk, files[3].pk, files[2].pk]


def test_removing_closes_the_gap(operator: User, files: list[MediaFile]) -> None:
    collection = make_collection(files=files)
    assert collections.remove_files(collection=collection, file_ids=[files[1].pk], user=operator) == [files[1].pk]
    assert list(collection.items.order_by("position").values_list("position", flat=True)) == [0, 1, 2]


def test_the_new_order_names_every_file(operator: User, files: list[MediaFile]) -> None:
    collection = make_collection(files=files[:3])
    wanted = [files[2].pk, files[0].pk, files[1].pk]
    collections.order_files(collection=collection, file_ids=wanted, user=operator)
    assert order_of(collection) == wanted
    for wrong in ([files[2].pk, files[0].pk], [*wanted, files[3].pk], [files[2].pk, files[2].pk, files[0].pk]):
        with pytest.raises(OrderMismatchError):
            collections.order_files(collection=collection, file_ids=wrong, user=operator)
    assert order_of(collection) == wanted


def test_collections_are_ordered_within_their_parent(operator: User) -> None:
    outer = make_collection()
    one, two = make_collection(parent=outer), make_collection(parent=outer, position=1)
    collections.order_collections(parent=outer, collection_ids=[two.pk, one.pk], user=operator)
    assert list(outer.children.all()) == [two, one]
    with pytest.raises(OrderMismatchError):
        collections.order_collections(parent=outer, collection_ids=[one.pk], user=operator)


def test_a_collection_moves_anywhere_but_into_itself(operator: User) -> None:
    outer = make_collection()
    inner = make_collection(parent=outer)
    innermost = make_collection(parent=inner)
    for parent in (outer, inner, innermost):
        with pytest.raises(CollectionCycleError):
            collections.nest_collection(collection=outer, parent=parent, user=operator)
    collections.nest_collection(collection=innermost, parent=None, user=operator)
    collections.nest_collection(collection=outer, parent=innermost, user=operator)
    outer.refresh_from_db()
    assert outer.parent == innermost


def test_deleting_takes_what_is_inside_and_keeps_the_files(operator: User, files: list[MediaFile]) -> None:
    outer = make_collection()
    make_collection(parent=outer, files=files)
    collections.delete_collection(collection=outer, user=operator)
    assert not Collection.objects.exists()
    assert MediaFile.objects.count() == len(files)


@pytest.mark.parametrize(
    "act",
    [
        lambda collection, user: collections.create_collection(name="x", user=user),
        lambda collection, user: collections.update_collection(collection=collection, name="x", user=user),
        lambda collection, user: collections.nest_collection(collection=collection, parent=None, user=user),
        lambda collection, user: collections.delete_collection(collection=collection, user=user),
        lambda collection, user: collections.add_files(collection=collection, file_ids=[1], user=user),
        lambda collection, user: collections.remove_files(collection=collection, file_ids=[1], user=user),
        lambda collection, user: collections.order_files(collection=collection, file_ids=[], user=user),
        lambda collection, user: collections.order_collections(parent=None, collection_ids=[collection.pk], user=user),
    ],
)
def test_a_viewer_changes_no_collections(act: Callable[[Collection, User], object]) -> None:
    collection = make_collection("kept")
    with pytest.raises(PermissionDeniedError):
        act(collection, make_user("viewer"))
    assert list(Collection.objects.values_list("name", flat=True)) == ["kept"]
