"""Texts of hostile files, and descriptions that come over the wire from a process that read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.choices import ProbeReason, StreamKind
from mam.lib.media import Chapter, Description, Kind, Reason, Stream
from mam.lib.media import text as texts
from mam.lib.media.description import MalformedDescriptionError, from_wire, to_wire

any_text = st.text(st.characters(), max_size=300)  # surrogates too
FULL = Description(
    container="mov,mp4",
    size_bytes=10,
    duration_ticks=120_120,
    duration_base=Fraction(1, 30_000),
    bit_rate_bps=1,
    recorded_at=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
    start_timecode="01:00:00;02",
    is_drop_frame=True,
    rotation=270,
    chapters=(Chapter(0, 10, "시작"),),
    streams=(
        Stream(0, Kind.VIDEO, "h264", "High", "kor", "제목", 5, True, 1920, 1080, Fraction(30_000, 1001), sample_aspect=Fraction(16, 11)),
        Stream(1, Kind.AUDIO, "aac", channels=2, channel_layout="stereo", sample_rate_hz=48_000),
    ),
)


@given(any_text, st.integers(0, 100))
def test_cleaned_text_can_be_stored_and_shown(text: str, max_length: int) -> None:
    cleaned = texts.clean(text, max_length)
    assert len(cleaned) <= max_length
    cleaned.encode()  # no lone surrogate
    assert cleaned == cleaned.strip()
    assert not any(character in cleaned for character in "\0\n\r\t\x1b\u202e\u2066")


def test_korean_of_old_tools_is_read() -> None:
    stored = "포커 결승전".encode("cp949").decode("utf-8", "surrogateescape")
    assert texts.clean(stored, 255) == "포커 결승전"


@pytest.mark.parametrize(("text", "language"), [("kor", "kor"), ("EN", "en"), ("pt-BR", "pt-br"), ("und", ""), ("<b>", ""), ("", "")])
def test_languages(text: str, language: str) -> None:
    assert texts.language(text) == language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("01:00:00;02", ("01:00:00;02", True)),
        ("01:00:00:02", ("01:00:00:02", False)),
        ("01:00:00.02", ("01:00:00;02", True)),
        ("1h", ("", False)),
    ],
)
def test_timecodes(text: str, expected: tuple[str, bool]) -> None:
    assert texts.timecode(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1904-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000000Z",
        "2024",
        "2024-05-06",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59Z",
        "x" * 30,
    ],
)
def test_times_that_say_nothing(text: str) -> None:
    assert texts.recording_time(text) is None


def test_a_time_keeps_its_moment() -> None:
    assert texts.recording_time("2024-05-06T16:08:09+0900") == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_a_description_survives_the_wire() -> None:
    assert from_wire(json.loads(json.dumps(to_wire(FULL)))) == FULL


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("container", "x" * 65),
        ("container", "a\0b"),
        ("container", "\udc80"),
        ("size_bytes", 2**63),
        ("size_bytes", -1),
        ("size_bytes", "10"),
        ("size_bytes", True),
        ("duration_base", [1, 0]),
        ("duration_base", [1, 2**31]),
        ("duration_base", [1]),
        ("recorded_at", "yesterday"),
        ("recorded_at", "9999-12-31T23:59:59+00:00"),
        ("duration_ticks", 2**62),
        ("rotation", 45),
        ("chapters", [1]),
        ("chapters", {}),
        ("streams", [{"index": 0, "kind": "smell"}]),
        ("streams", [{"index": 0, "kind": "data"}] * 2),
        ("streams", [{"index": n, "kind": "data"} for n in range(300)]),
    ],
)
def test_what_the_catalog_could_not_hold_is_refused(name: str, value: Any) -> None:
    with pytest.raises(MalformedDescriptionError):
        from_wire({**to_wire(FULL), "duration_base": [2**31 - 1, 1], name: value})


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_nonsense_is_refused_and_nothing_else_is_raised(value: Any) -> None:
    with pytest.raises(MalformedDescriptionError):
        from_wire(value if not isinstance(value, dict) else {**value, "container": 5})


def test_reasons_and_kinds_are_those_of_the_catalog() -> None:
    assert set(map(str, Reason)) == set(ProbeReason.values)
    assert set(map(str, Kind)) == set(StreamKind.values)
