"""Curators move, merge and split; everything is written down, and nobody else may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from catalog.choices import Placement
from catalog.errors import MergeIntoItselfError, NameTakenError, NotEmptyError, ObjectNotFoundError, SplitTakesAllError
from catalog.models import Content, MediaFile, Series
from catalog.services import arranging, works
from catalog.services.placement import place_all, recount_series
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry, User
from tests.factories import make_catalog, make_content, make_file, make_player, make_series, make_source, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    return make_user("operator")


def content_with_files(count: int, **fields: Any) -> tuple[Content, list[MediaFile]]:
    content = make_content(**fields)
    source = make_source()
    files = [make_file(f"{content.title}/{number}.mp4", source=source, content=content) for number in range(count)]
    recount_series([content.series_id])
    return content, files


def test_files_moved_to_a_series_keep_together_by_the_title_they_had(operator: User) -> None:
    content, files = content_with_files(2)
    target = make_series()
    assert arranging.move_files_to_series(file_ids=[file.pk for file in files], series=target, user=operator) == 2
    moved = Content.objects.get(series=target)
    assert (moved.title, moved.files.count()) == (content.title, 2)
    assert not Content.objects.filter(pk=content.pk).exists()
    assert not Series.objects.filter(pk=content.series_id).exists()
    target.refresh_from_db()
    assert target.total_contents == 1


def test_what_curators_said_of_a_content_moves_with_its_files(operator: User) -> None:
    content, files = content_with_files(2)
    Content.objects.filter(pk=content.pk).update(description="헤즈업", is_curated=True)
    content.players.add(make_player("Phil Ivey"))
    target = make_series()
    arranging.move_files_to_series(file_ids=[file.pk for file in files], series=target, user=operator)
    moved = Content.objects.get(series=target)
    assert (moved.description, moved.is_curated, [player.name for player in moved.players.all()]) == ("헤즈업", True, ["Phil Ivey"])


def test_a_content_that_gets_more_files_keeps_what_it_says(operator: User) -> None:
    content, files = content_with_files(1)
    Content.objects.filter(pk=content.pk).update(description="왼쪽")
    there = make_content(make_series(), content.title, description="오른쪽")
    arranging.move_files_to_series(file_ids=[files[0].pk], series=there.series, user=operator)
    files[0].refresh_from_db()
    there.refresh_from_db()
    assert (files[0].content_id, there.description) == (there.pk, "오른쪽")


def test_files_without_a_content_get_one_titled_by_their_name(operator: User) -> None:
    target = make_series()
    file = make_file("x/ME_Day1.mp4")
    arranging.move_files_to_series(file_ids=[file.pk], series=target, user=operator)
    assert Content.objects.get(series=target).title == "ME Day1"


def test_a_move_of_a_file_that_is_gone_changes_nothing(operator: User) -> None:
    content, files = content_with_files(1)
    other = make_content()
    with pytest.raises(ObjectNotFoundError):
        arranging.move_files(file_ids=[files[0].pk, 10**9], content=other, user=operator)
    files[0].refresh_from_db()
    assert files[0].content == content


def test_files_taken_out_of_every_content_stay_out(operator: User) -> None:
    _content, files = content_with_files(1)
    arranging.move_files(file_ids=[files[0].pk], content=None, user=operator)
    place_all()
    files[0].refresh_from_db()
    assert files[0].content is None


def test_a_moved_content_takes_its_files_along_and_rules_leave_them(operator: User) -> None:
    content, files = content_with_files(1)
    target = make_series()
    arranging.move_content(content=content, series=target, user=operator)
    place_all()
    files[0].refresh_from_db()
    assert files[0].content == content
    assert files[0].placement == Placement.CURATOR
    content.refresh_from_db()
    assert content.series == target


def test_a_content_does_not_move_over_one_of_the_same_key(operator: User) -> None:
    content, _files = content_with_files(1, title="Final")
    target = make_series()
    make_content(target, "final")
    with pytest.raises(NameTakenError):
        arranging.move_content(content=content, series=target, user=operator)


def test_merging_moves_files_and_players_and_leaves_one(operator: User) -> None:
    into, kept = content_with_files(1)
    other, moved = content_with_files(2)
    other.players.add(make_player("Phil"))
    arranging.merge_contents(into=into, others=[other], user=operator)
    assert set(into.files.all()) == {*kept, *moved}
    assert [player.name for player in into.players.all()] == ["Phil"]
    assert not Content.objects.filter(pk=other.pk).exists()


def test_nothing_is_merged_into_itself(operator: User) -> None:
    content = make_content()
    with pytest.raises(MergeIntoItselfError):
        arranging.merge_contents(into=content, others=[content], user=operator)


def test_splitting_makes_a_second_content_beside_the_first(operator: User) -> None:
    content, files = content_with_files(3)
    made = arranging.split_content(content=content, file_ids=[files[2].pk], title="Bonus", user=operator)
    assert (made.series, list(made.files.all()), content.files.count()) == (content.series, [files[2]], 2)
    made.series.refresh_from_db()
    assert made.series.total_contents == 2


@pytest.mark.parametrize("count", [0, 2])
def test_a_split_takes_some_files_not_none_and_not_all(operator: User, count: int) -> None:
    content, files = content_with_files(2)
    with pytest.raises(SplitTakesAllError):
        arranging.split_content(content=content, file_ids=[file.pk for file in files[:count]], title="x", user=operator)


def test_a_deleted_content_leaves_its_files_and_they_stay_out(operator: User) -> None:
    content, files = content_with_files(1)
    works.delete_content(content=content, user=operator)
    place_all()
    files[0].refresh_from_db()
    assert files[0].content is None


def test_catalogs_and_series_are_deleted_only_when_empty(operator: User) -> None:
    content, _files = content_with_files(1)
    with pytest.raises(NotEmptyError):
        works.delete_series(series=content.series, user=operator)
    with pytest.raises(NotEmptyError):
        works.delete_catalog(catalog=content.series.catalog, user=operator)
    works.delete_catalog(catalog=make_catalog("empty"), user=operator)
    works.delete_series(series=make_series(name="empty"), user=operator)
    assert not Series.objects.filter(name="empty").exists()


def test_names_are_tidied_and_taken_ones_refused(operator: User) -> None:
    catalog = works.create_catalog(name="  High   Stakes ", user=operator)
    assert (catalog.name, catalog.key) == ("High Stakes", "high stakes")
    with pytest.raises(NameTakenError):
        works.create_catalog(name="HIGH stakes", user=operator)
    series = works.create_series(catalog=catalog, name="2024", year=2024, user=operator)
    works.create_content(series=series, title="Final", user=operator)
    with pytest.raises(NameTakenError):
        works.create_content(series=series, title="final", user=operator)
    series.refresh_from_db()
    assert series.total_contents == 1


def test_a_change_is_written_down_with_what_was_before(operator: User) -> None:
    catalog = make_catalog("WSOP")
    works.update_catalog(catalog=catalog, user=operator, name="World Series", position=3)
    entry = AuditEntry.objects.get(action="catalog.catalog.update")
    assert (entry.actor, entry.before, entry.after) == (
        operator,
        {"name": "WSOP", "position": 0},
        {"name": "World Series", "position": 3},
    )


def test_an_update_that_changes_nothing_neither_marks_nor_writes_down(operator: User) -> None:
    catalog = make_catalog("WSOP")
    assert works.update_catalog(catalog=catalog, user=operator, name="WSOP").is_curated is False
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "act",
    [
        lambda content, file, user: works.update_content(content=content, title="x", user=user),
        lambda content, file, user: works.delete_content(content=content, user=user),
        lambda content, file, user: works.create_catalog(name="x", user=user),
        lambda content, file, user: works.update_series(series=content.series, name="x", user=user),
        lambda content, file, user: arranging.move_files(file_ids=[file.pk], content=None, user=user),
        lambda content, file, user: arranging.move_files_to_series(file_ids=[file.pk], series=content.series, user=user),
        lambda content, file, user: arranging.move_content(content=content, series=content.series, user=user),
        lambda content, file, user: arranging.merge_contents(into=content, others=[], user=user),
        lambda content, file, user: arranging.split_content(content=content, file_ids=[file.pk], title="x", user=user),
        lambda content, file, user: arranging.release_files(file_ids=[file.pk], user=user),
    ],
)
def test_a_viewer_arranges_nothing(act: Callable[[Content, MediaFile, User], object]) -> None:
    content, files = content_with_files(2)
    with pytest.raises(PermissionDeniedError):
        act(content, files[0], make_user("viewer"))
    assert not AuditEntry.objects.exists()
