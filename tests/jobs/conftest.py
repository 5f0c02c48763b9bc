"""Job kinds made by a test for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mam.jobs import registry, services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mam.jobs.models import Job
    from mam.jobs.registry import TaskFunction


def _nothing(ctx: Any) -> None:
    """A task that succeeds at once."""


@pytest.fixture
def make_job(db: None) -> Iterator[Callable[..., Job]]:
    """`make_job(task, queue=..., max_attempts=..., **what enqueue takes)`: a waiting job that runs `task`."""
    made: list[str] = []

    def make(task: TaskFunction = _nothing, *, queue: str = "fast", max_attempts: int = 3, **arguments: Any) -> Job:
        kind = f"tests.{len(made)}"
        made.append(kind)
        registry.job(kind=kind, queue=queue, max_attempts=max_attempts)(task)
        return services.enqueue(kind=kind, **arguments)

    yield make
    for kind in made:
        registry.forget(kind)
