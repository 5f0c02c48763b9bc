"""An authenticated SMB2 session on a socket: numbering, credits, compounds, signing, sealing. One thread at a time.

Requests are sent without waiting (`send`) and answered in any order (`collect`), so several can be under way. Several may be given to
the network together (`post`): a system call costs either side more than what it carries. Replies are matched
by message id: an answer that comes late cannot be taken for another one. Everything that goes wrong below the level of an
NTSTATUS is a TransientError, after which the channel is of no use.
"""

from __future__ import annotations

import hmac
import io
import select
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from mam.lib.sources.errors import TransientError, from_os_error
from mam.lib.sources.smb2.crypto import SEALED, SIGNATURE_AT, Sealer, Signer, TamperedError
from mam.lib.sources.smb2.messages import HEADER_BYTES, STATUS_PENDING, Request, echo, logoff

CREDITS_WANTED = 256  # enough for 16 MiB under way
RECEIVE_BUFFER_BYTES = 256 * 1024
_CREDIT_BYTES = 65536  # one credit pays for so much payload (MS-SMB2 3.1.5.2)
_MAX_FRAME_BYTES = 1 << 24
_HEADER = struct.Struct("<4sHHIHHIIQIIQ16s")
_FLAG_REPLY = 0x1
_FLAG_RELATED = 0x4
_FLAG_SIGNED = 0x8
_UNSOLICITED = 0xFFFFFFFFFFFFFFFF  # message id of what a server says unasked


@dataclass(slots=True)
class Session:
    """What a login made, handed to Channel."""

    sock: socket.socket
    target: str  # for errors
    session_id: int
    next_message_id: int
    credits: int
    dialect: str  # "3.1.1"
    is_multi_credit: bool  # SMB 2.1 and later: large reads and writes
    max_read_bytes: int
    max_write_bytes: int
    tree_id: int = 0
    signer: Signer | None = None
    sealer: Sealer | None = None


class Reply(NamedTuple):
    status: int
    message: memoryview  # with its header
    tree_id: int


class Channel:
    """See the module. `timeout_s` is the longest silence while an answer is awaited."""

    def __init__(self, session: Session, *, timeout_s: float) -> None:
        self.session = session
        self._timeout_s = timeout_s
        self._sock = session.sock
        self._sock.settimeout(timeout_s)
        with suppress(OSError):  # not a TCP socket in some tests
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._incoming = io.BufferedReader(self._sock.makefile("rb", buffering=0), RECEIVE_BUFFER_BYTES)
        self._credits = session.credits
        self._next_id = session.next_message_id
        self._replies: dict[int, Reply] = {}
        self._unanswered: set[int] = set()
        self._ignored: set[int] = set()  # unanswered, and nobody will ask
        self._outgoing: list[bytes] = []  # posted
        self._is_broken = False

    @property
    def is_usable(self) -> bool:
        """False once the other side is known to have gone. Reads what has come in meanwhile."""
        with suppress(TransientError):
            while self._has_input(0):
                self._receive()
        return not self._is_broken

    def call(self, request: Request) -> Reply:
        return self.collect(self.send([request])[0])

    def chain(self, requests: Sequence[Request]) -> list[Reply]:
        """Send requests as one compound on one file and wait for all answers."""
        return [self.collect(number) for number in self.send(requests)]

    def send(self, requests: Sequence[Request]) -> list[int]:
        """Send requests as one compound; their message ids. Waits for answers only while it lacks the credits."""
        numbers = self.post(requests)
        self.flush()
        return numbers

    def post(self, requests: Sequence[Request]) -> list[int]:
        """As `send`, but they may wait here until the next `send`, `flush` or look for an answer."""
        costs = [self._cost(request) for request in requests]
        while self._credits < sum(costs):
            if not self._unanswered:
                raise self._broken("no credits")
            self._receive()
        numbers: list[int] = []
        message = b""
        for index, (request, cost) in enumerate(zip(requests, costs, strict=True)):
            is_last = index == len(requests) - 1
            numbers.append(self._next_id)
            message += self._encode(request, cost, is_first=index == 0, is_last=is_last)
            self._next_id += cost
            self._credits -= cost
        self._unanswered.update(numbers)
        self._outgoing.append(self.session.sealer.seal(message) if self.session.sealer else message)
        return numbers

    def flush(self) -> None:
        """Send what was posted."""
        if not self._outgoing:
            return
        frames = b"".join(len(frame).to_bytes(4, "big") + frame for frame in self._outgoing)
        self._outgoing.clear()
        try:
            self._sock.sendall(frames)
        except OSError as error:
            raise self._broken_by(error) from error

    def collect(self, number: int) -> Reply:
        """The answer to a message sent before."""
        while number not in self._replies:
            self._receive()
        return self._replies.pop(number)

    def ignore(self, number: int) -> None:
        """Nobody will ask for the answer to this message."""
        if self._replies.pop(number, None) is None:
            self._ignored.add(number)

    def poll(self, number: int, timeout_s: float) -> Reply | None:
        """The answer to a message if it comes within `timeout_s`; the silence of a healthy server is no error here."""
        if number not in self._replies and self._has_input(timeout_s):
            self._receive()
        return self._replies.pop(number, None)

    def close(self) -> None:
        """Say goodbye without waiting for an answer, and close the socket."""
        if not self._is_broken:
            self._sock.settimeout(0.2)
            with suppress(TransientError):
                self.send([logoff()])
        self._incoming.close()
        self._sock.close()

    def ping(self) -> None:
        self.call(echo())

    def _cost(self, request: Request) -> int:
        if not self.session.is_multi_credit:
            return 1
        return max(1, -(-request.payload_bytes // _CREDIT_BYTES))

    def _encode(self, request: Request, cost: int, *, is_first: bool, is_last: bool) -> bytes:
        session = self.session
        padding = b"" if is_last else b"\0" * (-(HEADER_BYTES + len(request.body)) % 8)
        is_signed = session.signer is not None and session.sealer is None
        header = _HEADER.pack(
            b"\xfeSMB",
            HEADER_BYTES,
            cost if session.is_multi_credit else 0,
            0,
            request.command,
            cost + max(0, CREDITS_WANTED - self._credits),
            (0 if is_first else _FLAG_RELATED) | (_FLAG_SIGNED if is_signed else 0),
            0 if is_last else HEADER_BYTES + len(request.body) + len(padding),
            self._next_id,
            0,
            session.tree_id,
            session.session_id,
            b"",
        )
        message = header + request.body + padding
        if session.signer is not None and is_signed:
            signature = session.signer(message, self._next_id, False, request.command)
            message = message[:48] + signature + message[HEADER_BYTES:]
        return message

    def _has_input(self, timeout_s: float) -> bool:
        """Whether `_receive` has something to read: buffered, waiting in the socket, or the end of it."""
        if self._is_broken:
            return False
        try:
            self._sock.settimeout(0)
            try:
                if self._incoming.peek(1):
                    return True
            finally:
                self._sock.settimeout(self._timeout_s)
            return bool(select.select([self._sock], [], [], timeout_s)[0])
        except OSError as error:
            raise self._broken_by(error) from error

    def _receive(self) -> None:
        """Read one frame and file the replies in it."""
        self.flush()
        try:
            length = int.from_bytes(self._incoming.read(4), "big")
            frame = self._incoming.read(length) if 0 < length < _MAX_FRAME_BYTES else b""
        except OSError as error:
            raise self._broken_by(error) from error
        if len(frame) < HEADER_BYTES or len(frame) != length:
            raise self._broken("connection closed")
        try:
            self._file(frame)
        except (TamperedError, struct.error) as error:
            raise self._broken(type(error).__name__) from error

    def _file(self, frame: bytes) -> None:
        sealer = self.session.sealer
        if sealer is not None:
            if frame[:4] != SEALED:
                raise TamperedError  # somebody in between answers in the clear
            frame = sealer.open(frame)
        view = memoryview(frame)
        step = 1
        while step:
            step = int.from_bytes(view[20:24], "little")
            self._file_one(view[: step or len(view)])
            view = view[step:]

    def _file_one(self, message: memoryview) -> None:
        fields = _HEADER.unpack_from(message)
        magic, _size, _charge, status, command, credits_granted, flags, _next, number, _process, tree_id, _session, signature = fields
        if magic != b"\xfeSMB" or not flags & _FLAG_REPLY:
            raise TamperedError
        self._credits += credits_granted
        if number == _UNSOLICITED or status == STATUS_PENDING:
            return
        self._verify(message, number, command, signature)
        if number in self._ignored:
            self._ignored.discard(number)
        elif number in self._unanswered:
            self._replies[number] = Reply(status, message, tree_id)
        self._unanswered.discard(number)

    def _verify(self, message: memoryview, number: int, command: int, signature: bytes) -> None:
        session = self.session
        if session.signer is None or session.sealer is not None:
            return
        unsigned = bytearray(message)
        unsigned[SIGNATURE_AT] = bytes(16)
        if not hmac.compare_digest(session.signer(bytes(unsigned), number, True, command), signature):
            raise TamperedError

    def _broken(self, detail: str) -> TransientError:
        self._is_broken = True
        return TransientError(target=self.session.target, detail=detail)

    def _broken_by(self, error: OSError) -> TransientError:
        return self._broken(str(from_os_error(error, self.session.target).params["detail"]))
