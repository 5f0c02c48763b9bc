"""Names that people would call the same have the same key, however a disk or a keyboard spells them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import text


@given(st.text())
def test_folding_twice_is_folding_once(name: str) -> None:
    assert text.fold(text.fold(name)) == text.fold(name)


@given(st.text())
def test_composed_and_decomposed_spellings_are_equal(name: str) -> None:
    assert text.fold(unicodedata.normalize("NFD", name)) == text.fold(unicodedata.normalize("NFC", name))


@given(st.text(min_size=200))
def test_a_name_key_fits_its_column(name: str) -> None:
    assert len(text.name_key(name * 3)) <= text.NAME_KEY_MAX


@given(st.text(min_size=1), st.text(min_size=1))
def test_bounded_keys_of_long_names_stay_distinct(one: str, other: str) -> None:
    prefix = "x" * 300
    keys = {text.bounded_key(prefix + one, 120), text.bounded_key(prefix + other, 120)}
    assert all(len(key) <= 120 for key in keys)
    assert (len(keys) == 1) == (text.fold(prefix + one) == text.fold(prefix + other))


def test_hangul_from_a_mac_has_the_key_of_hangul_from_a_keyboard() -> None:
    assert text.name_key(unicodedata.normalize("NFD", "파이널 테이블.MP4")) == "파이널 테이블.mp4"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clip.MP4", ("clip", "mp4")),
        ("archive.tar.gz", ("archive.tar", "gz")),
        (".hidden", (".hidden", "")),
        ("no extension", ("no extension", "")),
        ("Dr. Strange", ("Dr. Strange", "")),
        ("trailing.", ("trailing.", "")),
        ("a." + "x" * 17, ("a." + "x" * 17, "")),
    ],
)
def test_extension_is_what_people_take_for_one(name: str, expected: tuple[str, str]) -> None:
    assert text.split_extension(name) == expected
