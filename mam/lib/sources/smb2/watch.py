"""CHANGE_NOTIFY: the server tells which folders probably changed. A hint, never the truth (FACTS, SMB 9)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mam.lib.sources.errors import UnsupportedError, from_ntstatus
from mam.lib.sources.smb2 import messages as m

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from mam.lib.sources.smb2.connection import SmbConnection

NOTIFY_BUFFER_BYTES = 65536
STOP_CHECK_S = 0.25
PING_S = 30.0


def watch(connection: SmbConnection, on_change: Callable[[str], None], stop: threading.Event) -> bool:
    """Report folders until `stop` is set (True); False where the server cannot. The connection is of no other use then.

    Raises TransientError when the server is gone; whoever watches again should then look everywhere once.
    """
    channel = connection.channel
    folder = channel.call(m.create(connection.wire_path(()), access=m.FILE_READ_DATA, options=m.OPTION_DIRECTORY))
    if folder.status != m.STATUS_SUCCESS:
        raise from_ntstatus(folder.status, channel.session.target)
    ask = m.change_notify(m.parse_create(folder.message).handle, NOTIFY_BUFFER_BYTES)
    number = channel.send([ask])[0]
    ping_at_s = time.monotonic() + PING_S
    while not stop.is_set():
        reply = channel.poll(number, STOP_CHECK_S)
        if reply is None:
            if time.monotonic() >= ping_at_s:
                channel.ping()  # a server that went without a word is noticed by its silence
                ping_at_s = time.monotonic() + PING_S
            continue
        error = (
            None if reply.status in (m.STATUS_SUCCESS, m.STATUS_NOTIFY_ENUM_DIR) else from_ntstatus(reply.status, channel.session.target)
        )
        if isinstance(error, UnsupportedError):
            return False
        if error is not None:
            raise error
        paths = m.parse_change_notify(reply.message) if reply.status == m.STATUS_SUCCESS else []
        number = channel.send([ask])[0]  # before the callbacks: the server collects meanwhile, but only so much
        for changed in sorted({path.rpartition("/")[0] for path in paths}) or [""]:
            on_change(changed)
    return True
