"""Connections: who has them, when they go, how often is tried. The connections here are local ones that fail on demand."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from mam.lib.sources.errors import AccessDeniedError, AuthFailedError, ClosedError, NotFoundError, SuspectListingError, TransientError
from mam.lib.sources.facade import PooledSource, part_name
from mam.lib.sources.governor import Governor, Limits
from mam.lib.sources.ledgers import MemoryLedger
from mam.lib.sources.local import LocalConnection
from mam.lib.sources.pool import MAX_IDLE_S, ConnectionPool, Timing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mam.lib.sources import Entry
    from mam.lib.sources.base import Listing


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now_s: float = 1000.0
    slept_s: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    @property
    def timing(self) -> Timing:
        return Timing(monotonic=lambda: self.now_s, sleep=self.sleep)


class Connection(LocalConnection):
    """Raises the next of `Office.failures` before each listing and after each rename; knows when two use it at once."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.root, "file:///test")
        self.office = office
        self.is_gone = False
        self.is_closed = False
        self.in_use = threading.Lock()

    @property
    def is_usable(self) -> bool:
        return not self.is_gone

    def list_directories(self, folders: Sequence[tuple[str, ...]]) -> list[Listing]:
        assert self.in_use.acquire(blocking=False), "two borrowers at once"
        try:
            self.office.rendezvous()
            self.office.fail()
            return super().list_directories(folders)
        finally:
            self.in_use.release()

    def rename(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        super().rename(old, new)
        self.office.fail()

    def close(self) -> None:
        self.is_closed = True
        super().close()


@dataclass
class Office:
    """Makes connections, remembers them, and hands out failures."""

    root: Path
    failures: list[Exception] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    made: list[Connection] = field(default_factory=list)
    meeting: threading.Barrier | None = None

    def connect(self) -> Connection:
        if self.refusals:
            raise self.refusals.pop(0)
        self.made.append(Connection(self))
        return self.made[-1]

    def fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def rendezvous(self) -> None:
        if self.meeting is not None:
            self.meeting.wait(10)

    def source(self, clock: Clock, parallelism: int = 2, governor: Governor | None = None) -> PooledSource:
        return PooledSource(self.connect, address="file:///test", parallelism=parallelism, timing=clock.timing, governor=governor)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def transient() -> TransientError:
    return TransientError(target="file:///test", detail="test")


def test_a_connection_is_used_again(office: Office, clock: Clock) -> None:
    fs = office.source(clock)
    for _call in range(5):
        fs.list_directory("")
    assert len(office.made) == 1


def test_transient_errors_are_tried_again_after_1_2_and_4_seconds(office: Office, clock: Clock) -> None:
    office.failures = [transient(), transient(), transient()]

    assert office.source(clock).list_directory("") == []

    assert clock.slept_s == [1, 2, 4]


def test_the_fourth_failure_is_final(office: Office, clock: Clock) -> None:
    office.failures = [transient() for _number in range(4)]
    with pytest.raises(TransientError):
        office.source(clock).list_directory("")
    assert clock.slept_s == [1, 2, 4]


@pytest.mark.parametrize("error", [AccessDeniedError(target="x"), NotFoundError(target="x"), SuspectListingError(target="x")])
def test_other_errors_are_not_tried_again(office: Office, clock: Clock, error: Exception) -> None:
    office.failures = [error]
    with pytest.raises(type(error)):
        office.source(clock).list_directory("")
    assert clock.slept_s == []


@pytest.mark.parametrize("error", [transient(), AccessDeniedError(target="x"), SuspectListingError(target="x"), ZeroDivisionError()])
def test_a_connection_is_thrown_away_after_any_error(office: Office, clock: Clock, error: Exception) -> None:
    fs = office.source(clock)
    office.failures = [error]
    if isinstance(error, TransientError):
        fs.list_directory("")
    else:
        with pytest.raises(type(error)):
            fs.list_directory("")
        fs.list_directory("")
    assert [connection.is_closed for connection in office.made] == [True, False]


def test_that_nothing_is_there_is_an_answer_and_no_error(office: Office, clock: Clock) -> None:
    fs = office.source(clock)
    for _call in range(3):
        with pytest.raises(NotFoundError):
            fs.stat("missing")
    assert len(office.made) == 1


def test_a_refused_password_is_remembered(office: Office, clock: Clock) -> None:
    office.refusals = [AuthFailedError(target="x")]
    fs = office.source(clock)
    for _call in range(3):
        with pytest.raises(AuthFailedError):
            fs.list_directory("")
    assert office.made == []
    assert clock.slept_s == []


def test_a_failed_connect_gives_its_place_back(office: Office, clock: Clock) -> None:
    office.refusals = [transient(), transient()]
    office.source(clock, parallelism=1).list_directory("")
    assert clock.slept_s == [1, 2]


def test_as_many_work_at_once_as_there_are_connections_and_no_more(office: Office, clock: Clock) -> None:
    """Three meet inside their listings, twice; a fourth connection would break the barrier's count."""
    office.meeting = threading.Barrier(3)
    fs = office.source(clock, parallelism=3)
    results: list[list[Entry]] = []
    threads = [threading.Thread(target=lambda: results.append(fs.list_directory(""))) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [[]] * 6
    assert len(office.made) == 3


def test_a_connection_that_idled_too_long_or_went_away_is_not_used(office: Office, clock: Clock) -> None:
    fs = office.source(clock)
    fs.list_directory("")
    clock.now_s += MAX_IDLE_S + 1
    fs.list_directory("")
    office.made[-1].is_gone = True
    fs.list_directory("")
    assert [connection.is_closed for connection in office.made] == [True, True, False]


def test_closing_closes_what_is_idle_now_and_what_is_lent_when_it_comes_back(office: Office, clock: Clock) -> None:
    pool = ConnectionPool(office.connect, limit=2, timing=clock.timing)
    with pool.borrow() as lent:
        with pool.borrow():
            pass
        pool.close()
        assert [connection.is_closed for connection in office.made] == [False, True]
        assert lent is office.made[0]
    assert [connection.is_closed for connection in office.made] == [True, True]
    with pytest.raises(ClosedError), pool.borrow():
        pass


def test_a_closed_file_is_closed_on_every_connection_it_was_read_on(office: Office, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"content")
    pool_user = office.source(clock, parallelism=2)
    file = pool_user.open("clip.mp4")
    with pool_user._pool.borrow():  # the one it was opened on
        assert file.read_at(0, 3) == b"con"
    assert file.read_at(3, 10) == b"tent"
    assert [len(connection._handles) for connection in office.made] == [1, 1]

    with pool_user._pool.borrow():
        file.close()

    assert [len(connection._handles) for connection in office.made] == [0, 0]


def test_a_rename_whose_answer_was_lost_is_no_error(office: Office, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"content")
    office.failures = [transient()]

    office.source(clock).rename("old.mp4", "new.mp4")

    assert {path.name for path in tmp_path.iterdir()} == {"new.mp4"}


def test_an_upload_whose_last_answer_was_lost_is_complete(office: Office, clock: Clock, tmp_path: Path) -> None:
    office.failures = [transient()]

    entry = office.source(clock).write("clip.mp4", io.BytesIO(b"content"))

    assert entry.size_bytes == 7
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4"}


def test_part_names_fit_every_file_system() -> None:
    assert part_name("clip.mp4").startswith("clip.mp4.")
    for name in ("a" * 255, "한" * 85, "🎬" * 63):
        assert len(part_name(name).encode()) <= 255
    assert part_name("clip.mp4") != part_name("clip.mp4")


def test_the_read_limit_holds_over_all_readers(office: Office, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(bytes(10_000_000))
    ledger = MemoryLedger(clock.timing.monotonic)
    fs = office.source(clock, governor=Governor(Limits(bytes_per_s=1_000_000), ledger, clock.timing))
    started_s = clock.now_s

    with fs.open("clip.mp4") as one, fs.open("clip.mp4") as two:
        assert len(one.read_at(0, 4_000_000)) == 4_000_000
        assert len(two.read_at(0, 6_000_000)) == 6_000_000

    assert clock.now_s - started_s == pytest.approx(9.0, abs=0.5)  # ten seconds' worth, of which one was saved up
    assert max(clock.slept_s) < 0.5
