"""Files find their content by the rules; what a curator decided stays."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from django.utils.translation import gettext

from catalog.choices import FileKind, Placement
from catalog.models import Catalog, Content, MediaFile, Series
from catalog.services import arranging, path_rules, works
from catalog.services.placement import place_all, place_files
from mam.accounts.errors import PermissionDeniedError
from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from tests.factories import make_file, make_folder, make_rule, make_source, make_user

pytestmark = pytest.mark.django_db


def placed(*files: MediaFile) -> None:
    place_files(file_ids=[file.pk for file in files])
    for file in files:
        file.refresh_from_db()


def test_parts_meet_in_one_content_of_the_year_in_its_catalog() -> None:
    source = make_source()
    one = make_file("WSOP/2024/ME_Day1_Part1.mp4", source=source)
    two = make_file("WSOP/2024/ME_Day1_Part2.mxf", source=source)
    placed(one, two)
    assert one.content is not None
    assert one.content == two.content
    assert (one.part_number, two.part_number) == (1, 2)
    assert one.content.title == "ME Day1"
    assert (one.content.series.name, one.content.series.year, one.content.series.catalog.name) == ("2024", 2024, "WSOP")
    assert one.content.series.total_contents == 1


def test_a_file_directly_in_a_catalog_goes_to_its_series_for_the_rest_named_in_the_installations_language() -> None:
    file = make_file("PAD/clip.mp4")
    placed(file)
    assert file.content is not None
    with translation.override(settings.LANGUAGE_CODE):
        assert (file.content.series.key, file.content.series.name) == ("others", gettext("Others"))


def test_placing_again_changes_nothing() -> None:
    source = make_source()
    files = [make_file(f"WSOP/2024/clip{number}.mp4", source=source) for number in range(3)]
    placed(*files)
    again = place_files(file_ids=[file.pk for file in files])
    assert (again.examined, again.changed, again.contents_made, again.contents_removed) == (3, 0, 0, 0)


def test_a_moved_file_takes_its_new_place_and_what_it_leaves_empty_goes() -> None:
    source = make_source()
    file = make_file("WSOP/2024/ME.mp4", source=source)
    placed(file)
    file.folder = make_folder(source, "HCL/Season 1")
    file.save()
    placed(file)
    assert file.content is not None
    assert file.content.series.catalog.name == "HCL"
    assert list(Catalog.objects.values_list("name", flat=True)) == ["HCL"]
    assert Content.objects.count() == Series.objects.count() == 1


def test_a_content_that_a_curator_edited_is_kept_when_its_last_file_leaves() -> None:
    source = make_source()
    file = make_file("WSOP/2024/ME.mp4", source=source)
    placed(file)
    assert file.content is not None
    works.update_content(content=file.content, user=None, title="Main Event, final table")
    file.folder = make_folder(source, "HCL")
    file.save()
    placed(file)
    assert Content.objects.filter(title="Main Event, final table").exists()
    assert Series.objects.get(name="2024").total_contents == 1


def test_a_rule_never_moves_what_a_curator_placed() -> None:
    source = make_source()
    file, other = make_file("WSOP/2024/ME.mp4", source=source), make_file("PAD/2020/x.mp4", source=source)
    placed(file, other)
    arranging.move_files(file_ids=[file.pk], content=other.content, user=make_user("operator"))
    placed(file)
    assert file.content == other.content
    assert file.placement == Placement.CURATOR


def test_files_given_back_to_the_rules_return_to_their_place() -> None:
    source = make_source()
    file, other = make_file("WSOP/2024/ME.mp4", source=source), make_file("PAD/2020/x.mp4", source=source)
    placed(file, other)
    user = make_user("operator")
    arranging.move_files(file_ids=[file.pk], content=other.content, user=user)
    arranging.release_files(file_ids=[file.pk], user=user)
    file.refresh_from_db()
    assert file.content is not None
    assert file.content.series.catalog.name == "WSOP"


def test_a_name_that_a_curator_gave_is_not_taken_back() -> None:
    source = make_source()
    file = make_file("wsop/2024/ME.mp4", source=source)
    placed(file)
    works.update_catalog(catalog=Catalog.objects.get(), user=None, name="World Series of Poker")
    late = make_file("WSOP/2024/HU.mp4", source=source)
    placed(late)
    assert list(Catalog.objects.values_list("name", flat=True)) == ["World Series of Poker"]


@pytest.mark.parametrize("name", ["cover.jpg", "notes.txt", "ME.srt"])
def test_files_that_are_no_film_and_no_sound_make_no_content(name: str) -> None:
    file = make_file(f"WSOP/2024/{name}")
    placed(file)
    assert file.content is None
    assert not Catalog.objects.exists()


def test_subtitles_join_the_video_of_their_stem_whoever_comes_first() -> None:
    source = make_source()
    subtitle = make_file("WSOP/2024/ME_Day1_Part2.ko.srt", source=source)
    placed(subtitle)
    assert subtitle.content is None
    video = make_file("WSOP/2024/ME_Day1_Part2.mp4", source=source)
    placed(video)
    subtitle.refresh_from_db()
    assert (subtitle.content, subtitle.part_number) == (video.content, 2)
    english = make_file("WSOP/2024/ME_Day1_Part2.en.srt", source=source)
    placed(english)
    assert english.content == video.content


def test_subtitles_follow_when_a_curator_moves_their_video() -> None:
    source = make_source()
    video, subtitle = make_file("WSOP/2024/ME.mp4", source=source), make_file("WSOP/2024/ME.srt", source=source)
    other = make_file("PAD/x.mp4", source=source)
    placed(video, subtitle, other)
    arranging.move_files(file_ids=[video.pk], content=other.content, user=make_user("operator"))
    subtitle.refresh_from_db()
    assert subtitle.content == other.content


def test_a_content_with_nothing_but_subtitles_left_goes() -> None:
    source = make_source()
    video, subtitle = make_file("WSOP/2024/ME.mp4", source=source), make_file("WSOP/2024/ME.srt", source=source)
    placed(video, subtitle)
    video.folder = make_folder(source, "HCL")
    video.save()
    placed(video)
    subtitle.refresh_from_db()
    assert subtitle.content is None
    assert list(Catalog.objects.values_list("name", flat=True)) == ["HCL"]


def test_a_file_that_is_no_media_any_more_leaves_its_content() -> None:
    file = make_file("WSOP/2024/ME.mp4")
    placed(file)
    MediaFile.objects.filter(pk=file.pk).update(kind=FileKind.OTHER)
    placed(file)
    assert file.content is None
    assert not Content.objects.exists()


def test_rules_of_people_come_before_the_built_in_one() -> None:
    source = make_source()
    make_rule(r"^promo/(?P<title>[^/]+)$", catalog_name="Promotion", series_name="All", source=source)
    make_rule(r"(?P<title>[^/]+)$", catalog_name="Never", series_name="s", is_enabled=False, position=0)
    promo, other = make_file("promo/teaser.mp4", source=source), make_file("promo/teaser.mp4")
    placed(promo, other)
    assert promo.content is not None
    assert other.content is not None
    assert (promo.content.series.catalog.name, other.content.series.catalog.name) == ("Promotion", "promo")


def test_very_long_names_are_placed_too() -> None:
    name = "가" * 80
    file = make_file("/".join([name, *[name] * 4, f"{name}.mp4"]))
    placed(file)
    assert file.content is not None
    assert len(file.content.key) <= 255


def test_a_batch_costs_the_same_number_of_queries_however_many_files_it_has() -> None:
    source = make_source()

    def queries(count: int, catalog: str) -> int:
        files = [make_file(f"{catalog}/2024/clip{number}.mp4", source=source) for number in range(count)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            place_files(file_ids=[file.pk for file in files])
        return sum(1 for query in captured if not query["sql"].startswith("UPDATE"))

    assert queries(2, "a") == queries(40, "b")


def test_placing_everything_reports_how_far_it_is_and_reaches_every_file() -> None:
    source = make_source()
    files = [make_file(f"WSOP/2024/clip{number}.mp4", source=source) for number in range(5)]
    seen: list[tuple[int, int]] = []
    result = place_all(on_progress=lambda reached, last: seen.append((reached, last)))
    assert result.changed == 5
    assert seen[-1] == (files[-1].pk, files[-1].pk)
    assert not MediaFile.objects.filter(content=None).exists()


def test_what_lost_its_files_behind_our_back_is_cleared_away_in_the_end() -> None:
    source = make_source()
    gone, kept = make_file("WSOP/2024/a.mp4", source=source), make_file("WSOP/2024/b.mp4", source=source)
    placed(gone, kept)
    works.create_content(series=Series.objects.get(), title="Planned", user=None)
    gone.delete()
    assert place_all().contents_removed == 1
    assert sorted(Content.objects.values_list("title", flat=True)) == ["Planned", "b"]
    assert Series.objects.get().total_contents == 2


# --- rules as administrators edit them --------------------------------------------------------------------------------
def test_a_new_rule_is_applied_to_all_files_by_one_job() -> None:
    file = make_file("promo/teaser.mp4")
    placed(file)
    administrator = make_user("administrator")
    rule = path_rules.create_rule(
        name="promo", pattern=r"^promo/(?P<title>[^/]+)$", catalog_name="Promotion", series_name="All", user=administrator
    )
    path_rules.update_rule(rule=rule, series_name="Everything", user=administrator)
    assert Job.objects.filter(kind="catalog.place").count() == 1
    (job,) = run_pending()
    assert job.state == JobState.SUCCEEDED
    assert job.result is not None
    assert job.result["changed"] == 1
    file.refresh_from_db()
    assert file.content is not None
    assert (file.content.series.catalog.name, file.content.series.name) == ("Promotion", "Everything")


def test_deleting_a_rule_puts_its_files_back() -> None:
    rule = make_rule(r"(?P<title>[^/]+)$", catalog_name="Odd", series_name="s")
    file = make_file("WSOP/2024/ME.mp4")
    placed(file)
    path_rules.delete_rule(rule=rule, user=make_user("administrator"))
    run_pending()
    assert list(Catalog.objects.values_list("name", flat=True)) == ["WSOP"]


def test_an_operator_may_not_touch_rules() -> None:
    operator, rule = make_user("operator"), make_rule()
    with pytest.raises(PermissionDeniedError):
        path_rules.create_rule(name="r", pattern=r"(?P<title>.)", catalog_name="c", series_name="s", user=operator)
    with pytest.raises(PermissionDeniedError):
        path_rules.update_rule(rule=rule, name="x", user=operator)
    with pytest.raises(PermissionDeniedError):
        path_rules.delete_rule(rule=rule, user=operator)
    with pytest.raises(PermissionDeniedError):
        path_rules.request_placement(user=operator)
    assert not Job.objects.exists()
