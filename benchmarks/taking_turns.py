"""Two sides that answer the same questions, each asked in turn, many times over; and what is told of how long they took."""

from __future__ import annotations

import random
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.databases import run_on_each

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS = 5
SEED = 1


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of both. `kind`: what it is an example of; without `reference` it does not count for the ratio."""

    kind: str
    ours: Callable[[], object]
    reference: Callable[[], object] | None = None


def ask_all(questions: Sequence[Question], *, forget: Callable[[], None] = lambda: None) -> None:
    """Ask each ROUNDS times, in no order, after a round that warms everything up; print seconds as `benchmarks.databases` reads them.

    `forget` is called before each. Percentiles are over all times that were taken, also of those that came while the machine was busy.
    """
    times: dict[str, list[float]] = {}
    asked = list(questions)
    for number in range(1 + ROUNDS):
        random.Random(SEED + number).shuffle(asked)  # noqa: S311
        for question in asked:
            for side in ("ours", "reference"):
                act = getattr(question, side)
                if act is None:
                    continue
                forget()
                seconds = _seconds(act)
                if number:
                    name = side if question.reference else "alone"
                    times.setdefault(name, []).append(seconds)
                    times.setdefault(f"{question.kind.replace(' ', '-')}:{side}", []).append(seconds)
    for name, found in times.items():
        found.sort()
        sys.stdout.write(f"{name}_p50 {statistics.median(found)}\n{name}_p95 {found[int(0.95 * len(found))]}\n")


def compare(name: str, *, goal_ms: float) -> float:
    """Run `benchmarks.NAME` on each engine and tell both sides, the slowest kinds first; the worse ratio of their 95th percentiles."""
    ratios = []
    for engine, found in run_on_each(f"benchmarks.{name}").items():
        ms = {key: 1000 * seconds for key, seconds in found.items()}
        ratios.append(ms["ours_p95"] / ms["reference_p95"])
        ours, bare = (f"p50 {ms[f'{side}_p50']:.1f}, p95 {ms[f'{side}_p95']:.1f} ms" for side in ("ours", "reference"))
        sys.stdout.write(f"{engine}: ours {ours} (goal: p95 < {goal_ms:.0f} ms), bare SQL {bare}, ratio {ratios[-1]:.2f}\n")
        kinds = {key.partition(":")[0] for key in ms if key.endswith(":ours_p95")}
        for kind in sorted(kinds, key=lambda one: -ms[f"{one}:ours_p95"]):
            other = ms.get(f"{kind}:reference_p95")
            told = "" if other is None else f", bare SQL {other:.1f} ms"
            sys.stdout.write(f"  {kind.replace('-', ' ')}: ours p95 {ms[f'{kind}:ours_p95']:.1f}{told}\n")
    return max(ratios)


def bare_rows(statement: str) -> list[dict[str, Any]]:
    """What the driver gives for a statement without parameters, by the names of its columns."""
    from django.db import connection  # noqa: PLC0415  (Django is set up by who calls)

    connection.ensure_connection()
    cursor = connection.connection.execute(statement)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
