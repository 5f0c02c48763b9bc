"""Waking live readers through Redis: the message arrives, and the process that sent it can still end."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import redis

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.redis

NOTIFY_TWICE = """
import time
import django
django.setup()
from mam.jobs import wake
for _ in range(2):
    wake.notify()
    input()
time.sleep(8 * wake._PAUSE_S)  # its thread waits for the next notice by now
"""


def test_each_notice_arrives_and_the_process_ends(redis_url: str, tmp_path: Path) -> None:
    environment = os.environ | {"REDIS_URL": redis_url, "MAM_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "mam.settings"}
    with redis.Redis.from_url(redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.psubscribe("*jobs.live*")
        listener.get_message(timeout=5)
        sender = subprocess.Popen([sys.executable, "-c", NOTIFY_TWICE], env=environment, stdin=subprocess.PIPE)
        try:
            assert sender.stdin is not None
            for _ in range(2):
                assert listener.get_message(timeout=60) is not None
                sender.stdin.write(b"\n")
                sender.stdin.flush()
            assert sender.wait(30) == 0
        finally:
            sender.kill()
            sender.communicate()
