"""Names survive the way into the database and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mam.lib.sources import names

ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
UNITS = st.lists(st.one_of(st.integers(0, 0xFFFF), st.integers(0xD800, 0xDFFF)), max_size=40)


@given(st.binary(max_size=40))
def test_any_bytes_come_back_from_storable_text(raw: bytes) -> None:
    text = names.from_bytes(raw)
    text.encode()
    assert names.to_bytes(text) == raw


@given(st.lists(st.integers(0x10FF80, 0x10FFFF)).map(lambda points: "".join(map(chr, points)).encode()))
def test_names_that_look_like_mapped_ones_come_back_too(raw: bytes) -> None:
    assert names.to_bytes(names.from_bytes(raw)) == raw


@given(UNITS)
def test_any_utf16_comes_back_from_storable_text(units: list[int]) -> None:
    raw = b"".join(unit.to_bytes(2, "little") for unit in units)
    text = names.from_utf16(raw)
    text.encode()
    assert names.to_utf16(text) == raw


@given(ANY_TEXT.filter(lambda text: not any(ord(character) >= 0x10F000 for character in text)))
def test_ordinary_names_are_left_alone(text: str) -> None:
    assert names.from_bytes(text.encode()) == text
    assert names.from_utf16(text.encode("utf-16-le")) == text


def test_a_byte_is_mapped_as_documented() -> None:
    assert names.from_bytes(b"caf\xe9") == "caf\U0010ffe9"
    assert names.from_utf16(b"\x00\xd8") == "\U0010f000"
