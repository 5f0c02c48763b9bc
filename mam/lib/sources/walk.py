"""A whole source, folder by folder, several listings at once."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, NamedTuple

from mam.lib.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mam.lib.sources.base import Entry, SourceFileSystem


class _Folder(NamedTuple):
    path: str
    file_id: int | None
    parent: _Folder | None

    def is_loop(self) -> bool:
        """Whether it is one of its own ancestors: a link on the server's side, which smbd shows as a folder."""
        ancestor = self.parent
        while ancestor is not None:
            if self.file_id is not None and ancestor.file_id == self.file_id:
                return True
            ancestor = ancestor.parent
        return False


def walk(
    fs: SourceFileSystem, parallelism: int = 4, *, on_error: Callable[[str, SourceError], None] | None = None
) -> Iterator[tuple[str, list[Entry]]]:
    """Yield (path, entries) of every folder, in no particular order; deep before wide, so little is remembered.

    A folder that cannot be listed ends the walk with its error, or is told to `on_error` and left out. Closing the generator
    ends the walk after the listings under way.
    """
    to_list = [_Folder("", fs.stat("").file_id, None)]
    under_way: dict[Future[list[Entry]], _Folder] = {}
    executor = ThreadPoolExecutor(parallelism, thread_name_prefix="walk")
    try:
        while to_list or under_way:
            while to_list and len(under_way) < 2 * parallelism:
                folder = to_list.pop()
                under_way[executor.submit(fs.list_directory, folder.path)] = folder
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                folder = under_way.pop(future)
                error = future.exception()
                if error is not None and on_error is not None and isinstance(error, SourceError):
                    on_error(folder.path, error)
                    continue
                entries = future.result()
                to_list += _below(folder, entries)
                yield folder.path, entries
    finally:
        executor.shutdown(cancel_futures=True)


def _below(folder: _Folder, entries: list[Entry]) -> list[_Folder]:
    prefix = f"{folder.path}/" if folder.path else ""
    found = [_Folder(prefix + entry.name, entry.file_id, folder) for entry in entries if entry.is_dir]
    return [child for child in found if not child.is_loop()]
