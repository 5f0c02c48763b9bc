"""Browser libraries: what pages load is served, the rest of the packages is not, and what one module names is there."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

from mam.lib.browser_libraries import BrowserLibraryFinder

IMPORTED = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.{1,2}/[^"']+)["']""")


def served() -> dict[str, Path]:
    """Name under /static/ -> file."""
    return {f"{storage.prefix}/{name}": Path(storage.path(name)) for name, storage in BrowserLibraryFinder().list(None)}  # type: ignore[attr-defined]


def test_what_is_listed_is_found_and_small() -> None:
    files = served()
    assert {"vendor/htmx/htmx.min.js", "vendor/hls/hls.min.mjs", "vendor/media-chrome/media-controller.js"} <= files.keys()
    for name, path in files.items():
        assert finders.find(name) == str(path)
    assert sum(path.stat().st_size for path in files.values()) < 2_000_000


@pytest.mark.parametrize(
    "name",
    [
        "vendor/hls/hls.mjs",
        "vendor/hls/../hls.min.mjs",
        "vendor/media-chrome/react/index.js",
        "vendor/media-chrome/media-store/../../package.json",
        "vendor/react/index.js",
        "vendor",
    ],
)
def test_nothing_else_of_a_package_is_found(name: str) -> None:
    assert not finders.find(name)


def test_every_module_that_a_served_one_imports_is_served_too() -> None:
    names = served()
    for name, path in names.items():
        if path.suffix != ".js" or "media-chrome" not in name:
            continue
        for target in IMPORTED.findall(path.read_text(encoding="utf-8")):
            assert posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) in names, (name, target)
