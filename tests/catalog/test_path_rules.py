"""Where a path puts a file: the built-in rule, and rules that people write."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import rules
from catalog.errors import PathRuleError, RuleGroupMissingError, RuleGroupUnknownError, RulePatternError, RulePatternTooLongError
from catalog.rules import PATTERN_MAX, Place, RuleBook, compile_rule, place_by_default, preview, sidecar_stems, split_part
from catalog.text import nfc

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in {".", ".."}
)
paths = st.lists(names, min_size=1, max_size=6).map("/".join)


def place(path: str) -> Place:
    return place_by_default(path, source_name="nas")


@pytest.mark.parametrize(
    ("path", "catalog", "series", "year", "title", "part"),
    [
        ("WSOP/2024/ME_Day1_Part2.mp4", "WSOP", "2024", 2024, "ME Day1", 2),
        ("WSOP/WSOP 2024/Main.Event.mxf", "WSOP", "WSOP 2024", 2024, "Main Event", None),
        ("WSOP/Bracelet/2023/Final.mov", "WSOP", "2023", 2023, "Final", None),
        ("HCL/Season 3/HCL S03E04.mp4", "HCL", "Season 3", None, "HCL S03E04", None),
        ("PAD/clip.mp4", "PAD", None, None, "clip", None),
        ("lonely.mp4", "nas", None, None, "lonely", None),
        ("WSOP/2024-05-01/a.mp4", "WSOP", "2024-05-01", None, "a", None),
        ("WSOP/2024/ME_Day1_Part2_1080p_CAM-A.mp4", "WSOP", "2024", 2024, "ME Day1 1080p CAM-A", 2),
    ],
)
def test_folders_name_catalog_and_series_and_the_file_its_title(
    path: str, catalog: str, series: str | None, year: int | None, title: str, part: int | None
) -> None:
    found = place(path)
    assert (found.catalog, found.series, found.year, found.title, found.part) == (catalog, series, year, title, part)


@pytest.mark.parametrize(
    "name",
    [
        "ME_Part2",
        "ME Part 2",
        "ME.pt2",
        "ME_part_2",
        "ME-CD2",
        "ME (Part 2)",
        "ME [pt.02]",
        "ME 파트2",
        "ME파트 2",
        "ME_2부",
        "ME 제2부",
        "ME 제 2부",
    ],
)
def test_every_way_to_write_a_part_is_understood(name: str) -> None:
    assert split_part(name) == ("ME", 2)


@pytest.mark.parametrize("name", ["Apartment2", "Department 2", "ME Party2", "ME 전부", "ME Part", "S01E02", "1080p", "Part2x"])
def test_words_that_only_look_like_a_part_are_left_alone(name: str) -> None:
    assert split_part(name)[1] is None


def test_parts_of_one_work_share_a_content_and_other_works_do_not() -> None:
    first, second, other = place("WSOP/2024/ME_Day1_Part1.mp4"), place("WSOP/2024/me day1 part2.mov"), place("WSOP/2024/ME_Day2_Part1.mp4")
    assert first.content_key == second.content_key != other.content_key


def test_equal_titles_in_different_folders_are_different_works() -> None:
    assert place("WSOP/2024/Main/Day1.mp4").content_key != place("WSOP/2024/Ladies/Day1.mp4").content_key
    assert place("WSOP/a/a/Day1.mp4").content_key != place("WSOP/a/Day1.mp4").content_key


def test_parts_that_have_only_a_number_are_named_by_their_folder() -> None:
    found = place("WSOP/2024/Final Table/Part3.mp4")
    assert (found.title, found.part) == ("Final Table", 3)


@given(paths)
def test_the_built_in_rule_places_every_path_within_the_columns(path: str) -> None:
    found = place(path)
    assert found.title and found.catalog
    assert 0 < len(found.catalog_key) <= 120
    assert 0 < len(found.series_key) <= 120
    assert 0 < len(found.content_key) <= 255
    assert found.part is None or 0 <= found.part <= 999


@given(paths)
def test_spelling_of_accents_and_hangul_does_not_change_the_place(path: str) -> None:
    composed, decomposed = place(unicodedata.normalize("NFC", path)), place(unicodedata.normalize("NFD", path))
    assert (composed.catalog_key, composed.series_key, composed.content_key) == (
        decomposed.catalog_key,
        decomposed.series_key,
        decomposed.content_key,
    )


@given(
    st.sampled_from(["ME Day1", "하이 롤러", "Final-Table 7"]),
    st.integers(1, 99),
    st.sampled_from(["_Part{}", " pt{}", "_{}부", " 파트{}", "-CD{}"]),
)
def test_a_part_suffix_never_changes_the_title(title: str, number: int, suffix: str) -> None:
    assert split_part(title + suffix.format(number)) == (title, number)


def test_subtitles_look_for_a_video_with_their_stem_with_or_without_language() -> None:
    assert sidecar_stems("ME_Day1.ko.srt") == ["me_day1.ko", "me_day1"]
    assert sidecar_stems("ME_Day1.en.forced.srt") == ["me_day1.en.forced", "me_day1"]
    assert sidecar_stems("ME_Day1.srt") == ["me_day1"]


# --- rules of people ------------------------------------------------------------------------------------------------
def test_a_rule_takes_its_names_from_the_groups() -> None:
    rule = compile_rule(name="r", pattern=r"^(?P<catalog>[^/]+)/S(?P<series>\d+)/(?P<title>.+?)-(?P<part>\d+)$")
    found = rule.place("HCL/S03/High_Stakes-2.mp4")
    assert found is not None
    assert (found.catalog, found.series, found.title, found.part) == ("HCL", "03", "High Stakes", 2)


def test_fixed_names_stand_for_groups_and_parts_are_still_found() -> None:
    rule = compile_rule(name="r", pattern=r"(?P<title>[^/]+)$", catalog_name="WSOP", series_name="Classic 1999")
    found = rule.place("x/ME_Part2.mp4")
    assert found is not None
    assert (found.catalog, found.series, found.title, found.part, found.year) == ("WSOP", "Classic 1999", "ME", 2, 1999)


def test_the_first_matching_rule_of_the_source_wins_and_the_built_in_one_takes_the_rest() -> None:
    only_other_source = compile_rule(name="a", pattern=r"(?P<title>[^/]+)$", source_id=2, catalog_name="A", series_name="s")
    promos = compile_rule(name="b", pattern=r"^promo/(?P<title>[^/]+)$", catalog_name="B", series_name="s")
    book = RuleBook([only_other_source, promos])
    assert book.explain("promo/x.mp4", source_id=1, source_name="nas")[0] is promos
    assert book.explain("promo/x.mp4", source_id=2, source_name="nas")[0] is only_other_source
    rule, found = book.explain("WSOP/2024/x.mp4", source_id=1, source_name="nas")
    assert rule is None
    assert found.catalog == "WSOP"


def test_a_rule_that_leaves_a_name_empty_does_not_match() -> None:
    rule = compile_rule(name="r", pattern=r"^(?P<catalog>[^/]*)/(?P<series>[^/]*)/(?P<title>[^/]+)$")
    assert rule.place("/2024/x.mp4") is None


def test_preview_says_for_each_path_where_it_would_go() -> None:
    rule = compile_rule(name="r", pattern=r"^(?P<catalog>[^/]+)/(?P<series>[^/]+)/(?P<title>[^/]+)$")
    (_, hit), (_, miss) = preview(rule, ["WSOP/2024/a.mp4", "a.mp4"])
    assert hit is not None
    assert hit.title == "a"
    assert miss is None


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("(?P<title>", RulePatternError),
        (r"(?P<title>a)(?=b)", RulePatternError),
        (r"(?P<catalog>.)(?P<series>.)", RuleGroupMissingError),
        (r"(?P<title>.)(?P<series>.)", RuleGroupMissingError),
        (r"(?P<title>.)(?P<catalog>.)", RuleGroupMissingError),
        (r"(?P<title>.)(?P<catalog>.)(?P<series>.)(?P<season>.)", RuleGroupUnknownError),
        ("(?P<title>" + "a" * PATTERN_MAX + ")", RulePatternTooLongError),
    ],
)
def test_a_bad_pattern_is_refused_with_what_is_wrong(pattern: str, error: type[PathRuleError]) -> None:
    with pytest.raises(error):
        compile_rule(name="r", pattern=pattern)


def test_a_pattern_that_explodes_elsewhere_stays_linear() -> None:
    rule = compile_rule(name="r", pattern=r"^(?P<title>(a+)+)$", catalog_name="c", series_name="s")
    assert rule.place("a" * 50_000 + "!") is None


@given(st.text(max_size=80))
def test_any_pattern_either_compiles_or_is_a_path_rule_error(pattern: str) -> None:
    try:
        rule = compile_rule(name="r", pattern=pattern, catalog_name="c", series_name="s")
    except PathRuleError as error:
        assert str(error)
    else:
        rule.place("WSOP/2024/a.mp4")


@pytest.mark.parametrize(
    "stem", ["TURNUVA_DİSK2", "ẞ" * 9 + " Part2 " + "J\u030c" * 9, "결승_제2부", "Day 1 [pt.3]", "ME (2부)", "K CD 2", "diſc 4", "dısk 5"]
)
def test_every_spelling_of_a_part_is_found(stem: str) -> None:
    assert split_part(stem)[1] is not None


@given(st.text(alphabet="pPaArRtTcCdDiİıIsSſkK\u212a파트제부 _.-()[]123é\u1105", max_size=14).map(nfc))
def test_no_part_is_missed_for_speed(stem: str) -> None:
    found = list(rules._PART.finditer(stem))
    assert split_part(stem)[1] == (int(next(number for number in found[-1].groups() if number)) if found else None)
