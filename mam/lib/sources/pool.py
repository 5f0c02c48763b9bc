"""Connections to one source: one borrower each, thrown away after any exception.

A connection that timed out may answer the next question with the last one's reply, or with an empty listing (FACTS, SMB 1), so none
survives an error. A refused password is remembered: it is tried once, whatever the number of threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mam.lib.sources.errors import AuthFailedError, ClosedError, SourceError

if TYPE_CHECKING:
    from mam.lib.sources.base import Connection

# Servers and firewalls forget connections that say nothing; a fresh one is cheaper than finding that out by a timeout.
MAX_IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock of a source, so that tests need not wait."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True, eq=False)
class _Slot:
    connection: Connection
    idle_since_s: float


class ConnectionPool:
    """At most `limit` connections, made when needed by `connect`."""

    def __init__(self, connect: Callable[[], Connection], *, limit: int, timing: Timing) -> None:
        self._connect = connect
        self._limit = max(1, limit)
        self._timing = timing
        self._changed = threading.Condition()
        self._connecting = threading.Lock()
        self._idle: list[_Slot] = []
        self._handles_to_close: dict[Connection, list[Any]] = {}  # of the connections that exist
        self._open = 0
        self._is_closed = False
        self._refusal: AuthFailedError | None = None

    @contextmanager
    def borrow(self, preferred: Collection[Connection] = ()) -> Iterator[Connection]:
        """A connection for this thread alone; one of `preferred` if it is free. Waits while all are lent."""
        connection = self._take(preferred)
        try:
            yield connection
            self._close_handles(connection)
        except BaseException:
            self._drop(connection)
            raise
        self._give_back(connection)

    @contextmanager
    def own_connection(self) -> Iterator[Connection]:
        """One that does not count and is closed afterwards, for work that takes as long as it likes."""
        connection = self._log_in()
        try:
            yield connection
        finally:
            with suppress(SourceError, OSError):
                connection.close()

    def close_handle(self, connection: Connection, handle: Any) -> None:
        """Close an open file now if its connection is free, when it is given back if it is lent, not at all if it is gone."""
        with self._changed:
            if connection not in self._handles_to_close:
                return
            self._handles_to_close[connection].append(handle)
            slot = next((slot for slot in self._idle if slot.connection is connection), None)
            if slot is None:
                return
            self._idle.remove(slot)
        try:
            self._close_handles(connection)
        except SourceError:
            self._drop(connection)
        else:
            self._give_back(connection)

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back. Borrowing is an error from now on."""
        with self._changed:
            self._is_closed = True
            slots, self._idle = self._idle, []
            self._changed.notify_all()
        for slot in slots:
            self._drop(slot.connection)

    def _take(self, preferred: Collection[Connection]) -> Connection:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._idle or self._open < self._limit)
                if self._is_closed:
                    raise ClosedError
                slot = self._pick(preferred)
                if slot is None:
                    self._open += 1
                    break
            is_fresh = self._timing.monotonic() - slot.idle_since_s < MAX_IDLE_S
            if is_fresh and slot.connection.is_usable:
                return slot.connection
            self._drop(slot.connection)
        return self._make()

    def _pick(self, preferred: Collection[Connection]) -> _Slot | None:
        slot = next((slot for slot in self._idle if slot.connection in preferred), None)
        if slot is None and self._idle:
            slot = self._idle[-1]  # the warmest; the others may grow old and go
        if slot is not None:
            self._idle.remove(slot)
        return slot

    def _make(self) -> Connection:
        try:
            connection = self._log_in()
        except BaseException:
            with self._changed:
                self._open -= 1
                self._changed.notify()
            raise
        with self._changed:
            self._handles_to_close[connection] = []
        return connection

    def _log_in(self) -> Connection:
        with self._connecting:
            if self._refusal is not None:
                raise self._refusal
            try:
                return self._connect()
            except AuthFailedError as error:
                self._refusal = error
                raise

    def _close_handles(self, connection: Connection) -> None:
        while True:
            with self._changed:
                handles, self._handles_to_close[connection] = self._handles_to_close[connection], []
            if not handles:
                return
            for handle in handles:
                connection.close_file(handle)

    def _give_back(self, connection: Connection) -> None:
        with self._changed:
            if not self._is_closed:
                self._idle.append(_Slot(connection, self._timing.monotonic()))
                self._changed.notify()
                return
        self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        with self._changed:
            self._handles_to_close.pop(connection, None)
            self._open -= 1
            self._changed.notify()
        with suppress(SourceError, OSError):
            connection.close()
