"""Globs take what fnmatch takes, on folded names and paths."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.choices import default_excludes
from catalog.text import fold
from ingest.globs import Globs
from mam.lib.sources import Entry

NAMES = st.text("aA.é한*?[]!-#/", min_size=1, max_size=6)


def entry(name: str, *, is_dir: bool = False) -> Entry:
    return Entry(name, is_dir, 0, 0, 0, None)


@pytest.mark.parametrize(
    ("name", "is_wanted"),
    [("@EADIR", False), ("thumbs.DB", False), ("._clip.mp4", False), ("clip.mp4.part", False), ("part.mp4", True), ("a._b", True)],
)
def test_what_programs_leave_behind_is_left_out(name: str, *, is_wanted: bool) -> None:
    assert Globs(include=[], exclude=default_excludes()).wants("WSOP/2025", entry(name)) is is_wanted


def test_an_include_speaks_of_files_alone() -> None:
    globs = Globs(include=["*.MP4", "raw/*.mxf"], exclude=[])
    assert [globs.wants("raw", entry(name)) for name in ("a.mp4", "b.MXF", "c.mov")] == [True, True, False]
    assert globs.wants("other", entry("b.mxf")) is False
    assert globs.wants("", entry("other", is_dir=True)) is True


def test_a_pattern_with_a_slash_speaks_of_the_path_in_any_spelling() -> None:
    globs = Globs(include=[], exclude=["WSOP/*/캠/*", "root.mp4/x"])
    decomposed = "wsop/2025/\u110f\u1162\u11b7"
    assert globs.wants(decomposed, entry("a.mp4")) is False
    assert globs.wants("wsop/2025", entry("a.mp4")) is True
    assert globs.wants("", entry("x")) is True


@given(st.lists(NAMES, max_size=4), st.sampled_from(["", "a", "a/한"]), NAMES)
def test_patterns_together_take_what_each_alone_would(patterns: list[str], folder: str, name: str) -> None:
    path = fold(f"{folder}/{name}" if folder else name)
    expected = any(fnmatchcase(path if "/" in pattern else fold(name), fold(pattern)) for pattern in patterns)
    assert Globs(include=[], exclude=patterns).wants(folder, entry(name)) is not expected
