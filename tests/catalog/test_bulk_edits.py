"""Changes of many files: done in parts, stopped anywhere, taken back exactly."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.urls import reverse

from catalog.choices import EditKind, EditState, Placement
from catalog.errors import AskerGoneError, NothingToChangeError, ObjectNotFoundError, TooManyFilesError
from catalog.models import BulkEdit, Collection, CollectionItem, Content, MediaFile, Series
from catalog.search import index
from catalog.services import arranging, bulk_edits, collections, tags
from catalog.services.placement import place_all
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry, User
from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from tests.catalog.killing import Killed, dies_after, ignore
from tests.factories import (
    make_collection,
    make_content,
    make_file,
    make_player,
    make_rule,
    make_series,
    make_source,
    make_tag,
    make_user,
)

if TYPE_CHECKING:
    from django.test import Client
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_edits, "PART_FILES", 3)


@pytest.fixture
def operator() -> User:
    return make_user("operator")


@pytest.fixture
def files() -> list[MediaFile]:
    """Eight: three parts. A rule has placed half of them."""
    source = make_source()
    made = [make_file(f"WSOP/2024/Day {number}.mp4" if number % 2 else f"new/{number}.mp4", source=source) for number in range(8)]
    make_rule()
    place_all()
    return made


def everything() -> dict[str, Any]:
    """All that an edit may change, without the ids of rows."""
    columns = ("pk", "content__series__catalog__name", "content__series__name", "content__title", "part_number", "placement")
    return {
        "tags": set(MediaFile.tags.through.objects.values_list("mediafile_id", "tag__name")),
        "players": set(MediaFile.players.through.objects.values_list("mediafile_id", "player__name")),
        "collections": list(CollectionItem.objects.order_by("collection", "position").values_list("collection__name", "file", "position")),
        "places": list(MediaFile.objects.order_by("pk").values_list(*columns)),
        "series": set(Series.objects.values_list("name", "total_contents")),
    }


def prepare(kind: EditKind, files: list[MediaFile]) -> list[Any]:
    """Some of the files are already as they shall be; the targets."""
    match kind:
        case EditKind.ADD_TAGS | EditKind.REMOVE_TAGS:
            targets = [make_tag("Bluff"), make_tag("히어로 콜")]
            for target in targets:
                target.files.add(files[1], files[4])
            return targets
        case EditKind.ADD_PLAYERS | EditKind.REMOVE_PLAYERS:
            player = make_player("Phil Ivey")
            player.files.add(files[0], files[7])
            return [player]
        case EditKind.COLLECT:
            return [make_collection("Best", files=[files[5]])]
        case EditKind.PLACE:
            content = make_content(make_series(name="by hand"), title="apart")
            arranging.move_files(file_ids=[files[2].pk], content=content, user=None, part_number=7)
            return [make_series(name="target", is_curated=True)]


def state_of(edit: BulkEdit) -> EditState:
    edit.refresh_from_db()
    return edit.state


@pytest.mark.parametrize("kind", EditKind)
def test_what_was_done_is_taken_back_exactly_and_done_again(kind: EditKind, files: list[MediaFile], operator: User) -> None:
    targets = prepare(kind, files)
    before = everything()

    edit = bulk_edits.start_edit(kind=kind, targets=targets, file_ids=[file.pk for file in files], user=operator)
    assert state_of(edit) == EditState.DOING
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert state_of(edit) == EditState.DONE
    after = everything()
    assert after != before

    bulk_edits.undo_edit(edit=edit, user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert state_of(edit) == EditState.UNDONE
    assert edit.changed_files == 0
    now = everything()
    for key in before:
        assert now[key] == before[key]

    bulk_edits.redo_edit(edit=edit, user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert state_of(edit) == EditState.DONE
    assert everything() == after


def test_only_files_that_were_not_so_already_are_counted(files: list[MediaFile], operator: User) -> None:
    targets = prepare(EditKind.ADD_TAGS, files)
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=targets, file_ids=[file.pk for file in files], user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    edit.refresh_from_db()
    assert (edit.total_files, edit.changed_files) == (8, 6)


def test_a_collection_gets_the_files_in_the_order_they_were_given_in(files: list[MediaFile], operator: User) -> None:
    collection = make_collection("Best")
    wanted = [file.pk for file in (files[6], files[0], files[3], files[7], files[1])]
    bulk_edits.start_edit(kind=EditKind.COLLECT, targets=[collection], file_ids=wanted, user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert list(collection.items.order_by("position").values_list("file_id", flat=True)) == wanted


def test_who_was_killed_goes_on_where_the_last_part_ended(files: list[MediaFile], operator: User) -> None:
    collection = make_collection("Best")
    edit = bulk_edits.start_edit(kind=EditKind.COLLECT, targets=[collection], file_ids=[file.pk for file in files], user=operator)
    with pytest.raises(Killed):
        bulk_edits.settle(edit_id=edit.pk, publish=dies_after(2), on_progress=ignore)
    edit.refresh_from_db()
    assert (edit.done_parts, collection.items.count()) == (2, 6)

    run_pending(kinds=[bulk_edits.EDIT_JOB])

    assert state_of(edit) == EditState.DONE
    assert list(collection.items.order_by("position").values_list("file_id", flat=True)) == [file.pk for file in files]


def test_an_edit_taken_back_while_it_is_being_done_turns_round(files: list[MediaFile], operator: User) -> None:
    tag = make_tag("Bluff")
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=[file.pk for file in files], user=operator)

    def undo_then(done: int, _total: int) -> None:
        if done == 2 and BulkEdit.objects.get().is_wanted:
            bulk_edits.undo_edit(edit=edit, user=operator)

    assert bulk_edits.settle(edit_id=edit.pk, publish=transaction.atomic, on_progress=undo_then) == 0
    assert state_of(edit) == EditState.UNDONE
    assert not tag.files.exists()


def test_what_others_did_meanwhile_stays(files: list[MediaFile], operator: User) -> None:
    collection, tag = make_collection("Best"), make_tag("Bluff")
    ids = [file.pk for file in files]
    edits = [
        bulk_edits.start_edit(kind=EditKind.COLLECT, targets=[collection], file_ids=ids[:4], user=operator),
        bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=ids[:4], user=operator),
    ]
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    collections.add_files(collection=collection, file_ids=ids[4:6], user=operator)
    collections.remove_files(collection=collection, file_ids=ids[:1], user=operator)
    tags.add_tags(file_ids=ids[5:7], tags=[tag], user=operator)
    files[1].delete()

    for edit in edits:
        bulk_edits.undo_edit(edit=edit, user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])

    assert list(collection.items.order_by("position").values_list("file_id", "position")) == [(ids[4], 0), (ids[5], 1)]
    assert set(tag.files.values_list("pk", flat=True)) == set(ids[5:7])


def test_a_file_that_was_moved_again_stays_where_it_was_put(files: list[MediaFile], operator: User) -> None:
    ids = [file.pk for file in files]
    edit = bulk_edits.start_edit(kind=EditKind.PLACE, targets=[make_series(is_curated=True)], file_ids=ids, user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    by_hand = make_content(title="by hand")
    arranging.move_files(file_ids=ids[:1], content=by_hand, user=operator, part_number=4)
    bulk_edits.undo_edit(edit=edit, user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    files[0].refresh_from_db()
    files[1].refresh_from_db()
    assert (files[0].content, files[0].part_number, files[0].placement) == (by_hand, 4, Placement.CURATOR)
    assert files[1].placement == Placement.RULE


def test_the_more_targets_the_fewer_files_are_changed_at_once(files: list[MediaFile], operator: User) -> None:
    targets = [make_tag(f"tag {number}") for number in range(4)]
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=targets, file_ids=[file.pk for file in files], user=operator)
    assert edit.total_parts == len(files)


def test_who_may_not_curate_any_more_changes_nothing_more(files: list[MediaFile], operator: User) -> None:
    tag = make_tag()
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=[file.pk for file in files], user=operator)
    operator.groups.clear()
    (job,) = run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert (job.state, job.error_code) == (JobState.FAILED, PermissionDeniedError.code)
    assert not tag.files.exists()
    edit = BulkEdit.objects.select_related("job").get(pk=edit.pk)
    assert edit.has_stopped


@pytest.mark.parametrize("query", ['""', '"', "-", "--", '-"', 'tag:""', "::", "!!!", ""])
def test_a_search_that_says_nothing_means_no_file(
    client: Client, operator_api: APIClient, operator: User, found: list[int], query: str
) -> None:
    assert operator_api.post("/api/v1/bulk-edits/", {"kind": "add_tags", "target_ids": [make_tag().pk], "query": query}).status_code == 400
    client.force_login(operator)
    for url in (f"{reverse('catalog:search_edit')}?{urlencode({'q': query, 'kind': 'add_tags'})}", reverse("catalog:search_edit")):
        client.post(url, {"names": "Bluff"})
    assert not BulkEdit.objects.exists()
    assert operator_api.get("/search/export.csv").status_code == 200


def test_an_undo_that_stopped_goes_on_as_an_undo(client: Client, files: list[MediaFile], operator: User) -> None:
    tag = make_tag()
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=[file.pk for file in files], user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    bulk_edits.undo_edit(edit=edit, user=operator)
    Job.objects.filter(state=JobState.QUEUED).update(state=JobState.CANCELLED)
    client.force_login(operator)
    page = client.get(reverse("catalog:edit_detail", args=[edit.pk]), headers=ENGLISH).content.decode()
    assert page.index("Go on") < page.index("Do it again")
    assert reverse("catalog:edit_undo", args=[edit.pk]) in page


def test_without_its_target_an_edit_stops_and_can_still_be_taken_back(files: list[MediaFile], operator: User) -> None:
    tag, other = make_tag("Bluff"), make_tag("Call")
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag, other], file_ids=[file.pk for file in files], user=operator)
    with pytest.raises(Killed):
        bulk_edits.settle(edit_id=edit.pk, publish=dies_after(1), on_progress=ignore)
    tags.delete_tag(tag=tag, user=operator)
    (job,) = run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert (job.state, job.error_code) == (JobState.FAILED, ObjectNotFoundError.code)
    edit.refresh_from_db()
    assert edit.has_stopped

    bulk_edits.undo_edit(edit=edit, user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert state_of(edit) == EditState.UNDONE
    assert not other.files.exists()


def test_a_change_whose_tag_was_merged_says_what_undoing_leaves(client: Client, files: list[MediaFile], operator: User) -> None:
    tag, other = make_tag("Bluff"), make_tag("Call")
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=[file.pk for file in files], user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    client.force_login(operator)
    url, words = reverse("catalog:edit_detail", args=[edit.pk]), "Some of what it was done with was merged"
    assert words not in client.get(url, headers=ENGLISH).content.decode()
    tags.merge_tags(into=other, other=tag, user=operator)
    assert words in client.get(url, headers=ENGLISH).content.decode()


def test_a_change_stops_when_its_asker_was_deleted_and_goes_on_for_another(files: list[MediaFile], operator: User) -> None:
    tag, asker = make_tag(), make_user("operator")
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=[file.pk for file in files], user=asker)
    asker.delete()
    (job,) = run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert (job.state, job.error_code) == (JobState.FAILED, AskerGoneError.code)
    assert not tag.files.exists()
    bulk_edits.redo_edit(edit=edit, user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert tag.files.count() == len(files)


def test_the_system_itself_changes_files(files: list[MediaFile]) -> None:
    tag = make_tag()
    bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=[files[0].pk], user=None)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert tag.files.count() == 1


def test_who_changes_all_files_with_exact_words_learns_that_older_ones_are_left_out(
    client: Client, files: list[MediaFile], operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = files[1].name.removesuffix(".mp4")
    index.refresh_all()
    client.force_login(operator)
    url, said = reverse("catalog:search_edit"), "Older files are neither found nor changed."
    assert said not in client.get(url, {"q": f'"{words}"'}, headers=ENGLISH).content.decode()
    monkeypatch.setattr(import_module("catalog.selectors.search"), "PHRASE_FILES", 0)
    assert said in client.get(url, {"q": f'"{words}"'}, headers=ENGLISH).content.decode()
    assert said not in client.get(url, {"q": words}, headers=ENGLISH).content.decode()


def test_nothing_and_too_much_are_refused(files: list[MediaFile], operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_edits, "MAX_FILES", 7)
    ids, tag = [file.pk for file in files], make_tag()
    with pytest.raises(TooManyFilesError):
        bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=ids, user=operator)
    for targets, some in (([], ids[:2]), ([tag], [])):
        with pytest.raises(NothingToChangeError):
            bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=targets, file_ids=some, user=operator)
    assert not BulkEdit.objects.exists()
    assert not Job.objects.exists()


def test_viewers_may_neither_change_nor_undo(files: list[MediaFile], operator: User) -> None:
    viewer, tag = make_user("viewer"), make_tag()
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=[files[0].pk], user=operator)
    with pytest.raises(PermissionDeniedError):
        bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[tag], file_ids=[files[0].pk], user=viewer)
    for turn in (bulk_edits.undo_edit, bulk_edits.redo_edit):
        with pytest.raises(PermissionDeniedError):
            turn(edit=edit, user=viewer)


def test_the_audit_names_who_turned_it(files: list[MediaFile], operator: User) -> None:
    other = make_user("operator")
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[make_tag("Bluff")], file_ids=[files[0].pk], user=operator)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    bulk_edits.undo_edit(edit=edit, user=other)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    entries = AuditEntry.objects.order_by("pk").values_list("action", "actor")
    assert list(entries) == [
        ("catalog.bulk_edit.start", operator.pk),
        ("catalog.tag.add", operator.pk),
        ("catalog.file.add_tag", operator.pk),
        ("catalog.bulk_edit.undo", other.pk),
        ("catalog.tag.remove", other.pk),
        ("catalog.file.remove_tag", other.pk),
    ]


# --- pages and API ----------------------------------------------------------------------------------------------------
@pytest.fixture
def found(files: list[MediaFile]) -> list[int]:
    """What a search for "day" finds, by name."""
    index.refresh_all()
    return [file.pk for file in files[1::2]]


def test_all_files_of_a_search_go_into_a_new_collection_and_out_again(client: Client, operator: User, found: list[int]) -> None:
    client.force_login(operator)
    search = client.get(reverse("catalog:search"), {"q": "day", "sort": "name"}, headers=ENGLISH).content.decode()
    href = f"{reverse('catalog:search_edit')}?q=day&sort=name&kind=collect"
    assert href.replace("&", "&amp;") in search
    assert "4 files" in client.get(href, headers=ENGLISH).content.decode()

    empty = client.post(href, {"collection": "", "new_name": ""}, headers=ENGLISH)
    assert "Choose a collection or enter the name of a new one." in empty.content.decode()
    response = client.post(href, {"collection": "", "new_name": "결승 모음"})
    edit = BulkEdit.objects.get()
    assert response.headers["Location"] == reverse("catalog:edit_detail", args=[edit.pk])
    assert 'hx-trigger="load delay' in client.get(response.headers["Location"]).content.decode()
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    collection = Collection.objects.get(name="결승 모음")
    assert list(collection.items.order_by("position").values_list("file_id", flat=True)) == found
    page = client.get(response.headers["Location"], headers=ENGLISH).content.decode()
    assert "hx-trigger" not in page
    assert reverse("catalog:collection_detail", args=[collection.pk]) in page

    client.post(reverse("catalog:edit_undo", args=[edit.pk]))
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert not collection.items.exists()
    assert "결승 모음" in client.get(reverse("catalog:edit_list")).content.decode()


@pytest.mark.parametrize(
    ("kind", "typed", "says"),
    [
        (EditKind.ADD_PLAYERS, {"names": "nobody at all"}, "There is no player named “nobody at all”."),
        (EditKind.REMOVE_TAGS, {"names": "no such tag"}, "Choose at least one file, and what is to be done with it."),
        (EditKind.PLACE, {"series": "999999"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    client: Client, operator: User, found: list[int], kind: EditKind, typed: dict[str, str], says: str
) -> None:
    client.force_login(operator)
    response = client.post(f"{reverse('catalog:search_edit')}?q=day&kind={kind}", typed, headers=ENGLISH)
    assert says in response.content.decode()
    assert not BulkEdit.objects.exists()


def test_players_are_named_in_any_spelling(client: Client, operator: User, found: list[int]) -> None:
    player = make_player("Phil Ivey", name_ko="필 아이비")
    client.force_login(operator)
    client.post(f"{reverse('catalog:search_edit')}?q=day&kind=add_players", {"names": "필 아이비"})
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert set(player.files.values_list("pk", flat=True)) == set(found)


def test_a_name_that_may_be_several_players_is_not_guessed(client: Client, operator: User, found: list[int]) -> None:
    for name in ("Phil Ivey", "Phil Hellmuth", "Phil Laak", "Phil Galfond"):
        make_player(name)
    client.force_login(operator)
    response = client.post(f"{reverse('catalog:search_edit')}?q=day&kind=add_players", {"names": "phil"}, headers=ENGLISH)
    assert "“phil” may be one of several players (Phil Galfond, Phil Hellmuth, Phil Ivey, …)." in response.content.decode()
    assert not BulkEdit.objects.exists()


def test_pages_of_edits_are_for_curators(client: Client, files: list[MediaFile], found: list[int]) -> None:
    edit = bulk_edits.start_edit(kind=EditKind.ADD_TAGS, targets=[make_tag()], file_ids=found, user=None)
    client.force_login(make_user("viewer"))
    assert reverse("catalog:search_edit") not in client.get(reverse("catalog:search"), {"q": "day"}).content.decode()
    for name, arguments in (("search_edit", []), ("edit_list", []), ("edit_detail", [edit.pk])):
        assert client.get(reverse(f"catalog:{name}", args=arguments)).status_code == 403
    for name in ("edit_undo", "edit_redo"):
        assert client.post(reverse(f"catalog:{name}", args=[edit.pk])).status_code == 403


def test_programs_change_watch_and_undo(operator_api: APIClient, viewer_api: APIClient, found: list[int]) -> None:
    tag = make_tag("Bluff")
    sent = {"kind": "add_tags", "target_ids": [tag.pk], "query": "day"}
    assert viewer_api.post("/api/v1/bulk-edits/", sent, format="json").status_code == 403
    made = operator_api.post("/api/v1/bulk-edits/", sent, format="json")
    assert (made.status_code, made.json()["state"], made.json()["total_files"]) == (201, "doing", 4)
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    url = f"/api/v1/bulk-edits/{made.json()['id']}/"
    assert operator_api.get(url).json()["state"] == "done"
    assert set(tag.files.values_list("pk", flat=True)) == set(found)
    assert operator_api.post(f"{url}undo/").json()["state"] == "undoing"
    run_pending(kinds=[bulk_edits.EDIT_JOB])
    assert operator_api.get("/api/v1/bulk-edits/").json()["items"][0]["state"] == "undone"
    assert not tag.files.exists()


@pytest.mark.parametrize(
    "sent",
    [
        {"kind": "add_tags", "target_ids": [10**9], "query": "day"},
        {"kind": "add_tags", "target_ids": [], "query": "day"},
        {"kind": "add_tags", "target_ids": [1]},
        {"kind": "add_tags", "target_ids": [1], "query": "day", "file_ids": [1]},
        {"kind": "burn", "target_ids": [1], "query": "day"},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(operator_api: APIClient, sent: dict[str, Any]) -> None:
    assert operator_api.post("/api/v1/bulk-edits/", sent, format="json").status_code == 400
    assert not Content.objects.filter(files__placement=Placement.CURATOR).exists()
