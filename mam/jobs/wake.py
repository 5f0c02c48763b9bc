"""Tells the web processes of all machines that there is something new to read, when there is Redis to tell it by.

A hint only: without it (no REDIS_URL, Redis down) live readers look by themselves. It is sent by a thread of its own, so
that neither a job nor a request waits for Redis, at most once per `_PAUSE_S` and process however much happens.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time

from channels.layers import BaseChannelLayer, get_channel_layer
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

GROUP = "jobs.live"
MESSAGE_TYPE = "jobs.changed"
_PAUSE_S = 0.025
_logger = logging.getLogger(__name__)


def layer() -> BaseChannelLayer:
    """The channel layer of the settings."""
    found = get_channel_layer()
    if found is None:
        raise ImproperlyConfigured("CHANNEL_LAYERS has no default")
    return found


def connection_errors() -> tuple[type[Exception], ...]:
    """What is raised when Redis cannot be reached. By name: importing it is a fifth of Django's start, and few have it."""
    return OSError, import_string("redis.exceptions.RedisError")


class _Sender:
    """The sending thread of this process; made on first use, and anew after a fork."""

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._pending = threading.Event()
        self._thread: threading.Thread | None = None

    def notify(self) -> None:
        self._pending.set()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs-wake", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        """Waits outside of the event loop: a wait in an executor of it would keep the process from ever ending."""
        channels, lost = layer(), connection_errors()
        with asyncio.Runner() as runner:
            while True:
                self._pending.wait()
                self._pending.clear()
                try:
                    runner.run(channels.group_send(GROUP, {"type": MESSAGE_TYPE}))
                except lost as error:
                    _logger.warning("live readers were not told: %s", error)
                time.sleep(_PAUSE_S)


_sender = _Sender()


def notify() -> None:
    """There are new log lines or job states. Call after they are committed; returns at once."""
    if settings.REDIS_URL:
        _sender.notify()
