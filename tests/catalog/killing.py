"""Jobs that are killed in the middle of a part."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Killed(Exception):
    pass


def dies_after(parts: int) -> Callable[[], Any]:
    """Transactions of which the last is never committed."""
    left = [parts]

    @contextmanager
    def publish() -> Iterator[None]:
        with transaction.atomic():
            yield
            left[0] -= 1
            if left[0] < 0:
                raise Killed

    return publish


def ignore(_done: int, _total: int) -> None:
    pass
