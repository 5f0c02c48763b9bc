"""Preconditions and ranges of RFC 9110, by its own examples, by a naive model, and by whatever a hostile client may send."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mam.lib.http_range import Answer, ByteRange, Representation, Unsatisfiable, answer, parse_range

SIZE = 10_000
FILE = Representation(SIZE, '"abc"', 1_700_000_000)
MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"

# RFC 9110, 14.1.2, for a representation of 10,000 bytes, and the cases around them: header -> (first, last) of the piece.
PIECES = {
    "bytes=0-499": (0, 499),
    "bytes=500-999": (500, 999),
    "bytes=-500": (9500, 9999),
    "bytes=9500-": (9500, 9999),
    "bytes=0-0": (0, 0),
    "bytes=-1": (9999, 9999),
    "bytes=9999-9999": (9999, 9999),
    "bytes=0-": (0, 9999),
    "bytes=-99999": (0, 9999),
    "bytes=5000-99999": (5000, 9999),
    "BYTES=0-1": (0, 1),
    "bytes= 0-1": (0, 1),
    "bytes=0-1,": (0, 1),
    "bytes=,, 0-1": (0, 1),
    "bytes=00000000000000000000000000000001-2": (1, 2),
    "bytes=0-" + "9" * 3000: (0, 9999),
    "bytes=-" + "9" * 3000: (0, 9999),
    "bytes=500-600,601-999": (500, 999),
    "bytes=500-700,601-999": (500, 999),
    "bytes=601-999,500-700": (500, 999),
    "bytes=0-1,20000-": (0, 1),
}
WHOLE = [
    "bytes=0-0,-1",
    "bytes=1-2,4-5",
    "bytes",
    "bytes=",
    "bytes=,",
    "bytes=-",
    "bytes=a-b",
    "bytes=5-2",
    "bytes=-1-5",
    "bytes=0x1-5",
    "bytes=1.5-2",
    "bytes=+1-2",
    "bytes=1 -2",
    "bytes =1-2",
    "bytes=0-1;2-3",
    "bytes=٣-٤",
    "bytes=²-3",
    "seconds=1-2",
    "lines=0-1",
    "",
    "=",
    "bytes=" + ",".join(["0-1"] * 17),
    "bytes=" + " " * 5000 + "0-1",
    "bytes=0-1\x00",
]
NOTHING = ["bytes=10000-", "bytes=10000-10001", "bytes=-0", "bytes=-000", "bytes=" + "9" * 3000 + "-", "bytes=10000-,20000-"]


@pytest.mark.parametrize(("header", "expected"), PIECES.items(), ids=[header[:40] for header in PIECES])
def test_a_satisfiable_range_is_one_piece_of_the_file(header: str, expected: tuple[int, int]) -> None:
    piece = parse_range(header, SIZE)
    assert isinstance(piece, ByteRange)
    assert (piece.offset, piece.end - 1) == expected


@pytest.mark.parametrize("header", WHOLE, ids=[repr(header[:40]) for header in WHOLE])
def test_what_is_no_range_or_several_pieces_is_answered_with_the_whole_file(header: str) -> None:
    assert parse_range(header, SIZE) is None
    assert answer("GET", {"Range": header}, FILE).status == HTTPStatus.OK


@pytest.mark.parametrize("header", NOTHING, ids=[header[:40] for header in NOTHING])
def test_a_range_behind_the_end_is_refused_and_says_how_large_the_file_is(header: str) -> None:
    assert isinstance(parse_range(header, SIZE), Unsatisfiable)
    refused = answer("GET", {"Range": header}, FILE)
    assert (refused.status, refused.length) == (416, 0)
    assert refused.headers["Content-Range"] == "bytes */10000"


@given(size=st.integers(1, 200), first=st.integers(0, 250), last=st.none() | st.integers(0, 250))
def test_an_int_range_is_what_slicing_gives(size: int, first: int, last: int | None) -> None:
    data = bytes(index % 256 for index in range(size))
    got = answer("GET", {"Range": f"bytes={first}-{'' if last is None else last}"}, Representation(size, '"e"', 0))
    if last is not None and last < first:
        assert got.status == HTTPStatus.OK
        return
    expected = data[first:] if last is None else data[first : last + 1]
    if not expected:
        assert got.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return
    assert got.status == HTTPStatus.PARTIAL_CONTENT
    assert data[got.offset : got.offset + got.length] == expected
    assert got.headers["Content-Length"] == str(len(expected))


@given(size=st.integers(1, 200), suffix=st.integers(1, 250))
def test_a_suffix_range_is_the_end_of_the_file(size: int, suffix: int) -> None:
    got = answer("GET", {"Range": f"bytes=-{suffix}"}, Representation(size, '"e"', 0))
    data = bytes(index % 256 for index in range(size))
    assert data[got.offset : got.offset + got.length] == data[-suffix:]


@given(specs=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted), min_size=1, max_size=5), size=st.integers(1, 50))
def test_several_ranges_are_served_only_as_one_piece_without_holes(specs: list[list[int]], size: int) -> None:
    wanted = {offset for first, last in specs for offset in range(first, last + 1) if offset < size}
    piece = parse_range("bytes=" + ",".join(f"{first}-{last}" for first, last in specs), size)
    if not wanted:
        assert isinstance(piece, Unsatisfiable)
    elif wanted == set(range(min(wanted), max(wanted) + 1)):
        assert piece == ByteRange(min(wanted), len(wanted))
    else:
        assert piece is None


HEADER_TEXT = (
    st.text(max_size=60) | st.text(alphabet='bytes=0123456789-, "W/*', max_size=60) | st.from_regex(r"bytes=[0-9]*-[0-9]*", fullmatch=True)
)


@given(
    method=st.sampled_from(["GET", "HEAD"]),
    headers=st.dictionaries(
        st.sampled_from(["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"]), HEADER_TEXT
    ),
    size=st.integers(0, 2**63 - 1),
)
def test_no_header_breaks_the_answer(method: str, headers: dict[str, str], size: int) -> None:
    got = answer(method, headers, Representation(size, '"abc"', 1_700_000_000))
    assert isinstance(got, Answer)
    assert got.offset >= 0 <= got.length
    assert got.offset + got.length <= size
    if got.status == HTTPStatus.PARTIAL_CONTENT:
        assert method == "GET" and got.length > 0
    assert all("\n" not in value and "\r" not in value for value in got.headers.values())


def test_head_ignores_range_and_tells_the_whole_size() -> None:
    got = answer("HEAD", {"Range": "bytes=0-1"}, FILE)
    assert (got.status, got.length, got.headers["Content-Length"]) == (200, 0, "10000")
    assert got.headers["Accept-Ranges"] == "bytes"


def test_an_empty_file_has_no_first_byte_and_its_suffix_is_all_of_it() -> None:
    empty = Representation(0, '"e"', 0)
    assert answer("GET", {"Range": "bytes=0-"}, empty).status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    assert answer("GET", {"Range": "bytes=-5"}, empty).status == HTTPStatus.OK
    assert answer("GET", {}, empty).length == 0


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ('"abc"', 206),
        ('"other"', 200),
        ('W/"abc"', 200),  # a weak tag never matches strongly
        (MODIFIED, 206),
        (EARLIER, 200),
        (LATER, 200),  # an exact match is wanted, not "not later"
        ("garbage", 200),
        ("", 200),
    ],
)
def test_if_range_serves_the_piece_only_of_the_same_version(if_range: str, status: int) -> None:
    assert answer("GET", {"Range": "bytes=0-1", "If-Range": if_range}, FILE).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": '"abc"'}, 304),
        ({"If-None-Match": 'W/"abc"'}, 304),
        ({"If-None-Match": '"x", "abc"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": MODIFIED}, 200),
        ({"If-Modified-Since": MODIFIED}, 304),
        ({"If-Modified-Since": LATER}, 304),
        ({"If-Modified-Since": EARLIER}, 200),
        ({"If-Modified-Since": "garbage"}, 200),
        ({"If-Match": '"abc"'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": 'W/"abc"'}, 412),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": '"abc"', "If-Unmodified-Since": EARLIER}, 200),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"If-Unmodified-Since": MODIFIED}, 200),
        ({"If-None-Match": '"abc"', "Range": "bytes=99999-"}, 304),
        ({"If-Match": '"x"', "If-None-Match": '"abc"'}, 412),
    ],
)
def test_preconditions_come_before_ranges(headers: dict[str, str], status: int) -> None:
    got = answer("GET", headers, FILE)
    assert got.status == status
    assert got.headers["ETag"] == '"abc"'
