"""Which file of the catalog an old path means. Reads only.

Old paths begin at a server, a drive or a mount point; ours at the root of a source. So they are compared from their ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from catalog import text
from catalog.choices import ImportReason
from catalog.models import MediaFile, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from catalog.services.archive_reader import OldRow

    Parts = tuple[str, ...]

_SCHEME = re.compile(r"^[a-z][a-z0-9+.\-]*://", re.IGNORECASE)
_DRIVE = re.compile(r"^[a-z]:", re.IGNORECASE)
_COMMON = 50  # a name that more files than that have is asked for once, not for each batch


def path_parts(path: str) -> Parts:
    r"""Keys of the names in a path, however it is written: "\\nas\share\a.mp4", "Z:\a.mp4", "smb://nas/a.mp4", "/Volumes/nas/a.mp4"."""
    if _SCHEME.match(path):
        path = unquote(_SCHEME.sub("", path))
    parts: list[str] = []
    for name in _DRIVE.sub("", path).replace("\\", "/").replace("\x00", "").split("/"):
        if name == "..":
            parts = parts[:-1]
        elif name not in {"", "."}:
            parts.append(text.fold(name))
    return (*parts[:-1], text.name_key(parts[-1])) if parts else ()


def old_path(row: OldRow) -> str:
    """The path of an old row, from its path, or its folder and file name; "" for none."""
    path, filename = str(row.get("path") or ""), str(row.get("filename") or "")
    if not path:
        folder = str(row.get("folder") or "")
        return f"{folder}/{filename}" if folder and filename else filename
    last = path_parts(path)[-1:]
    is_folder = filename and last != path_parts(filename)[-1:] and bool(text.split_extension(filename)[1])
    return f"{path}/{filename}" if is_folder and not (last and text.split_extension(last[0])[1]) else path


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that has the name. `parts` begin with the path of its source's address, `own` of them are of its path in the source."""

    pk: int
    parts: Parts
    own: int
    size_bytes: int
    is_there: bool

    def common(self, parts: Parts) -> int:
        """How many names agree, counted from the end."""
        count = 0
        for mine, asked in zip(reversed(self.parts), reversed(parts), strict=False):
            if mine != asked:
                break
            count += 1
        return count


class Matcher:
    """Finds files by old paths."""

    def __init__(self) -> None:
        self._sources = {pk: path_parts(unquote(urlsplit(url).path)) for pk, url in Source.objects.values_list("pk", "url")}
        self._common: dict[str, list[Candidate]] = {}

    def match(self, asked: Sequence[tuple[Parts, int | None]]) -> list[int | ImportReason]:
        """For each path with its size (None: not known) the id of the file, or why there is none."""
        candidates = self._candidates({parts[-1] for parts, _size in asked if parts})
        return [choose(parts, size, candidates.get(parts[-1], [])) if parts else ImportReason.NO_PATH for parts, size in asked]

    def _candidates(self, names: set[str]) -> dict[str, list[Candidate]]:
        found: dict[str, list[Candidate]] = {name: self._common[name] for name in names & self._common.keys()}
        rows = MediaFile.objects.filter(name_key__in=sorted(names - found.keys())).order_by()
        for pk, name, source_id, folder, size, absent in rows.values_list(
            "pk", "name_key", "source_id", "folder__path_key", "size_bytes", "absent_since"
        ):
            own = (*filter(None, folder.split("/")), name)
            candidate = Candidate(pk, (*self._sources.get(source_id, ()), *own), len(own), size, absent is None)
            found.setdefault(name, []).append(candidate)
        self._common |= {name: files for name, files in found.items() if len(files) > _COMMON}
        return found


def choose(parts: Parts, size: int | None, candidates: Iterable[Candidate]) -> int | ImportReason:
    """The file whose path agrees with `parts` for longest, or why none is taken.

    Where whole paths agree, the size only decides between several. Where files were moved, or only names agree, the size has to be the
    same too; where no size is known, a folder has to agree.
    """
    scored = [(candidate.common(parts), candidate) for candidate in candidates]
    if not scored:
        return ImportReason.ABSENT
    pool = [(n, one) for n, one in scored if n >= 2 and (n >= one.own or n == len(parts))]
    if not pool and size is not None:
        pool = [(n, one) for n, one in scored if one.size_bytes == size]
    elif not pool:
        pool = [(n, one) for n, one in scored if n >= 2 or len(parts) == 1]
    if not pool:
        return ImportReason.ELSEWHERE
    longest = max(n for n, _one in pool)
    best = [one for n, one in pool if n == longest]
    for narrower in ([one for one in best if one.is_there], [one for one in best if one.size_bytes == size]):
        if len(best) > 1:
            best = [one for one in best if one in narrower] or best
    return best[0].pk if len(best) == 1 else ImportReason.AMBIGUOUS
