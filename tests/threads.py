"""Work that begins in several threads at the same moment."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable


def at_once(*works: Callable[[], object]) -> None:
    """Run all in threads that start together; the first error of any of them is raised here."""
    start = threading.Barrier(len(works))
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(timeout=30)
            work()
        except BaseException as error:  # noqa: BLE001  (raised again below, in the test's own thread)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]
