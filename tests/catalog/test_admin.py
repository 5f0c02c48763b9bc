"""The curators' admin: every page opens, writes go through the services, refusals are shown in the form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.choices import ImportReason, ImportState, Placement, SourceState
from catalog.models import Catalog, Collection, Content, ImportedRecord, MediaFile, PathRule, Player, Series, Source, Tag
from catalog.search import index
from catalog.services.file_systems import Credentials, credentials_of
from catalog.services.placement import place_all
from mam.accounts.models import AuditEntry
from mam.jobs.models import Job
from tests.factories import (
    make_catalog,
    make_collection,
    make_content,
    make_file,
    make_player,
    make_rule,
    make_series,
    make_source,
    make_stream,
    make_tag,
    make_user,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from django.db.models import Model

pytestmark = pytest.mark.django_db

CURATED = ["mediafile", "folder", "catalog", "series", "content", "tag", "player", "collection", "importedrecord"]
MANAGED = ["source", "pathrule"]


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


@pytest.fixture
def operator() -> Client:
    return client_of("operator")


@pytest.fixture
def administrator() -> Client:
    return client_of("administrator")


def fill(count: int = 1) -> dict[str, Model]:
    """Some of everything; the last of each by the admin's model name."""
    source = make_source(state=SourceState.OFFLINE, state_code="source_share_missing", state_params={"target": "nas"})
    made: dict[str, Model] = {}
    for number in range(count):
        content = make_content()
        content.players.add(make_player())
        file = make_file(f"WSOP/{content.pk}/{number}.mp4", source=source, content=content, tags=[make_tag()])
        make_stream(file)
        make_stream(file, "audio")
        made = {
            "mediafile": file,
            "folder": file.folder,
            "catalog": content.series.catalog,
            "series": content.series,
            "content": content,
            "tag": make_tag(),
            "player": make_player(),
            "collection": make_collection(files=[file], parent=make_collection()),
            "importedrecord": make_record(file),
            "source": source,
            "pathrule": make_rule(source=make_source()),
        }
    return made


def make_record(file: MediaFile, **old_row: str) -> ImportedRecord:
    """A row of an old archive that `file` stands for."""
    old = {"archive": "0" * 32, "archive_name": "archive.db", "table": "files", "old_id": f"old-{file.pk}", "old_row": old_row}
    return ImportedRecord.objects.create(**old, state=ImportState.PLACED, file=file, content=file.content)


def changelist(name: str) -> str:
    return reverse(f"admin:catalog_{name}_changelist")


def change(row: Model) -> str:
    return reverse(f"admin:catalog_{row._meta.model_name}_change", args=[row.pk])


def inline(prefix: str) -> dict[str, int]:
    """What a browser sends of a read-only inline."""
    return {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}


def errors_of(response: Any) -> dict[str, Any]:
    return dict(response.context["adminform"].form.errors)


# --- who may ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CURATED)
def test_curators_open_lists_and_forms(operator: Client, name: str) -> None:
    row = fill()[name]
    assert operator.get(changelist(name)).status_code == 200
    assert operator.get(changelist(name) + "?q=x").status_code == 200
    assert operator.get(change(row)).status_code == 200


@pytest.mark.parametrize("name", MANAGED)
def test_only_administrators_open_sources_and_rules(operator: Client, administrator: Client, name: str) -> None:
    row = fill()[name]
    for url in (changelist(name), change(row), reverse(f"admin:catalog_{name}_add")):
        assert operator.get(url).status_code == 403
        assert administrator.get(url).status_code == 200


@pytest.mark.parametrize("name", [*CURATED, *MANAGED])
def test_viewers_do_not_get_in(name: str) -> None:
    assert client_of("viewer").get(changelist(name)).status_code == 302


@pytest.mark.parametrize("name", ["mediafile", "folder", "importedrecord"])
def test_what_sources_and_archives_say_is_neither_made_nor_deleted_here(administrator: Client, name: str) -> None:
    row = fill()[name]
    assert administrator.get(reverse(f"admin:catalog_{name}_add")).status_code == 403
    assert administrator.post(reverse(f"admin:catalog_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("name", [*CURATED, *MANAGED])
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(administrator: Client, name: str) -> None:
    def queries(count: int) -> int:
        fill(count)
        administrator.get(changelist(name))
        with CaptureQueriesContext(connection) as captured:
            assert administrator.get(changelist(name)).status_code == 200
        return len(captured)

    assert queries(3) == queries(12)


def test_the_file_list_never_counts_the_whole_table(operator: Client) -> None:
    fill(2)
    with CaptureQueriesContext(connection) as captured:
        operator.get(changelist("mediafile"))
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"] and "mediafile" in query["sql"]]
    assert counts
    assert all("LIMIT 10001" in sql for sql in counts)


# --- old archives -------------------------------------------------------------------------------------------------------
def test_a_row_of_an_old_archive_is_found_by_its_id_or_its_file_and_shown_whole(operator: Client) -> None:
    source = make_source()
    file = make_file("포커/결승 1일차.mp4", source=source)
    record = make_record(file, nas_path="Z:/포커/결승 1일차.mp4", note="<b>재방송</b>")
    other = make_record(make_file("other.mp4", source=source), nas_path="Z:/other.mp4")
    lost = ImportedRecord.objects.create(archive="0", old_id="lost", state=ImportState.NOT_PLACED, reason=ImportReason.ABSENT, old_row={})
    everything = operator.get(changelist("importedrecord")).content.decode()
    assert lost.old_id in everything
    assert other.old_id in everything
    for words in (record.old_id, "결승"):
        page = operator.get(changelist("importedrecord"), {"q": words}).content.decode()
        assert "Z:/포커/결승 1일차.mp4" in page
        assert other.old_id not in page
    page = operator.get(change(record)).content.decode()
    assert "&lt;b&gt;재방송&lt;/b&gt;" in page
    assert change(file) in page


# --- files --------------------------------------------------------------------------------------------------------------
def test_a_file_is_titled_placed_and_tagged_through_the_services(operator: Client) -> None:
    file, content, tag, player = make_file("x/a.mp4"), make_content(), make_tag(), make_player()
    data = {"title": " 결승 ", "description": "", "content": content.pk, "part_number": 2, "tags": [tag.pk], "players": [player.pk]}
    assert operator.post(change(file), data | inline("streams")).status_code == 302
    file.refresh_from_db()
    assert (file.title, file.content, file.part_number, file.placement) == ("결승", content, 2, Placement.CURATOR)
    assert (list(file.tags.all()), list(file.players.all())) == ([tag], [player])
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert actions == {"catalog.file.move", "catalog.tag.add", "catalog.file.add_tag", "catalog.file.players", "catalog.file.update"}


def test_technical_data_is_shown_and_cannot_be_changed(operator: Client) -> None:
    file = make_file(video_codec="hevc")
    make_stream(file, codec="hevc", profile="Main 10")
    page = operator.get(change(file)).content.decode()
    assert "Main 10" in page
    assert 'name="video_codec"' not in page
    data = {"title": "new", "description": "", "video_codec": "h264", "size_bytes": 1}
    assert operator.post(change(file), data | inline("streams")).status_code == 302
    fresh = MediaFile.objects.get(pk=file.pk)
    assert (fresh.title, fresh.video_codec, fresh.size_bytes) == ("new", "hevc", file.size_bytes)


def test_files_are_searched_by_words_in_the_path(operator: Client) -> None:
    source = make_source()
    make_file("WSOP/2024/final.mp4", source=source)
    make_file("HCL/2024/final.mp4", source=source)
    index.refresh_all()
    page = operator.get(changelist("mediafile") + "?q=wsop+FINAL").content.decode()
    assert "WSOP/2024" in page
    assert "HCL/2024" not in page


def bulk(client: Client, name: str, action: str, rows: list[Any], **data: object) -> Any:
    return client.post(changelist(name), {"action": action, "_selected_action": [row.pk for row in rows], **data})


def test_tags_are_put_on_many_files_after_asking_which(operator: Client) -> None:
    source = make_source()
    files = [make_file(source=source) for _ in range(3)]
    files[0].tags.add(make_tag("Old"))
    asked = bulk(operator, "mediafile", "tag_files", files[:2])
    assert asked.status_code == 200
    assert not Tag.objects.filter(name="New").exists()
    done = bulk(operator, "mediafile", "tag_files", files[:2], apply="", add="New, Other", remove="old")
    assert done.status_code == 302
    assert [sorted(tag.name for tag in file.tags.all()) for file in files] == [["New", "Other"], ["New", "Other"], []]


def test_a_bulk_form_without_an_answer_asks_again(operator: Client) -> None:
    file = make_file()
    for action, data in (("tag_files", {"add": " , "}), ("collect_files", {}), ("move_to_series", {"series": ""})):
        answer = bulk(operator, "mediafile", action, [file], apply="", **data)
        assert answer.status_code == 200
        assert answer.context["form"].errors


def test_a_bulk_action_reaches_all_rows_of_a_filtered_list(operator: Client) -> None:
    source, other = make_source(), make_source()
    files = [make_file(source=source) for _ in range(3)]
    make_file(source=other)
    url = changelist("mediafile") + f"?source__id__exact={source.pk}"
    data = {"action": "tag_files", "_selected_action": [files[0].pk], "select_across": "1", "apply": "", "add": "New"}
    assert operator.post(url, data).status_code == 302
    assert set(Tag.objects.get().files.all()) == set(files)


def test_files_are_collected_into_an_old_or_a_new_collection(operator: Client) -> None:
    source = make_source()
    files = [make_file(source=source) for _ in range(2)]
    old = make_collection("old")
    bulk(operator, "mediafile", "collect_files", files, apply="", collection=old.pk)
    bulk(operator, "mediafile", "collect_files", files, apply="", new_name="new")
    assert {row.name: row.items.count() for row in Collection.objects.all()} == {"old": 2, "new": 2}
    refused = bulk(operator, "mediafile", "collect_files", files, apply="", new_name="new")
    assert refused.status_code == 302
    assert Collection.objects.count() == 2


def test_files_are_moved_to_a_series_and_given_back(operator: Client) -> None:
    source = make_source()
    files = [make_file(f"WSOP/2024/{number}.mp4", source=source) for number in range(2)]
    place_all()
    series = make_series()
    bulk(operator, "mediafile", "move_to_series", files, apply="", series=series.pk)
    assert MediaFile.objects.filter(content__series=series).count() == 2
    bulk(operator, "mediafile", "release", files)
    assert MediaFile.objects.filter(content__series__catalog__name="WSOP").count() == 2


# --- works and curation -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "data", "changed"),
    [
        (Catalog, {"name": "A", "description": "", "position": 0}, {"name": "B"}),
        (Tag, {"name": "A", "color": "#112233"}, {"name": "B"}),
        (Player, {"name": "A", "name_ko": "", "name_en": "", "aliases": "x\ny", "country": ""}, {"name": "B"}),
        (Collection, {"name": "A", "description": "", "parent": ""} | inline("items"), {"name": "B"}),
    ],
)
def test_rows_are_made_changed_and_deleted_and_all_of_it_is_audited(
    operator: Client, model: type[Any], data: dict[str, object], changed: dict[str, object]
) -> None:
    name = model._meta.model_name
    assert operator.post(reverse(f"admin:catalog_{name}_add"), data).status_code == 302
    row = model.objects.get(name="A")
    assert operator.post(change(row), data | changed).status_code == 302
    row.refresh_from_db()
    assert row.name == "B"
    assert operator.post(reverse(f"admin:catalog_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 302
    assert not model.objects.exists()
    assert AuditEntry.objects.count() == 3


def test_series_and_contents_are_made_and_moved(operator: Client) -> None:
    catalog = make_catalog()
    operator.post(
        reverse("admin:catalog_series_add"), {"catalog": catalog.pk, "name": "2024", "year": 2024, "description": "", "position": 0}
    )
    series, target, player = Series.objects.get(), make_series(catalog), make_player()
    data = {"series": series.pk, "title": "Final", "description": "", "players": [player.pk]}
    assert operator.post(reverse("admin:catalog_content_add"), data).status_code == 302
    content = Content.objects.get()
    assert (content.series, list(content.players.all()), content.is_curated) == (series, [player], True)
    assert operator.post(change(content), data | {"series": target.pk, "title": "Finale"}).status_code == 302
    content.refresh_from_db()
    assert (content.series, content.title) == (target, "Finale")


def test_what_a_service_refuses_is_shown_at_its_field_with_everything_still_there(operator: Client) -> None:
    make_tag("Bluff")
    refused = operator.post(reverse("admin:catalog_tag_add"), {"name": "BLUFF", "color": "#112233"})
    assert refused.status_code == 200
    assert set(errors_of(refused)) == {"name"}
    assert 'value="#112233"' in refused.content.decode()
    assert Tag.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_a_collection_does_not_go_into_itself(operator: Client) -> None:
    outer = make_collection()
    inner = make_collection(parent=outer)
    data = {"name": outer.name, "description": "changed", "parent": inner.pk}
    refused = operator.post(change(outer), data | inline("items"))
    assert set(errors_of(refused)) == {"parent"}
    outer.refresh_from_db()
    assert (outer.parent, outer.description) == (None, "")


def test_what_cannot_be_deleted_is_kept_and_said(operator: Client) -> None:
    content = make_content()
    catalog = content.series.catalog
    url = reverse("admin:catalog_catalog_delete", args=[catalog.pk])
    single = operator.post(url, {"post": "yes"}, follow=True)
    several = operator.post(
        changelist("catalog"),
        {"action": "delete_selected", "_selected_action": [catalog.pk, make_catalog().pk], "post": "yes"},
        follow=True,
    )
    for answer in (single, several):
        assert answer.status_code == 200
        assert catalog.name in " ".join(str(message) for message in answer.context["messages"])
    assert Catalog.objects.count() == 2


@pytest.mark.parametrize(("model", "make"), [("tag", make_tag), ("player", make_player)])
def test_tags_and_players_are_merged_after_asking_which_stays(operator: Client, model: str, make: Callable[[str], Any]) -> None:
    one, two, three = make("One"), make("Two"), make("Three")
    file = make_file()
    two.files.add(file)
    assert bulk(operator, model, "merge", [one, two, three]).status_code == 200
    assert bulk(operator, model, "merge", [one, two, three], apply="", into=one.pk).status_code == 302
    assert list(type(one).objects.values_list("name", flat=True)) == ["One"]
    assert list(one.files.all()) == [file]


def test_two_players_of_one_name_are_pointed_out(operator: Client) -> None:
    make_player("Phil Ivey", name_ko="필 아이비")
    player = make_player("P. Ivey")
    for name_ko, is_one in (("필", False), ("필 아이비", True)):
        typed = {"name": player.name, "name_ko": name_ko, "aliases": ""}
        answer = operator.post(
            reverse("admin:catalog_player_change", args=[player.pk]), typed, headers={"Accept-Language": "en"}, follow=True
        )
        said = " ".join(str(message) for message in answer.context["messages"])
        assert ("P. Ivey shares a name with another player (Phil Ivey)." in said) == is_one


def test_contents_are_merged_after_asking_which_stays(operator: Client) -> None:
    one, two = make_content(), make_content()
    make_file(content=two)
    assert bulk(operator, "content", "merge", [one, two]).status_code == 200
    assert bulk(operator, "content", "merge", [one, two], apply="", into=one.pk).status_code == 302
    assert list(Content.objects.all()) == [one]
    assert one.files.count() == 1


# --- sources and rules --------------------------------------------------------------------------------------------------
SOURCE = {"name": "NAS", "url": "smb://nas/media", "parallelism": 4, "poll_interval_s": 60, "is_enabled": "on"}


def test_a_source_is_added_and_its_password_kept_when_the_field_is_left_empty(administrator: Client) -> None:
    added = administrator.post(
        reverse("admin:catalog_source_add"), SOURCE | {"username": "mam", "password": "hunter2", "exclude_globs": "*.tmp"}
    )
    assert added.status_code == 302
    source = Source.objects.get()
    assert "hunter2" not in administrator.get(change(source)).content.decode()
    administrator.post(change(source), SOURCE | {"poll_interval_s": 90, "exclude_globs": "*.tmp\n#recycle"})
    source.refresh_from_db()
    assert (source.poll_interval_s, source.exclude_globs, source.parallelism) == (90, ["*.tmp", "#recycle"], 4)
    assert credentials_of(source) == Credentials("mam", "hunter2")
    administrator.post(change(source), SOURCE | {"poll_interval_s": 90, "forget_credentials": "on"})
    source.refresh_from_db()
    assert source.credentials == ""


def test_a_bad_address_is_said_at_its_field_without_the_password_in_it(administrator: Client) -> None:
    refused = administrator.post(reverse("admin:catalog_source_add"), SOURCE | {"url": "smb://me:hunter2@nas/media"})
    errors = errors_of(refused)
    assert set(errors) == {"url"}
    assert "hunter2" not in str(errors)
    assert not Source.objects.exists()


def test_the_connection_test_says_how_it_went(administrator: Client, operator: Client, tmp_path: Path) -> None:
    source = make_source(url=f"file://{tmp_path}", state=SourceState.UNKNOWN)
    url = reverse("admin:catalog_source_test", args=[source.pk])
    assert administrator.get(url).status_code == 405
    assert operator.post(url).status_code == 403
    answer = administrator.post(url, follow=True)
    assert [message.level_tag for message in answer.context["messages"]] == ["success"]
    source.refresh_from_db()
    assert source.state == SourceState.ONLINE
    gone = make_source(url=f"file://{tmp_path}/gone")
    answer = administrator.post(reverse("admin:catalog_source_test", args=[gone.pk]), follow=True)
    assert [message.level_tag for message in answer.context["messages"]] == ["error"]


def test_a_source_offers_its_test_and_its_scan_as_buttons(administrator: Client) -> None:
    source = make_source()
    page = administrator.get(change(source)).content.decode()
    for url in (reverse("admin:catalog_source_test", args=[source.pk]), reverse("ingest:source_scan", args=[source.pk])):
        assert f'action="{url}"' in page


def test_a_rule_shows_what_it_would_do_and_a_bad_pattern_is_said_at_its_field(administrator: Client) -> None:
    make_file("promo/teaser_Part2.mp4")
    data = {
        "name": "promo",
        "position": 1,
        "source": "",
        "pattern": r"^promo/(?P<title>[^/]+)$",
        "catalog_name": "Promotion",
        "series_name": "All",
    }
    assert administrator.post(reverse("admin:catalog_pathrule_add"), data).status_code == 302
    rule = PathRule.objects.get()
    assert not rule.is_enabled
    page = administrator.get(change(rule)).content.decode()
    assert "Promotion / All / teaser (2)" in page
    refused = administrator.post(change(rule), data | {"pattern": "(?P<title>"})
    assert set(errors_of(refused)) == {"pattern"}
    assert not Job.objects.exists()  # switched off it moves nothing
