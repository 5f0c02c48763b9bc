"""What is found, in which order, and what it can be narrowed by. On whichever database the tests run: the answers are the same."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import translation

from catalog import selectors
from catalog.choices import Presence, ProbeState
from catalog.models import MediaFile
from catalog.search import engines, index
from catalog.search.query import Field, parse
from catalog.search.resolve import likely
from catalog.search.vocabulary import vocabulary
from catalog.selectors.search import ORDERS
from mam.accounts.errors import PermissionDeniedError
from mam.lib.keyset import InvalidCursorError
from tests.factories import (
    make_catalog,
    make_collection,
    make_content,
    make_file,
    make_player,
    make_series,
    make_source,
    make_tag,
    make_user,
)

if TYPE_CHECKING:
    from mam.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> User:
    return make_user()


@pytest.fixture
def archive() -> dict[str, MediaFile]:
    source = make_source()
    content = make_content(make_series(name="2024"), "Main Event Final Table")
    files = {
        "day1": make_file("WSOP/2024/ME_Day1_Part2.mp4", source=source, duration_ms=3_700_000, size_bytes=3_000_000_000),
        "korean": make_file("WSOP/2023/파이널 테이블 홀덤.mov", source=source, duration_ms=1_200_000),
        "camel": make_file("HCL/2024/FinalTable_S01E03.mxf", source=source, height_px=2160, width_px=3840, video_codec="prores"),
        "titled": make_file("raw/C0001.MXF", source=source, title="하이 롤러 Final", video_codec="mpeg2video"),
        "placed": make_file("raw/C0002.mp4", source=source, content=content, tags=[make_tag("Hero Call")]),
        "ivey": make_file("raw/C0003.mp4", source=source),
        "draft": make_file("WSOP/2024/final draft table.mp4", source=source, probe_state=ProbeState.FAILED),
        "gone": make_file("WSOP/2024/final gone.mp4", source=source, presence=Presence.MISSING),
    }
    files["ivey"].players.add(make_player("Phil Ivey", name_ko="필 아이비", aliases=["No Home Jerome"]))
    index.refresh_all()
    return files


def names(archive: dict[str, MediaFile], viewer: User, typed: str, **options: Any) -> list[str]:
    known = {file.pk: name for name, file in archive.items()}
    found = selectors.search(user=viewer, query=parse(typed), limit=20, **options)
    return [known[file.pk] for file in found.items]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("day 1", {"day1"}),
        ("me day01 part 2", {"day1"}),
        ("c000", {"titled", "placed", "ivey"}),
        ("파이널테이블", {"korean"}),
        ("홀", {"korean"}),
        ("파이날", {"korean"}),
        ("파이널테이불홀덤", {"korean"}),
        ("하이롤러", {"titled"}),
        ("s1e3", {"camel"}),
        ("finaltable", {"camel", "draft", "placed"}),
        ("final table", {"camel", "draft", "placed"}),
        ("finaltabel", {"camel"}),
        ('"final table"', {"placed"}),
        ('"final draft"', {"draft"}),
        ("final -draft table", {"camel", "placed"}),
        ("wsop final", {"draft"}),
        ("wsop fnial", {"draft"}),
        ("아이비", {"ivey"}),
        ("아이빕", {"ivey"}),
        ("필 아이비", {"ivey"}),
        ("jerome", {"ivey"}),
        ("hero call", {"placed"}),
        ("main event", {"placed"}),
        ("nothing at all", set()),
        ("year:2024", {"day1", "camel", "draft", "placed"}),
        ("year:..2023", {"korean"}),
        ("-year:2024 wsop", {"korean"}),
        ("-res:4k finaltable", {"draft", "placed"}),
        ("year:1066", set()),
        ("ext:mxf -codec:prores", {"titled"}),
        ("codec:PRORES", {"camel"}),
        ("res:4k", {"camel"}),
        ("res:2200p", {"camel"}),  # of no class of its own
        ("res:>=1440p", {"camel"}),
        ("duration:>1h", {"day1"}),
        ("duration:20m", {"korean"}),
        ("duration:<1h", {"korean", "camel", "ivey", "placed", "titled"}),
        ("duration:>20m final", set()),
        ("duration:1h..1h2m", {"day1"}),
        ("duration:10m..30m", {"korean"}),
        ("size:>2GB", {"day1"}),
        ("-duration:<=5m -duration:>1h", {"korean", "draft"}),  # of which the length is not known
        ("duration:<1h -duration:20m", {"camel", "ivey", "placed", "titled"}),
        ("-duration:<1h", {"day1", "draft"}),
        ("wsop -size:>2GB -year:2024", {"korean"}),
        ("final table -size:99999999999999999TB", {"camel", "placed", "draft"}),
        ('tag:"hero call"', {"placed"}),
        ("player:ivey", {"ivey"}),
        ("player:아이비", {"ivey"}),
        ('series:"2024"', {"placed"}),
        ("is:missing", {"gone"}),
        ("final is:failed", {"draft"}),
        ("hls:no codec:prores", {"camel"}),
        ("상태:없어짐", {"gone"}),
        ("해상도:4k 종류:동영상", {"camel"}),
        ('길이:"1시간 1분" -확장자:mov', {"day1"}),
        ("길이:20분", {"korean"}),
        ("연도:..2023년", {"korean"}),
        ("2024년 wsop final", {"draft"}),
        ('"2024년"', set()),
    ],
)
def test_what_was_typed_finds_what_was_meant(archive: dict[str, MediaFile], viewer: User, typed: str, expected: set[str]) -> None:
    assert set(names(archive, viewer, typed)) == expected


@pytest.mark.parametrize(
    "typed", ["tag:nothing", "catalog:nothing", "series:nothing", "is:strange", "duration:soon", "kind:book", "-size:large", "hls:maybe"]
)
def test_a_value_that_means_nothing_finds_nothing_and_says_so(archive: dict[str, MediaFile], viewer: User, typed: str) -> None:
    found = selectors.search(user=viewer, query=parse(typed), limit=10)
    assert (found.items, len(found.resolved.problems)) == ([], 1)


@pytest.mark.parametrize("typed", ["size:>10000000TB", "duration:>9999999999999h", "size:99999999999999999TB"])
def test_numbers_beyond_all_measure_find_nothing(archive: dict[str, MediaFile], viewer: User, typed: str) -> None:
    assert names(archive, viewer, typed) == []
    assert selectors.list_facets(user=viewer, query=parse(typed)) == {}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ('"Phil Ivey"', {"ivey"}),  # a player
        ('"필 아이비"', {"ivey"}),
        ('"home jerome"', {"ivey"}),
        ('"Hero Call"', {"placed"}),  # a tag
        ('"best of"', {"day1"}),  # a collection
        ('"of best"', set()),
        ('final -"final table"', {"camel", "titled", "draft"}),  # FinalTable is one word
        ('wsop -"final table"', {"day1", "korean", "draft"}),
        ('final -"table final"', {"camel", "titled", "placed", "draft"}),
        ('-"final table" ext:mp4', {"day1", "ivey", "draft"}),
    ],
)
def test_words_that_stand_side_by_side_or_must_not(archive: dict[str, MediaFile], viewer: User, typed: str, expected: set[str]) -> None:
    make_collection("Best of", files=[archive["day1"]])
    index.refresh_all()
    assert set(names(archive, viewer, typed)) == expected


def test_who_excludes_only_a_phrase_gets_all_others(archive: dict[str, MediaFile], viewer: User) -> None:
    found = selectors.list_matching_ids(user=viewer, query=parse('-"final table"'), limit=20)
    known = {file.pk: name for name, file in archive.items()}
    assert {known[pk] for pk in found} == {"day1", "korean", "camel", "titled", "ivey", "draft"}


def test_a_search_for_a_phrase_says_when_older_files_were_not_looked_at(viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("catalog.selectors.search"), "PHRASE_FILES", 2)
    for number in range(3):
        make_file(f"final table {number}.mp4")
    index.refresh_all()
    found = selectors.search(user=viewer, query=parse('"final table"'), limit=20)
    assert (found.count, found.is_capped) == (2, True)
    assert not selectors.search(user=viewer, query=parse('"table 1"'), limit=20).is_capped
    assert selectors.search(user=viewer, query=parse('mp4 -"final table"'), limit=20).is_capped


def test_a_search_without_a_phrase_says_when_older_files_were_not_looked_at(viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "CAP", 3)
    for name in ("a", "b", "c", "final table"):
        make_file(f"{name}.mp4")
    index.refresh_all()
    found = selectors.search(user=viewer, query=parse('ext:mp4 -"final table"'), limit=20)
    assert (found.count, found.is_capped) == (2, True)


def test_series_of_the_same_name_are_told_apart_by_their_catalogs(viewer: User) -> None:
    for catalog, count in (("WSOP", 2), ("EPT / Europe", 1)):
        content = make_content(make_series(make_catalog(catalog), name="2024"))
        for number in range(count):
            make_file(f"{catalog[:3]}{number}.mp4", content=content)
    index.refresh_all()
    found = selectors.list_facets(user=viewer, query=parse("ext:mp4"), facets=[Field.SERIES])[Field.SERIES]
    assert [(value.label, value.count) for value in found] == [("WSOP / 2024", 2), ("EPT / Europe / 2024", 1)]
    for value in found:
        narrowed = parse("ext:mp4").with_term(value.term)
        assert selectors.search(user=viewer, query=parse(str(narrowed)), limit=20).count == value.count
    assert selectors.search(user=viewer, query=parse("series:2024"), limit=20).count == 3
    labels = [one.label for one in selectors.complete(user=viewer, typed="series:20")]
    assert labels == ["EPT / Europe / 2024", "WSOP / 2024"]


def test_names_with_quotation_marks_can_be_narrowed_to(viewer: User) -> None:
    tag, player = make_tag('12" 비닐'), make_player('Phil "Unabomber" Laak')
    file = make_file("a.mp4", tags=[tag])
    file.players.add(player)
    make_file("b.mp4")
    index.refresh_all()
    facets = selectors.list_facets(user=viewer, query=parse("ext:mp4"), facets=[Field.TAG, Field.PLAYER])
    for field in (Field.TAG, Field.PLAYER):
        narrowed = str(parse("ext:mp4").with_term(facets[field][0].term))
        assert [one.pk for one in selectors.search(user=viewer, query=parse(narrowed), limit=5).items] == [file.pk]


def test_each_class_of_pictures_has_a_name_of_its_own(viewer: User) -> None:
    for height in (360, 480, 720):
        make_file(f"{height}.mp4", height_px=height, width_px=height * 16 // 9)
    index.refresh_all()
    with translation.override("en"):
        found = selectors.list_facets(user=viewer, query=parse("ext:mp4"), facets=[Field.RESOLUTION])[Field.RESOLUTION]
    assert sorted(value.label for value in found) == ["720p", "SD", "under 480p"]


def test_an_alias_finds_files_that_only_name_the_player_in_another_script(viewer: User) -> None:
    make_player("Phil Ivey", name_ko="필 아이비")
    file = make_file("Ivey vs Dwan.mp4")
    index.refresh_all()
    assert selectors.search(user=viewer, query=parse("아이비"), limit=5).items == [file]


# --- order and pages --------------------------------------------------------------------------------------------------
def test_the_best_match_comes_first(viewer: User) -> None:
    source = make_source()
    files = [
        make_file("Final Table.mp4", source=source),
        make_file("final/other table.mp4", source=source),
        make_file("table of the final hand.mp4", source=source),
        make_file("finals/tables.mp4", source=source, description="final table"),
    ]
    index.refresh_all()
    found = selectors.search(user=viewer, query=parse("final table"), limit=5)
    assert found.items[0] == files[0]
    assert found.items[-1] == files[3]


@pytest.fixture
def many() -> list[MediaFile]:
    source = make_source()
    made = [
        make_file(f"hand {number % 7} clip {number}.mp4", source=source, size_bytes=number % 5, duration_ms=number % 3)
        for number in range(40)
    ]
    index.refresh_all()
    return made


@pytest.mark.parametrize("sort", selectors.SORTS)
@pytest.mark.parametrize("cap", [10, 1000])
def test_pages_show_each_match_once_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch, many: list[MediaFile], viewer: User, sort: str, cap: int
) -> None:
    monkeypatch.setattr(engines, "CAP", cap)
    monkeypatch.setattr(sys.modules[selectors.search.__module__], "_CANDIDATES", 9)
    pages, cursor = [], None
    while True:
        found = selectors.search(user=viewer, query=parse("hand clip -3"), sort=sort, cursor=cursor, limit=6)
        pages.append(found)
        cursor = found.next
        if cursor is None:
            break
    expected = [file for file in many if "3" not in file.name.removesuffix(".mp4").split()]
    shown = [file for page in pages for file in page.items]
    assert sorted(file.pk for file in shown) == [file.pk for file in expected]
    assert pages[0].is_capped is (cap == 10)
    if sort != selectors.SORTS[0]:
        assert shown == list(MediaFile.objects.filter(pk__in=[file.pk for file in expected]).order_by(*ORDERS[sort]))
    back = pages[-1]
    walked = [back.items]
    while back.previous is not None:
        back = selectors.search(user=viewer, query=parse("hand clip -3"), sort=sort, cursor=back.previous, limit=6)
        walked.insert(0, back.items)
    assert {file.pk for page in walked for file in page} == {file.pk for file in expected}


def test_few_and_many_matches_are_the_same_files_in_the_same_order(
    monkeypatch: pytest.MonkeyPatch, archive: dict[str, MediaFile], viewer: User
) -> None:
    searches = ["final", "wsop -draft", "year:2024 final", "c duration:>1s", "ext:mp4", "홀덤"]
    few = [names(archive, viewer, typed, sort="name") for typed in searches]
    monkeypatch.setattr(engines, "CAP", 1)
    assert [names(archive, viewer, typed, sort="name") for typed in searches] == few


def test_a_list_is_narrowed_by_few_and_by_many_matches(monkeypatch: pytest.MonkeyPatch, archive: dict[str, MediaFile]) -> None:
    searches = ["final", "c duration:>1s", "size:>1GB", "duration:>1h"]
    few = [set(selectors.matching(MediaFile.objects.all(), typed)) for typed in searches]
    assert few[2] == few[3] == {archive["day1"]}
    monkeypatch.setattr(engines, "CAP", 1)
    assert [set(selectors.matching(MediaFile.objects.all(), typed)) for typed in searches] == few


def test_a_damaged_cursor_is_refused(archive: dict[str, MediaFile], viewer: User) -> None:
    for cursor in ("x", "1.2:bad"):
        with pytest.raises(InvalidCursorError):
            selectors.search(user=viewer, query=parse("final"), cursor=cursor, limit=5)


# --- facets, proposals, suggestions -----------------------------------------------------------------------------------
def test_facets_count_what_was_found_and_narrow_to_it(archive: dict[str, MediaFile], viewer: User) -> None:
    query = parse("final")
    facets = selectors.list_facets(user=viewer, query=query)
    found = {facet: {value.label: value.count for value in values} for facet, values in facets.items()}
    assert found[Field.CONTAINER] == {"MP4": 2, "MXF": 2}
    assert found[Field.YEAR] == {"2024": 3}
    assert found[Field.TAG] == {"Hero Call": 1}
    for values in facets.values():
        for value in values:
            narrowed = selectors.search(user=viewer, query=query.with_term(value.term), limit=20)
            assert narrowed.count == value.count, value
            assert parse(str(query.with_term(value.term))) == query.with_term(value.term)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("codec:h264", {"h264 old", "h264 new"}),
        ("codec:h264 codec:hevc", {"h264 old", "h264 new", "hevc old"}),
        ("codec:x264 codec:nonsense year:2024", {"h264 new"}),
        ("codec:h264 codec:hevc year:2019", {"h264 old", "hevc old"}),
        ("codec:h264 codec:hevc -codec:hevc", {"h264 old", "h264 new"}),
        ("codec:h264 codec:hevc tag:one tag:two", {"hevc old"}),
        ("year:2019 year:2024..2026 tag:one", {"h264 new", "hevc old"}),
        ("year:>2018 year:<2020", {"h264 old", "hevc old"}),
        ("duration:1m..10m", {"h264 old"}),
        ("duration:1m..10m duration:3h..", {"h264 old", "hevc old"}),
        ("duration:1m..10m duration:10m duration:nonsense", {"h264 old", "h264 new"}),
        ("duration:>=1m duration:<1h", {"h264 old", "h264 new"}),
        ("size:1GB size:2GB", {"h264 old", "h264 new"}),
        ("size:nonsense size:2GB", {"h264 new"}),
        ("size:nonsense", set()),
        ("is:present is:failed", {"hevc old"}),
        ("catalog:nowhere", set()),
        ("catalog:nowhere year:2024", set()),
    ],
)
def test_several_values_of_a_field_mean_any_of_them(viewer: User, typed: str, expected: set[str]) -> None:
    one, two = make_tag("one"), make_tag("two")
    for codec, age, year, tags, minutes, gigabytes, state in (
        ("h264", "old", 2019, [two], 5, 1, "done"),
        ("h264", "new", 2024, [one], 11, 2, "done"),
        ("hevc", "old", 2019, [one, two], 200, 3, "failed"),
    ):
        facts: Any = {"video_codec": codec, "duration_ms": minutes * 60_000, "size_bytes": gigabytes * 10**9, "probe_state": state}
        make_file(f"{year}/{codec} {age}.mp4", tags=tags, **facts)
    index.refresh_all()
    found = selectors.search(user=viewer, query=parse(typed), limit=20)
    assert {file.name.removesuffix(".mp4") for file in found.items} == expected


@pytest.mark.parametrize("typed", ["final codec:hevc", '"final day" codec:hevc', "codec:hevc", "final codec:hevc year:2024"])
def test_beside_a_chosen_value_the_others_say_what_they_would_add(viewer: User, typed: str) -> None:
    for year, codec, count in ((2024, "h264", 3), (2024, "hevc", 2), (2023, "prores", 1)):
        for number in range(count):
            make_file(f"{year}/final day {codec} {number}.mp4", video_codec=codec)
    index.refresh_all()
    query = parse(typed)
    for facet, values in selectors.list_facets(user=viewer, query=query, facets=[Field.CODEC, Field.YEAR, Field.CONTAINER]).items():
        before = selectors.search(user=viewer, query=query, limit=20).count
        for value in values:
            if value.term in query.terms:
                continue
            after = selectors.search(user=viewer, query=query.with_term(value.term), limit=20).count
            is_another = any(term.field is facet for term in query.terms)
            assert after == (before + value.count if is_another else value.count), value
    codecs = selectors.list_facets(user=viewer, query=query, facets=[Field.CODEC])[Field.CODEC]
    assert {value.value for value in codecs} >= {"h264", "hevc"}


@pytest.mark.parametrize(
    ("typed", "facet", "value", "is_chosen", "then"),
    [
        ("year:2019..2021", Field.YEAR, "2020", False, "year:2020"),
        ("final year:2019..2021 year:2030", Field.YEAR, "2020", False, "final year:2030 year:2020"),
        ("final year:2019..2021 year:2020", Field.YEAR, "2020", True, "final year:2019..2021"),
        ("year:2030", Field.YEAR, "2020", False, "year:2030 year:2020"),
        ("codec:x264", Field.CODEC, "h264", True, ""),
        ("codec:x264 codec:hevc", Field.CODEC, "h264", True, "codec:hevc"),
        ("res:1080", Field.RESOLUTION, "1080", True, ""),
        ("res:>=720p", Field.RESOLUTION, "1080", False, "res:>=720p res:1080p"),
        ("ext:MP4", Field.CONTAINER, "mp4", True, ""),
        ("duration:1m..30m", Field.DURATION, "1", False, "duration:1m..10m"),
        ("duration:1m..10m", Field.DURATION, "1", True, ""),
        ("tag:BLUFF", Field.TAG, None, True, ""),
    ],
)
def test_a_value_is_chosen_however_it_is_spelt_and_takes_the_place_of_what_it_is_within(
    viewer: User, typed: str, facet: Field, value: str | None, is_chosen: bool, then: str
) -> None:
    tags = [make_tag("Bluff")]
    for year in (2019, 2020, 2021, 2030):
        codec = "hevc" if year % 2 else "h264"
        make_file(f"{year}/final {year}.mp4", video_codec=codec, height_px=1080, width_px=1920, duration_ms=300_000, tags=tags)
    index.refresh_all()
    query = parse(typed)
    (found,) = (one for one in selectors.list_facets(user=viewer, query=query)[facet] if value in (None, one.value))
    assert (found.is_chosen, str(found.toggled(query))) == (is_chosen, then)


def test_what_another_field_rules_out_is_counted_nowhere(archive: dict[str, MediaFile], viewer: User) -> None:
    for typed in ("year:abc tag:nothing", "year:abc kind:book", "codec:h264 year:abc player:nobody"):
        assert selectors.list_facets(user=viewer, query=parse(typed)) == {}


def test_a_search_without_words_has_facets_too(archive: dict[str, MediaFile], viewer: User) -> None:
    facets = selectors.list_facets(user=viewer, query=parse(""), facets=[Field.KIND])
    assert [(value.value, value.count) for value in facets[Field.KIND]] == [("video", 7)]


def test_an_empty_result_proposes_another_spelling(archive: dict[str, MediaFile], viewer: User) -> None:
    query = parse('wsop "tabel"')
    found = selectors.search(user=viewer, query=query, limit=5)
    assert found.count > 0 or str(selectors.propose(query, found.resolved)) == "wsop table"
    hopeless = parse("qqqqqqq zzzzzzz")
    assert selectors.propose(hopeless, selectors.search(user=viewer, query=hopeless, limit=5).resolved) is None


def test_what_a_search_that_finds_nothing_fails_by_is_told(archive: dict[str, MediaFile], viewer: User) -> None:
    def ways(typed: str) -> list[tuple[str, str, int]]:
        found = selectors.list_ways_out(user=viewer, query=parse(typed))
        return [(str(way.query), str(way.without or ""), way.count) for way in found]

    assert ways("final qqqq") == [("final", "qqqq", 4)]
    assert ways("final codec:prores res:720p") == [("final codec:prores", "res:720p", 1)]
    assert ways("gone") == [("gone is:missing", "", 1)]
    assert ways("qqqq") == []


def test_a_phrase_that_nothing_has_is_proposed_as_words(archive: dict[str, MediaFile], viewer: User) -> None:
    query = parse('"table final"')
    assert str(selectors.propose(query, selectors.search(user=viewer, query=query, limit=5).resolved)) == "table final"


# --- what was understood ----------------------------------------------------------------------------------------------
def test_what_a_rare_word_was_taken_for_is_told_and_within_quotation_marks_it_is_itself(
    archive: dict[str, MediaFile], viewer: User
) -> None:
    loose = selectors.search(user=viewer, query=parse("tabel"), limit=20)
    assert loose.resolved.meant == {"tabel": ["table"]}
    assert (loose.count, loose.resolved.marked_words) == (3, ["tabel", "table"])
    exact = selectors.search(user=viewer, query=parse('"tabel"'), limit=20)
    assert (exact.count, exact.resolved.meant) == (0, {})


@pytest.mark.parametrize(("typed", "word"), [("ivy", "ivey"), ("iey", "ivey"), ("rwa", "raw"), ("xyz", "")])
def test_words_of_three_letters_are_put_right_where_that_leaves_little_doubt(archive: dict[str, MediaFile], typed: str, word: str) -> None:
    make_file("raw/ivey.mp4")
    index.refresh_all()
    vocabulary.refresh()
    assert vocabulary.near(typed) == ([word] if word else [])


@pytest.mark.parametrize(
    ("typed", "instead"),
    [
        ("catalog:WSPO", "catalog:WSOP"),
        ("tag:herocal", 'tag:"Hero Call"'),
        ("player:Iveyy", "player:Ivey"),
        ("codec:foo", ""),
        ("codec:h266", "codec:h264"),
        ("ext:mpp4", "ext:mp4"),
        ("is:mising", "is:missing"),
        ("resolution:1080p", "res:1080p"),
        ("codecs:h264", "codec:h264"),
        ("Dates:2024", ""),
        ("duration:soon", ""),
    ],
)
def test_a_mistyped_field_is_told_with_what_may_be_meant(archive: dict[str, MediaFile], viewer: User, typed: str, instead: str) -> None:
    make_catalog("WSOP")
    query = parse(typed)
    (problem,) = selectors.search(user=viewer, query=query, limit=5).resolved.problems
    meant = likely(problem.term)
    assert str(meant or "") == instead
    assert str(query.with_instead(query.terms[0], meant or query.terms[0])) == (instead or typed)


@pytest.mark.parametrize("typed", ["codec:ProRes", "-codec:foo", '"foo:bar"', "ext:.mxf", "12:30", "codec:MPEG-2"])
def test_what_may_be_written_in_several_ways_is_no_mistake(archive: dict[str, MediaFile], viewer: User, typed: str) -> None:
    assert selectors.search(user=viewer, query=parse(typed), limit=5).resolved.problems == []


def test_codecs_are_known_by_their_other_names(archive: dict[str, MediaFile], viewer: User) -> None:
    make_file("raw/x.mp4", video_codec="hevc")
    index.refresh_all()
    for typed in ("hevc", "H.265", "x265", "hvc1"):
        assert selectors.search(user=viewer, query=parse(f"codec:{typed}"), limit=5).count == 1


def test_what_is_being_typed_is_completed(archive: dict[str, MediaFile], viewer: User) -> None:
    found = selectors.suggest(user=viewer, typed="fin")
    assert found["words"][:1] == ["final"]
    assert selectors.suggest(user=viewer, typed="phil")["players"] == ["Phil Ivey"]
    assert selectors.suggest(user=viewer, typed="아이비")["players"] == ["Phil Ivey"]
    assert selectors.suggest(user=viewer, typed="no home")["players"] == ["Phil Ivey"]
    assert selectors.suggest(user=viewer, typed="hero")["tags"] == ["Hero Call"]
    assert selectors.suggest(user=viewer, typed="main e")["titles"] == ["Main Event Final Table"]
    assert not any(selectors.suggest(user=viewer, typed=" ").values())


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("wsop ive", {("player", 'wsop player:"Phil Ivey"'), ("word", "wsop ivey")}),
        ("아이비", {("player", 'player:"Phil Ivey"')}),
        ("wsop -hero", {("tag", 'wsop -tag:"Hero Call"')}),
        ("main e", {("title", '"Main Event Final Table"'), ("word", "main event")}),
        ("final re", {("field", "final res:")}),
        ('player:"phil i', {("player", 'player:"Phil Ivey"')}),
        ("final is:mis", {("is", "final is:missing")}),
        ("res:10", {("res", "res:1080p")}),
        ("tag:", {("tag", 'tag:"Hero Call"')}),
        ('"main event" her', {("tag", '"main event" tag:"Hero Call"'), ("word", '"main event" hero')}),
        ('"main event"', set()),
        ("-", set()),
        ("size:1", set()),
        ("strange:x", set()),
        ("final 시", {("field", "final 시리즈:")}),
        ("final 상태:없", set()),
        ("final 상태:없어짐", {("is", "final is:missing")}),
        ("", set()),
        ("final ", set()),
    ],
)
def test_what_is_half_typed_is_completed(archive: dict[str, MediaFile], viewer: User, typed: str, expected: set[tuple[str, str]]) -> None:
    found = {(one.kind, one.query) for one in selectors.complete(user=viewer, typed=typed)}
    assert found == expected


def test_lists_with_an_order_of_their_own_use_the_search(archive: dict[str, MediaFile]) -> None:
    files = MediaFile.objects.order_by("name_key")
    assert list(selectors.matching(files, "finaltabel")) == [archive["camel"]]
    assert list(selectors.matching(files, "  ")) == list(files)
    assert archive["gone"] in selectors.matching(files, "final")  # whether it is missing is asked by their own filters


@pytest.mark.parametrize(
    "read",
    [
        lambda user: selectors.search(user=user, query=parse("x"), limit=5),
        lambda user: selectors.list_facets(user=user, query=parse("x")),
        lambda user: selectors.suggest(user=user, typed="x"),
        lambda user: selectors.complete(user=user, typed="x"),
    ],
)
def test_nobody_without_the_permission_finds_anything(read: Any) -> None:
    for stranger in (AnonymousUser(), make_user(None), make_user("viewer", is_active=False)):
        with pytest.raises(PermissionDeniedError):
            read(stranger)
