"""Messages between the process that reads and the worker that looks: one byte of kind, four of length, the payload.

The parent sends a task; the worker asks for byte ranges as often as it likes and ends with a result. Nothing else passes.
"""

from __future__ import annotations

import struct
import time
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_HEADER = struct.Struct("!BI")
RANGE = struct.Struct("!QI")  # offset, length
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024


class Message(IntEnum):
    """What a message is."""

    READY = 1  # worker: loaded and locked down
    TASK = 2  # parent: JSON
    READ = 3  # worker: RANGE
    DATA = 4  # parent: the bytes asked for
    REFUSED = 5  # parent: the budget is used up
    BLOB = 6  # worker: bytes that belong to the result that follows
    RESULT = 7  # worker: JSON; the task is over


class ClosedError(Exception):
    """The other side is gone."""


class ProtocolError(Exception):
    """The other side does not keep to the protocol."""


class Channel:
    """Whole messages over a stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, kind: Message, payload: bytes = b"", *, deadline: float | None = None) -> None:
        """Send one message. Raises ClosedError, or TimeoutError when `deadline` (time.monotonic) passes."""
        self._arm(deadline)
        try:
            self._connection.sendall(_HEADER.pack(kind, len(payload)) + payload)
        except TimeoutError:
            raise
        except OSError as error:
            raise ClosedError from error

    def receive(self, *, deadline: float | None = None) -> tuple[Message, bytes]:
        """The next message. Raises ClosedError, ProtocolError, or TimeoutError when `deadline` (time.monotonic) passes."""
        kind, length = _HEADER.unpack(self._take(_HEADER.size, deadline))
        if length > MAX_PAYLOAD_BYTES:
            raise ProtocolError(f"a message of {length} bytes")
        try:
            message = Message(kind)
        except ValueError as error:
            raise ProtocolError(f"a message of kind {kind}") from error
        return message, bytes(self._take(length, deadline))

    def close(self) -> None:
        """Close the connection; the other side sees the end."""
        self._connection.close()

    def _take(self, length: int, deadline: float | None) -> bytearray:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            self._arm(deadline)
            try:
                received = self._connection.recv_into(view)
            except TimeoutError:
                raise
            except OSError as error:
                raise ClosedError from error
            if not received:
                raise ClosedError
            view = view[received:]
        return data

    def _arm(self, deadline: float | None) -> None:
        if deadline is None:
            self._connection.settimeout(None)
            return
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._connection.settimeout(remaining)
