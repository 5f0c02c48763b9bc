"""Players and what people write about files."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.choices import ProbeState
from catalog.errors import MergeIntoItselfError, NameTakenError, NameTooLongError
from catalog.models import MediaFile, Player
from catalog.services import files, players
from catalog.services.viewing import record_view
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry, User
from mam.jobs.models import JobPriority
from tests.factories import make_content, make_file, make_player, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    return make_user("operator")


def test_a_player_is_made_with_tidy_names(operator: User) -> None:
    player = players.create_player(
        name=" Phil  Ivey ", name_ko="필 아이비", aliases=["No Home Jerome", " ", "No Home  Jerome"], country="us", user=operator
    )
    assert (player.name, player.name_ko, player.aliases, player.country) == ("Phil Ivey", "필 아이비", ["No Home Jerome"], "US")
    with pytest.raises(NameTakenError):
        players.create_player(name="Phil Ivey", user=operator)


def test_merged_players_keep_all_spellings_files_and_contents(operator: User) -> None:
    into, other = make_player("Phil Ivey"), make_player("P. Ivey", name_ko="필 아이비", aliases=["Phil Ivey", "Jerome"])
    file, content = make_file(), make_content()
    other.files.add(file)
    other.contents.add(content)
    players.merge_players(into=into, other=other, user=operator)
    into.refresh_from_db()
    assert into.aliases == ["P. Ivey", "필 아이비", "Jerome"]
    assert (list(into.files.all()), list(into.contents.all())) == ([file], [content])
    assert Player.objects.count() == 1
    with pytest.raises(MergeIntoItselfError):
        players.merge_players(into=into, other=into, user=operator)


def test_players_of_a_file_are_set_and_written_down_once(operator: User) -> None:
    file, player = make_file(), make_player()
    for _ in range(2):
        players.set_players(file=file, players=[player], user=operator)
    entry = AuditEntry.objects.get(action="catalog.file.players")
    assert (entry.before, entry.after) == ({"players": []}, {"players": [player.pk]})


def test_a_viewer_changes_neither_players_nor_files() -> None:
    viewer, file, player = make_user("viewer"), make_file(), make_player("kept")
    with pytest.raises(PermissionDeniedError):
        players.create_player(name="x", user=viewer)
    with pytest.raises(PermissionDeniedError):
        players.update_player(player=player, name="x", user=viewer)
    with pytest.raises(PermissionDeniedError):
        players.delete_player(player=player, user=viewer)
    with pytest.raises(PermissionDeniedError):
        players.set_players(file=file, players=[player], user=viewer)
    with pytest.raises(PermissionDeniedError):
        files.update_file(file=file, title="x", user=viewer)
    assert list(Player.objects.values_list("name", flat=True)) == ["kept"]


def test_a_title_is_stored_composed_and_written_down(operator: User) -> None:
    file = make_file()
    files.update_file(file=file, title=unicodedata.normalize("NFD", " 결승  테이블 "), description="좋은 손", user=operator)
    file.refresh_from_db()
    assert (file.title, file.description) == ("결승 테이블", "좋은 손")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.after) == ("catalog.file.update", operator, {"title": "결승 테이블", "description": "좋은 손"})


def test_a_title_that_is_too_long_changes_nothing(operator: User) -> None:
    file = make_file()
    with pytest.raises(NameTooLongError):
        files.update_file(file=file, title="x" * 256, user=operator)
    file.refresh_from_db()
    assert file.title == ""


def test_a_file_that_somebody_looks_at_is_analysed_next() -> None:
    waiting, done = make_file(probe_state=ProbeState.PENDING, probe_priority=60), make_file(probe_priority=60)
    viewer = make_user("viewer")
    record_view(user=viewer, file_id=waiting.pk)
    record_view(user=viewer, file_id=done.pk)
    assert dict(MediaFile.objects.values_list("pk", "probe_priority")) == {waiting.pk: JobPriority.HIGH, done.pk: 60}
    assert not MediaFile.objects.filter(last_viewed_at=None).exists()


def test_a_second_look_soon_after_is_not_written() -> None:
    just_now = timezone.now() - timedelta(seconds=10)
    file = make_file(last_viewed_at=just_now)
    record_view(user=make_user("viewer"), file_id=file.pk)
    file.refresh_from_db()
    assert file.last_viewed_at == just_now
