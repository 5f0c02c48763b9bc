"""Python's collector of cycles, for work that makes millions of objects and no cycles."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def few_collections() -> Iterator[None]:
    """In this process the collector looks a fiftieth as often. By itself it takes a quarter of the time of a scan: it looks after every
    700 new objects, and the more live the more it looks at. What is in no cycle goes at once, as ever.
    """
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 20, 10)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
