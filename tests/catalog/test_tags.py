"""Tags: one per word, on many files at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from catalog.errors import ColorInvalidError, MergeIntoItselfError, NameMissingError, NameTakenError, NameTooLongError, ObjectNotFoundError
from catalog.models import Tag
from catalog.services import tags
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry, User
from tests.factories import make_file, make_source, make_tag, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    return make_user("operator")


def test_one_tag_for_one_word_however_it_is_spelled(operator: User) -> None:
    tags.create_tag(name=" Bluff ", color="#FF0000", user=operator)
    assert list(Tag.objects.values_list("name", "key", "color")) == [("Bluff", "bluff", "#ff0000")]
    with pytest.raises(NameTakenError):
        tags.create_tag(name="BLUFF", user=operator)


@pytest.mark.parametrize(
    ("name", "color", "error"),
    [("  ", "", NameMissingError), ("x" * 101, "", NameTooLongError), ("x", "red", ColorInvalidError), ("x", "#12345", ColorInvalidError)],
)
def test_what_cannot_be_a_tag_is_refused(operator: User, name: str, color: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        tags.create_tag(name=name, color=color, user=operator)
    assert not Tag.objects.exists()


def test_tags_by_name_are_found_or_made(operator: User) -> None:
    known = make_tag("Bluff")
    found = tags.get_or_create_tags(names=["bluff", "All-in", "ALL-IN"], user=operator)
    assert found[0] == known
    assert [tag.name for tag in found] == ["Bluff", "ALL-IN"]


def test_tags_go_on_many_files_once_each(operator: User) -> None:
    source = make_source()
    files = [make_file(source=source) for _ in range(3)]
    tag = make_tag()
    files[0].tags.add(tag)
    assert tags.add_tags(file_ids=[*(file.pk for file in files), 10**9], tags=[tag], user=operator) == 2
    assert tag.files.count() == 3
    entry = AuditEntry.objects.get(action="catalog.tag.add")
    assert entry.after == {"files": [files[1].pk, files[2].pk]}
    assert tags.remove_tags(file_ids=[files[0].pk, files[1].pk], tags=[tag], user=operator) == 2
    assert list(tag.files.all()) == [files[2]]


def test_setting_tags_of_a_file_adds_and_removes(operator: User) -> None:
    stays, goes, comes = make_tag(), make_tag(), make_tag()
    file = make_file(tags=[stays, goes])
    tags.set_tags(file=file, tags=[stays, comes], user=operator)
    assert set(file.tags.all()) == {stays, comes}


def test_renaming_and_recolouring_keep_the_files(operator: User) -> None:
    tag, taken = make_tag("Bluf"), make_tag("Fold")
    file = make_file(tags=[tag])
    tags.rename_tag(tag=tag, name="Bluff", user=operator)
    tags.recolor_tag(tag=tag, color="#00FF00", user=operator)
    assert [(found.name, found.key, found.color) for found in file.tags.all()] == [("Bluff", "bluff", "#00ff00")]
    with pytest.raises(NameTakenError):
        tags.rename_tag(tag=tag, name=taken.name, user=operator)


def test_a_change_of_case_is_a_rename(operator: User) -> None:
    tag = make_tag("bluff")
    assert tags.rename_tag(tag=tag, name="Bluff", user=operator).name == "Bluff"


def test_merging_keeps_every_file_tagged_once(operator: User) -> None:
    into, other = make_tag(), make_tag()
    source = make_source()
    both, one = make_file(source=source, tags=[into, other]), make_file(source=source, tags=[other])
    tags.merge_tags(into=into, other=other, user=operator)
    assert set(into.files.all()) == {both, one}
    assert not Tag.objects.filter(pk=other.pk).exists()
    with pytest.raises(MergeIntoItselfError):
        tags.merge_tags(into=into, other=into, user=operator)
    with pytest.raises(ObjectNotFoundError):
        tags.merge_tags(into=into, other=other, user=operator)


@pytest.mark.parametrize(
    "act",
    [
        lambda tag, user: tags.create_tag(name="new", user=user),
        lambda tag, user: tags.get_or_create_tags(names=["new"], user=user),
        lambda tag, user: tags.rename_tag(tag=tag, name="x", user=user),
        lambda tag, user: tags.recolor_tag(tag=tag, color="", user=user),
        lambda tag, user: tags.merge_tags(into=tag, other=tag, user=user),
        lambda tag, user: tags.delete_tag(tag=tag, user=user),
        lambda tag, user: tags.add_tags(file_ids=[1], tags=[tag], user=user),
        lambda tag, user: tags.remove_tags(file_ids=[1], tags=[tag], user=user),
    ],
)
def test_a_viewer_changes_no_tags(act: Callable[[Tag, User], object]) -> None:
    tag = make_tag("kept")
    with pytest.raises(PermissionDeniedError):
        act(tag, make_user("viewer"))
    assert list(Tag.objects.values_list("name", flat=True)) == ["kept"]


def test_a_deleted_tag_leaves_its_files(operator: User) -> None:
    tag = make_tag()
    file = make_file(tags=[tag])
    tags.delete_tag(tag=tag, user=operator)
    assert not file.tags.exists()
