"""Change notifications of servers that give them: a hint to look sooner, never the truth (FACTS, SMB 9).

The clock calls `keep_watching`; a daemon thread per source waits for its server's word, and what it hears becomes a folder hint. A
watch that breaks is begun again by a later call; what changed meanwhile the next scan for changes finds anyway.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import connections

from catalog.models import Source
from catalog.services import sources as catalog_sources
from ingest.services.scans import hint_folders
from mam.lib.errors import MamError

if TYPE_CHECKING:
    from mam.lib.sources import SourceFileSystem

_logger = logging.getLogger(__name__)

RETRY_S = 60.0  # between two attempts to watch a source whose server does not answer, or cannot be watched


@dataclass(eq=False)
class Watch:
    """One source being watched, or to be left alone until `again_at` (monotonic)."""

    source: Source
    stop: threading.Event = field(default_factory=threading.Event)
    heard: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None
    again_at: float = 0.0

    def hear(self, folder: str) -> None:
        """What the server says; called in the watching thread, so nothing slow happens here."""
        with self.lock:
            self.heard.add(folder)

    def take(self) -> set[str]:
        """What was heard since the last call."""
        with self.lock:
            heard, self.heard = self.heard, set()
        return heard

    @property
    def is_alive(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


class Watchers:
    """The watches of this process, by source id."""

    def __init__(self) -> None:
        self._watches: dict[int, Watch] = {}

    def keep(self) -> None:
        """Watch every enabled source, stop watching the others, and turn what was heard into hints. Call it every few seconds."""
        sources = {source.pk: source for source in Source.objects.filter(is_enabled=True)}
        for pk in [pk for pk in self._watches if pk not in sources]:
            self._watches.pop(pk).stop.set()
        for pk, source in sources.items():
            watch = self._watches.get(pk)
            if watch is not None and _settings_of(watch.source) != _settings_of(source):
                watch.stop.set()
                watch = None
            if watch is None or (not watch.is_alive and time.monotonic() >= watch.again_at):
                watch = self._begin(source)
            if heard := watch.take():
                hint_folders(source=source, paths=heard)

    def stop(self) -> None:
        """End all watches and wait for their threads."""
        for watch in self._watches.values():
            watch.stop.set()
        for watch in self._watches.values():
            if watch.thread is not None:
                watch.thread.join()
        self._watches.clear()

    def _begin(self, source: Source) -> Watch:
        watch = self._watches[source.pk] = Watch(source, again_at=time.monotonic() + RETRY_S)
        try:
            fs = catalog_sources.open_file_system(source)
        except MamError as error:
            _logger.info("%s is not watched: %s", source.name, error)
            return watch
        watch.thread = threading.Thread(target=_listen, args=(watch, fs), name=f"watch-{source.pk}", daemon=True)
        watch.thread.start()
        return watch


def _listen(watch: Watch, fs: SourceFileSystem) -> None:
    try:
        if not fs.watch(watch.hear, watch.stop):
            watch.again_at = float("inf")  # it cannot be watched; its polls find what changes
    except MamError as error:
        _logger.info("the watch of %s broke: %s", watch.source.name, error)
    finally:
        connections.close_all()


def _settings_of(source: Source) -> tuple[str, str, bool]:
    return source.url, source.credentials, source.require_encryption


_watchers = Watchers()


def keep_watching() -> None:
    """Clock: see `Watchers.keep`, for the watches of this process."""
    _watchers.keep()
