"""Static files under names that change with their content, ES modules included.

A module imports others by name, so its own name has to change with theirs. Django finds such names by hashing again and again until
nothing changes, at most five times and never for modules that import each other. Here a module's hash is that of all it leads to.
Only pages' own modules and the libraries' are touched: scripts of Django packages write imports in comments and for other loaders.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.staticfiles import finders
from whitenoise.storage import CompressedManifestStaticFilesStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from django.core.files.base import File
    from django.core.files.storage import Storage

_MODULE_FOLDERS = ("js/", "vendor/")
_MODULES, _import_patterns = CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns
_IMPORT_TEMPLATES = {template for _pattern, template in _import_patterns}
# Not `import()`, which is asked for when it runs.
_STATIC_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s+["'](\.[^"']+)["']""")
_HASH_LENGTH = 12  # as Django's; WhiteNoise knows files that never change by it


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise's storage whose modules import each other by hashed names, so that browsers keep them for good."""

    support_js_module_import_aggregation = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._module_hashes: dict[str, str] = {}

    def post_process(self, paths: Mapping[str, tuple[Storage, str]], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Hash, rewrite and compress `paths` (name -> where its original is); see Django's method."""
        self._module_hashes = self._hash_modules(paths)
        yield from super().post_process(paths, dry_run=dry_run, **options)

    def file_hash(self, name: str, content: File[bytes] | None = None) -> str | None:
        """The hash in the name of a file; of a module that imports others the one made beforehand."""
        known = self._module_hashes.get(name)
        return known or super().file_hash(name, content)

    def url_converter(self, name: str, hashed_files: dict[str, str], template: str | None = None) -> Callable[[re.Match[str]], str]:
        """What replaces a reference in the file `name`; imports of files that are no modules of ours stay as they are."""
        if template in _IMPORT_TEMPLATES and name not in self._module_hashes:
            return lambda match: match["matched"]
        converter: Callable[[re.Match[str]], str] = super().url_converter(name, hashed_files, template)
        return converter

    def _hash_modules(self, paths: Mapping[str, tuple[Storage, str]]) -> dict[str, str]:
        """Name -> hash over itself and everything it imports, directly or not. Only modules that import something."""
        digests: dict[str, bytes] = {}
        imports: dict[str, set[str]] = {}
        for name, (storage, path) in paths.items():
            if name.startswith(_MODULE_FOLDERS):
                with storage.open(path) as file:
                    content = file.read()
                digests[name] = hashlib.sha256(content).digest()
                imports[name] = self._imports_of(name, content.decode()) if name.endswith(".js") else set()
        hashes = {}
        for name in (name for name, imported in imports.items() if imported):
            reached = sorted(_reachable(name, lambda one: imports.get(one, ())))
            whole = hashlib.sha256(b"".join(one.encode() + digests.get(one, b"") for one in reached))
            hashes[name] = whole.hexdigest()[:_HASH_LENGTH]
        return hashes

    def _imports_of(self, name: str, text: str) -> set[str]:
        """Names of the static files that a module refers to, by the patterns by which Django rewrites the references."""
        found = {match["url"] for pattern, _template in self._patterns[_MODULES] for match in pattern.finditer(text)}
        return {_resolved(name, url) for url in found}


def module_graph(name: str) -> tuple[str, ...]:
    """The module `name` (as below /static/) and all that it imports, directly or not, nearest first. LookupError for an unknown one."""
    return _module_graph(name) if not settings.DEBUG else _module_graph.__wrapped__(name)


@lru_cache(maxsize=64)
def _module_graph(name: str) -> tuple[str, ...]:
    return tuple(_reachable(name, _static_imports))


def _static_imports(name: str) -> list[str]:
    path = finders.find(name)
    if path is None:
        raise LookupError(name)
    return [_resolved(name, url) for url in _STATIC_IMPORT.findall(Path(path).read_text(encoding="utf-8"))]


def _resolved(name: str, url: str) -> str:
    """The static file that the module `name` means by `url`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), url))


def _reachable(name: str, imports_of: Callable[[str], Iterable[str]]) -> list[str]:
    """`name` and all that its imports lead to, nearest first; modules may import each other in a circle."""
    found = {name: None}
    waiting = deque(found)
    while waiting:
        new = [one for one in dict.fromkeys(imports_of(waiting.popleft())) if one not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return list(found)
