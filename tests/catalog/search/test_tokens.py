"""Words as tokens, and searches taken apart: pure functions."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.search import values
from catalog.search.facets import minutes_of, year_in
from catalog.search.query import Field, Query, Term, parse
from catalog.search.tokens import index_tokens, pieces, query_tokens, spans, words
from mam.lib.resolution import lines_of


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("ME_Day1_Part2.mp4", {"me", "day1", "day", "1", "part2", "part", "2", "mp4"}),
        ("Day 01", {"day", "01", "1"}),
        ("S01E03", {"s01e03", "s", "1", "e", "3"}),
        ("FinalTable", {"finaltable", "final", "table"}),
        ("WSOPMain", {"wsopmain", "wsop", "main"}),
        ("h264 1080p 4K x265", {"h264", "1080p", "4k", "x265"}),
        ("홀덤", {"홀덤", "덤"}),
        ("파이널 테이블", {"파이널", "파이", "이널", "널", "널테", "테이블", "테이", "이블", "블"}),
        ("한국-WSOP 2024", {"한국", "국", "wsop", "2024"}),
        ("", set()),
        ("_-. ", set()),
        ("000", {"000", "0"}),
    ],
)
def test_words_are_kept_whole_and_in_pieces(text: str, tokens: set[str]) -> None:
    assert index_tokens(text) == tokens
    assert index_tokens(unicodedata.normalize("NFD", text)) == tokens


@pytest.mark.parametrize(
    ("searched", "text"),
    [
        ("day 1", "WSOP_Day01.mp4"),
        ("day01", "WSOP Day 1.mp4"),
        ("DAY1", "day-1"),
        ("s1e3", "Show S01E03"),
        ("finaltable", "FinalTable"),
        ("파이널테이블", "파이널 테이블 1일차"),
        ("파이널 테이블", "2024파이널테이블"),
        ("홀", "홀덤"),
        ("덤", "홀덤"),
        ("이널", "파이널"),
    ],
)
def test_a_text_has_the_tokens_of_what_finds_it(searched: str, text: str) -> None:
    wanted = {token for word in searched.split() for token in query_tokens(word)}
    have = index_tokens(text)
    if searched == "홀":  # one syllable is looked up as the beginning of a pair
        assert any(token.startswith("홀") for token in have)
    else:
        assert wanted <= have or searched == "finaltable"


@given(st.text(max_size=80))
def test_every_word_of_a_text_finds_it(text: str) -> None:
    have = index_tokens(text)
    for word in words(text):
        assert set(query_tokens(word)) <= have or len(word) == 1
    assert all(token and not set(token) & set(" _-.'\"\\") for token in have)


def test_marks_lie_on_the_words() -> None:
    text = "WSOP 파이널 테이블_Day01"
    assert [text[start:end] for start, end in spans(text, {"day", "1", "이블"})] == ["테이블", "Day01"]
    assert list(spans(text, {"nothing"})) == []


def test_pieces_are_folded() -> None:
    assert pieces("Straße007") == ["strasse", "7"]


# --- the box ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("wsop  final", [Term("wsop"), Term("final")]),
        ('"final table" -draft', [Term("final table", is_exact=True), Term("draft", is_excluded=True)]),
        ("codec:h264 YEAR:2024", [Term("h264", Field.CODEC), Term("2024", Field.YEAR)]),
        ('catalog:"WSOP Classic"', [Term("WSOP Classic", Field.CATALOG)]),
        ("-tag:bluff", [Term("bluff", Field.TAG, is_excluded=True)]),
        ("nofield:x", [Term("nofield:x")]),
        ('"never closed', [Term("never closed", is_exact=True)]),
        (r'player:"Phil \"Unabomber\" Laak" x', [Term('Phil "Unabomber" Laak', Field.PLAYER), Term("x")]),
        (r'"\\nas\clips\\" x', [Term("\\nas\\clips\\", is_exact=True), Term("x")]),
        ("- -- :", [Term(":")]),
        ("a a a", [Term("a")]),
        ("", []),
    ],
)
def test_a_search_is_taken_apart(typed: str, terms: list[Term]) -> None:
    assert list(parse(typed).terms) == terms


@given(st.text(max_size=120))
def test_a_search_survives_being_written_down(typed: str) -> None:
    query = parse(typed)
    assert parse(str(query)) == query


def test_a_search_is_narrowed_and_widened_again() -> None:
    query = parse("wsop year:2023")
    narrowed = query.with_term(Term("2024", Field.YEAR)).with_term(Term("bluff", Field.TAG)).with_term(Term("hero call", Field.TAG))
    assert str(narrowed) == 'wsop year:2023 year:2024 tag:bluff tag:"hero call"'
    assert str(narrowed.without_term(Term("bluff", Field.TAG))) == 'wsop year:2023 year:2024 tag:"hero call"'
    assert narrowed.with_term(Term("bluff", Field.TAG)) == parse('wsop year:2023 year:2024 tag:"hero call" tag:bluff')
    assert Query().with_term(Term("x")) == parse("x")


@pytest.mark.parametrize(
    ("text", "read", "bounds"),
    [
        (">1h", values.duration_ms, (3_600_001, None)),
        (">=1h30m", values.duration_ms, (5_400_000, None)),
        ("10m..30m", values.duration_ms, (600_000, 1_800_001)),
        ("..90s", values.duration_ms, (None, 90_001)),
        ("<1:30:00", values.duration_ms, (None, 5_400_000)),
        ("2:05", values.duration_ms, (125_000, 125_001)),
        ("45", values.duration_ms, (2_700_000, 2_700_001)),
        ("<=1.5GB", values.size_bytes, (None, 1_500_000_001)),
        (">2tb", values.size_bytes, (2_000_000_000_001, None)),
        (">10000000tb", values.size_bytes, (2**62 + 1, None)),
        (">" + "9" * 290 + "h", values.duration_ms, (2**62 + 1, None)),
        (">" + "9" * 290, values.duration_ms, (2**62 + 1, None)),
        (">=1080p", values.lines, (1080, None)),
        ("4k", values.lines, (2160, 2161)),
        ("2020..2024", values.year, (2020, 2025)),
        ("x", values.duration_ms, None),
        ("..", values.year, None),
        ("", values.year, None),
        ("1..x", values.year, None),
        (">", values.size_bytes, None),
    ],
)
def test_comparisons_are_read(text: str, read: object, bounds: tuple[int | None, int | None] | None) -> None:
    assert values.bounds(text, read) == bounds  # type: ignore[arg-type]


def test_a_plain_length_means_about_that() -> None:
    assert values.bounds("1h", values.duration_ms, is_rough=True) == (3_240_000, 3_960_001)


# --- classes ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("width", "height", "lines"),
    [(1920, 1080, 1080), (1080, 1920, 1080), (1920, 800, 1080), (3840, 2160, 2160), (720, 576, 480), (320, 240, 0), (1280, 720, 720)],
)
def test_a_picture_has_a_class(width: int, height: int, lines: int) -> None:
    assert lines_of(width, height) == lines


def test_what_is_no_picture_has_none() -> None:
    assert lines_of(None, None) is None


def test_lengths_have_classes() -> None:
    assert [minutes_of(minutes * 60_000) for minutes in (0, 1, 9, 10, 45, 179, 200)] == [0, 1, 1, 10, 30, 60, 180]


@pytest.mark.parametrize(
    ("path", "year"),
    [("WSOP/2024/x.mp4", 2024), ("2023/a_2019_b.mp4", 2019), ("12024/x.mp4", None), ("a/b.mp4", None), ("1080p/x.mp4", None)],
)
def test_a_path_names_a_year(path: str, year: int | None) -> None:
    assert year_in(path) == year
