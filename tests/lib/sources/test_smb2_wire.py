"""What no smbd says, but Windows or an attacker does: made by hand, told to the same code."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from mam.lib.sources.errors import SuspectListingError, TransientError
from mam.lib.sources.smb2 import messages as m
from mam.lib.sources.smb2.channel import Channel, Session
from mam.lib.sources.smb2.connection import SmbConnection
from mam.lib.sources.smb2.crypto import Sealer, SealKeys, TamperedError, hmac_signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mam.lib.sources import Entry

HEADER = struct.Struct("<4sHHIHHIIQIIQ16s")
NO_MORE = b"\x09\x00\x00\x00\x00\x00\x00\x00"


class Server:
    """Answers each request of a frame with what `answer(command)` gives: (status, body)."""

    def __init__(self, answer: Callable[[int], tuple[int, bytes]]) -> None:
        self.answer = answer
        self.ours, theirs = socket.socketpair()
        self.change: Callable[[bytes], bytes] = lambda frame: frame
        self.thread = threading.Thread(target=self._serve, args=[theirs], daemon=True)
        self.thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock, sock.makefile("rb") as incoming:  # the test may hang up at any moment
            while length := int.from_bytes(incoming.read(4), "big"):
                frame = incoming.read(length)
                while frame:
                    fields = list(HEADER.unpack_from(frame))
                    command, step, number = fields[4], fields[7], fields[8]
                    status, body = self.answer(command)
                    reply = self.change(HEADER.pack(b"\xfeSMB", 64, 0, status, command, 8, 1, 0, number, 0, 1, 7, b"") + body)
                    sock.sendall(len(reply).to_bytes(4, "big") + reply)
                    frame = frame[step:] if step else b""

    def session(self) -> Session:
        return Session(self.ours, "smb://test/share", 7, 1, 64, "2.0.2", False, 65536, 65536, tree_id=1)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[int], tuple[int, bytes]]], tuple[Server, SmbConnection]]]:
    """Makes a connection to a Server with this `answer`."""
    made: list[SmbConnection] = []

    def make(answer: Callable[[int], tuple[int, bytes]]) -> tuple[Server, SmbConnection]:
        server = Server(answer)
        made.append(SmbConnection(Channel(server.session(), timeout_s=2.0), base=("base",), address="smb://test/share", server="test"))
        return server, made[-1]

    yield make
    for connection in made:
        connection.close()


def listing(*entries: tuple[str, int, int, int]) -> bytes:
    """A reply body with (name, attributes, reparse tag, file id) entries."""
    buffer = b""
    for index, (name, attributes, tag, file_id) in enumerate(entries):
        raw = name.encode("utf-16-le", "surrogatepass")
        entry = (
            struct.pack("<IIqqqqqqIIIIq", 0, 0, 0, 0, m._EPOCH_1601, m._EPOCH_1601 + 5, 99, 0, attributes, len(raw), tag, 0, file_id) + raw
        )
        entry += bytes(-len(entry) % 8)
        if index < len(entries) - 1:
            entry = len(entry).to_bytes(4, "little") + entry[4:]
        buffer += entry
    return struct.pack("<HHI", 9, 72, len(buffer)) + buffer


def opened() -> tuple[int, bytes]:
    return 0, struct.pack("<HBBIQQQQQQII16s", 89, 0, 0, 1, 0, 0, 0, 0, 0, 0, m.ATTRIBUTE_DIRECTORY, 0, b"h" * 16)


def folder_with(*bodies: bytes) -> Callable[[int], tuple[int, bytes]]:
    """Answers to the requests of `list_directory`."""
    buffers = iter([*((0, body) for body in bodies), *[(m.STATUS_NO_MORE_FILES, NO_MORE)] * 9])

    def answer(command: int) -> tuple[int, bytes]:
        if command == m.Command.CREATE:
            return opened()
        return next(buffers) if command == m.Command.QUERY_DIRECTORY else (0, bytes(60))

    return answer


def list_root(connection: SmbConnection) -> list[Entry]:
    (found,) = connection.list_directories([()])
    assert isinstance(found, list)
    return found


DOTS = [(".", 0x10, 0, 1), ("..", 0x10, 0, 2)]


def test_links_of_windows_are_not_listed_but_stubs_of_stored_files_are(serve: Callable[..., tuple[Server, SmbConnection]]) -> None:
    symlink, junction, deduplicated = 0xA000000C, 0xA0000003, 0x80000013
    body = listing(
        *DOTS,
        ("symlink", 0x410, symlink, 3),
        ("junction", 0x410, junction, 4),
        ("deduplicated.mp4", 0x420, deduplicated, 5),
        ("plain.mp4", 0x20, 0, 6),
    )
    _server, connection = serve(folder_with(body))

    entries = list_root(connection)

    assert [(entry.name, entry.file_id, entry.mtime_ns, entry.ctime_ns) for entry in entries] == [
        ("deduplicated.mp4", 5, 0, 500),
        ("plain.mp4", 6, 0, 500),
    ]


def test_a_lone_surrogate_in_a_name_becomes_storable(serve: Callable[..., tuple[Server, SmbConnection]]) -> None:
    _server, connection = serve(folder_with(listing(*DOTS, ("bad \ud83c.mp4", 0x20, 0, 3))))
    (entry,) = list_root(connection)
    entry.name.encode()
    assert "\ud83c".encode("utf-16-le", "surrogatepass") in connection.wire_path((entry.name,))


def test_a_server_without_file_ids_gives_none(serve: Callable[..., tuple[Server, SmbConnection]]) -> None:
    _server, connection = serve(folder_with(listing(*DOTS, ("a", 0x20, 0, 0), ("b", 0x20, 0, -1))))
    assert [entry.file_id for entry in list_root(connection)] == [None, None]


@pytest.mark.parametrize("body", [None, listing(("clip.mp4", 0x20, 0, 3)), listing(DOTS[0])])
def test_a_listing_without_its_dots_is_not_believed(serve: Callable[..., tuple[Server, SmbConnection]], body: bytes | None) -> None:
    _server, connection = serve(folder_with(*([] if body is None else [body])))
    with pytest.raises(SuspectListingError):
        list_root(connection)


def test_a_listing_over_many_buffers_is_put_together(serve: Callable[..., tuple[Server, SmbConnection]]) -> None:
    bodies = [listing(*DOTS), *(listing((f"{number}", 0x20, 0, number + 3)) for number in range(8))]
    _server, connection = serve(folder_with(*bodies))
    assert [entry.name for entry in list_root(connection)] == [f"{number}" for number in range(8)]


def test_an_error_in_the_middle_of_a_listing_is_no_listing(serve: Callable[..., tuple[Server, SmbConnection]]) -> None:
    answers = iter([(0, listing(*DOTS, ("clip.mp4", 0x20, 0, 3))), (0xC0000185, NO_MORE)])
    _server, connection = serve(lambda command: opened() if command == m.Command.CREATE else next(answers, (0, bytes(60))))
    with pytest.raises(TransientError):
        list_root(connection)


def test_a_short_read_in_the_middle_is_not_passed_on(serve: Callable[..., tuple[Server, SmbConnection]]) -> None:
    sizes = iter([65536, 1000, 65536])

    def answer(_command: int) -> tuple[int, bytes]:
        size = next(sizes, 0)
        return 0, struct.pack("<HBBIII", 17, 80, 0, size, 0, 0) + bytes(size)

    _server, connection = serve(answer)
    with pytest.raises(TransientError):
        connection.read(b"h" * 16, 0, 3 * 65536)


def test_an_answer_with_a_wrong_or_missing_signature_ends_the_connection() -> None:
    for change in (lambda frame: frame, lambda frame: frame[:48] + os.urandom(16) + frame[64:]):
        server = Server(lambda _command: (0, bytes(60)))
        server.change = change
        session = server.session()
        session.signer = hmac_signer(b"k" * 16)
        channel = Channel(session, timeout_s=2.0)
        with pytest.raises(TransientError) as caught:
            channel.ping()
        assert caught.value.params["detail"] == "TamperedError"
        assert not channel.is_usable
        channel.close()


def test_an_answer_in_the_clear_ends_an_encrypted_connection() -> None:
    server = Server(lambda _command: (0, bytes(60)))
    session = server.session()
    channel = Channel(session, timeout_s=2.0)
    number = channel.send([m.echo()])[0]
    session.sealer = Sealer(SealKeys(7, b"o" * 16, b"t" * 16, is_gcm=True))
    with pytest.raises(TransientError):
        channel.collect(number)
    channel.close()


@pytest.mark.parametrize("is_gcm", [True, False])
def test_a_sealed_message_opens_for_the_other_side_only_untouched(is_gcm: bool) -> None:
    one = Sealer(SealKeys(7, b"o" * 16, b"t" * 16, is_gcm))
    other = Sealer(SealKeys(7, b"t" * 16, b"o" * 16, is_gcm))

    first, second = one.seal(b"message"), one.seal(b"message")

    assert other.open(first) == other.open(second) == b"message"
    assert first != second
    for place in (10, 25, 50, len(first) - 1):
        with pytest.raises(TamperedError):
            other.open(first[:place] + bytes([first[place] ^ 1]) + first[place + 1 :])


@pytest.mark.parametrize(
    "frame", [b"", b"\0\0\0\x05hello", b"\0\0\0\x40" + b"x" * 64, b"\xff\xff\xff\xff", b"\0\0\1\0" + b"\xfeSMB" + b"\xff" * 252]
)
def test_nonsense_from_the_server_is_a_broken_connection(frame: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        channel = Channel(Session(ours, "smb://test/share", 7, 1, 64, "2.0.2", False, 65536, 65536), timeout_s=2.0)
        number = channel.send([m.echo()])[0]
        theirs.sendall(frame)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(TransientError):
            channel.collect(number)
        channel.close()
