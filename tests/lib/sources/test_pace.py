"""A server that slows down is asked for less at once, and for more again when it recovers."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from mam.lib.sources.pace import Pace
from mam.lib.sources.pool import Timing


@dataclass
class Server:
    """Answers take `latency_s`, in a time that only they move on."""

    latency_s: float = 0.01
    now_s: float = 0.0

    def pace(self, most: int) -> Pace:
        return Pace(most, Timing(monotonic=lambda: self.now_s))

    def ask(self, pace: Pace, times: int = 1, units: float = 1.0) -> None:
        for _ in range(times):
            with pace.turn() as turn:
                self.now_s += self.latency_s
                turn.units = units


def test_a_server_that_slows_down_is_asked_for_half_as_much_and_never_for_nothing() -> None:
    server = Server()
    pace = server.pace(8)
    server.ask(pace, 40)
    assert (pace.limit, pace.is_slowed) == (8, False)

    server.latency_s = 1.0
    limits = []
    for _ in range(40):
        server.ask(pace)
        limits.append(pace.limit)

    assert list(dict.fromkeys(limits)) == [8, 4, 2, 1]
    assert pace.is_slowed


def test_a_server_that_recovers_is_asked_for_one_more_at_a_time() -> None:
    server = Server()
    pace = server.pace(4)
    server.ask(pace, 8)
    server.latency_s = 1.0
    server.ask(pace, 20)
    assert pace.limit == 1

    server.latency_s = 0.01
    limits = []
    for _ in range(40):
        server.ask(pace)
        limits.append(pace.limit)

    assert list(dict.fromkeys(limits)) == [1, 2, 3, 4]
    assert not pace.is_slowed


def test_large_answers_and_quick_ones_are_not_slow() -> None:
    server = Server()
    pace = server.pace(4)
    server.ask(pace, 20)
    server.latency_s = 1.0
    server.ask(pace, 20, units=100)
    assert pace.limit == 4

    quick = Server(latency_s=0.001)
    pace = quick.pace(4)
    quick.ask(pace, 20)
    quick.latency_s = 0.05
    quick.ask(pace, 20)
    assert pace.limit == 4


def test_one_slow_answer_says_nothing() -> None:
    server = Server()
    pace = server.pace(4)
    for latency_s in (0.01, 0.01, 0.01, 9.0) * 10:
        server.latency_s = latency_s
        server.ask(pace)
    assert pace.limit == 4


def test_what_lasts_becomes_usual() -> None:
    server = Server(latency_s=0.1)
    pace = server.pace(4)
    server.ask(pace, 8)
    server.latency_s = 0.6
    server.ask(pace, 8)
    assert pace.limit == 1

    server.ask(pace, 4000)

    assert pace.limit == 4


def test_no_more_than_the_limit_are_under_way() -> None:
    pace = Pace(2)
    entered = [threading.Event() for _ in range(3)]
    leave = threading.Event()

    def ask(index: int) -> None:
        with pace.turn():
            entered[index].set()
            leave.wait(30)

    threads = [threading.Thread(target=ask, args=[index]) for index in range(3)]
    for thread in threads[:2]:
        thread.start()
    assert entered[0].wait(30)
    assert entered[1].wait(30)
    threads[2].start()
    assert not entered[2].wait(0.1)
    leave.set()
    for thread in threads:
        thread.join(30)
    assert entered[2].is_set()


def test_a_request_that_fails_gives_its_place_back() -> None:
    pace = Pace(1)
    for _ in range(3):
        with pytest.raises(OSError, match="gone"), pace.turn():
            raise OSError("gone")
    with pace.turn():
        pass
