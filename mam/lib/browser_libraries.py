"""Static files out of npm packages: only those that pages load, by `settings.MAM_BROWSER_LIBRARIES`.

The packages themselves hold sources, maps and other builds, tens of megabytes that nobody asks for.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.utils import get_files, matches_patterns
from django.core.files.storage import FileSystemStorage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

PREFIX = "vendor"


class BrowserLibraryFinder(BaseFinder):
    """Finds `vendor/<library>/<file>` where the library's patterns name the file. `*` in a pattern stays within a folder."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._libraries: dict[str, tuple[FileSystemStorage, tuple[str, ...]]] = {}
        for name, (folder, patterns) in settings.MAM_BROWSER_LIBRARIES.items():
            storage = FileSystemStorage(location=folder)
            storage.prefix = f"{PREFIX}/{name}"  # type: ignore[attr-defined]  # what collectstatic asks each storage for
            self._libraries[name] = (storage, tuple(patterns))

    def find(self, path: str, find_all: bool = False, **_kwargs: Any) -> Any:
        """The absolute path of a file that is served, [] for none; a list with `find_all`."""
        prefix, _, rest = path.replace("\\", "/").partition("/")
        library, _, name = rest.partition("/")
        if prefix != PREFIX or library not in self._libraries:
            return []
        storage, patterns = self._libraries[library]
        if not _is_served(name, patterns) or not storage.exists(name):
            return []
        found = storage.path(name)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        """(name in its storage, storage) of every file that is served."""
        ignored = list(ignore_patterns or ())
        for storage, patterns in self._libraries.values():
            for name in get_files(storage, ignored):
                if _is_served(name, patterns) and not matches_patterns(name, ignored):
                    yield name, storage


def _is_served(name: str, patterns: Iterable[str]) -> bool:
    return any(name.count("/") == pattern.count("/") and fnmatchcase(name, pattern) for pattern in patterns)
