"""A whole source, folder by folder, several listings at once."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, NamedTuple

from mam.lib.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mam.lib.sources.base import Entry, Listing, SourceFileSystem

BATCH_FOLDERS = 8  # asked for at once by each thread


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

    A folder that cannot be listed ends the walk with its error, or is told to `on_error` and left out. What concerns the source
    ends it always. Closing the generator ends the walk after the listings under way.
    """
    to_list = [_Folder("", fs.stat("").file_id, None)]
    under_way: dict[Future[list[Listing]], list[_Folder]] = {}
    executor = ThreadPoolExecutor(parallelism, thread_name_prefix="walk")
    try:
        while to_list or under_way:
            while to_list and len(under_way) <= parallelism:
                batch = _take_batch(to_list, parallelism)
                under_way[executor.submit(fs.list_directories, [folder.path for folder in batch])] = batch
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                for folder, listing in zip(under_way.pop(future), future.result(), strict=True):
                    if isinstance(listing, SourceError):
                        _tell(folder.path, listing, on_error)
                        continue
                    to_list += _below(folder, listing)
                    yield folder.path, listing
    finally:
        executor.shutdown(cancel_futures=True)


def _take_batch(to_list: list[_Folder], parallelism: int) -> list[_Folder]:
    """The last few of them, and fewer when there are not enough for every thread."""
    size = max(1, min(BATCH_FOLDERS, len(to_list) // parallelism))
    batch = to_list[-size:]
    del to_list[-size:]
    return batch


def _tell(path: str, error: SourceError, on_error: Callable[[str, SourceError], None] | None) -> None:
    if on_error is None:
        raise error
    on_error(path, error)


def _below(folder: _Folder, entries: list[Entry]) -> list[_Folder]:
    prefix = f"{folder.path}/" if folder.path else ""
    found = [_Folder(prefix + entry.name, entry.file_id, folder) for entry in entries if entry.is_dir]
    return [child for child in found if not child.is_loop()]
