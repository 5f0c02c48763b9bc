"""What a process has to do right after it was forked: die with its parent, and open its own database connections."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Any

from django.db import connections

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # prctl(2)
_libc = ctypes.CDLL(None, use_errno=True)


def follow_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when the thread of `parent_pid` that forked it ends, however it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the line above
        os._exit(1)


def set_name(name: str) -> None:
    """The short name (15 bytes) by which `ps -o comm` and `top` show this process."""
    _libc.prctl(_PR_SET_NAME, name.encode()[:15])


def forget_connections() -> None:
    """Drop inherited database connections without closing them: their sockets and locks are the parent's."""
    for wrapper in connections.all(initialized_only=True):
        pools: dict[str, Any] = getattr(type(wrapper), "_connection_pools", {})
        pools.clear()  # the threads that serve psycopg's pool did not survive the fork
        wrapper.connection = None


def make_forks_safe() -> None:
    """From now on every process forked from this one, or from its forks, does both."""
    parent: list[int] = []

    def remember_parent() -> None:
        parent[:] = [os.getpid()]

    os.register_at_fork(before=remember_parent, after_in_child=lambda: follow_parent(parent[0]))
    os.register_at_fork(after_in_child=forget_connections)
