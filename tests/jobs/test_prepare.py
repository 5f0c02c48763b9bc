"""What `manage.py up` does before it starts anything: all of it the first time, nothing when nothing changed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from mam.jobs import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from django.conf import LazySettings


@pytest.fixture
def site(settings: LazySettings, tmp_path: Path) -> Path:
    """A data directory, and one folder of static files: its path is given."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "page.css").write_text("a {}")
    settings.DATA_DIR, settings.STATIC_ROOT, settings.STATICFILES_DIRS = tmp_path, tmp_path / "static", [sources]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    return sources


def collected() -> bool:
    said: list[str] = []
    prepare.collect_static(said.append)
    return bool(said)


def test_static_files_are_collected_when_one_changed_or_they_are_gone(site: Path, tmp_path: Path) -> None:
    assert collected()
    assert (tmp_path / "static" / "page.css").read_text() == "a {}"
    assert not collected()
    (site / "page.css").write_text("b {}\n")
    assert collected()
    assert (tmp_path / "static" / "page.css").read_text() == "b {}\n"
    (site / "more.css").write_text("c {}")
    assert collected()
    shutil.rmtree(tmp_path / "static")
    assert collected()
    assert not collected()
