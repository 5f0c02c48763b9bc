"""Connecting to a share: which library logs in is found out at the first connection and kept.

pysmb first (half the work per message, because nothing is signed or sealed unless the server demands it); smbprotocol when
encryption is required, or when the server wants what pysmb cannot do.

Both are imported at the first connection: they would be a seventh of the start of every process, and a source may be a local folder.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mam.lib.sources.errors import AccessDeniedError, from_ntstatus
from mam.lib.sources.login import LoginUnsupportedError
from mam.lib.sources.smb2 import messages
from mam.lib.sources.smb2.connection import SmbConnection

if TYPE_CHECKING:
    from mam.lib.sources.login import Login
    from mam.lib.sources.smb2.channel import Channel
    from mam.lib.sources.url import SmbUrl

_PYSMB = "mam.lib.sources.smb_pysmb"
_SMBPROTOCOL = "mam.lib.sources.smb_smbprotocol"


class SmbConnector:
    """Makes connections to one share; called by one thread at a time."""

    def __init__(self, url: SmbUrl, login: Login, *, require_encryption: bool) -> None:
        self._url = url
        self._login = login
        self._require_encryption = require_encryption
        self._may_use_pysmb = not require_encryption
        self._has_used_pysmb = False

    def connect(self) -> SmbConnection:
        """A connection to the share. Raises SourceError's subclasses; AuthFailedError after one attempt."""
        channel = self._open() if self._may_use_pysmb else self._open_with_smbprotocol()
        return SmbConnection(channel, base=self._url.path, address=self._login.target, server=f"{self._login.host}:{self._login.port}")

    def _open(self) -> Channel:
        try:
            channel = self._open_with_pysmb()
        except (LoginUnsupportedError, AccessDeniedError):
            # The password was right, or never asked for. Shares that demand encryption say "access denied" without it.
            channel = self._open_with_smbprotocol()
            self._may_use_pysmb = self._has_used_pysmb  # a server that hung up while it restarted is no reason to change
        else:
            self._has_used_pysmb = True
        return channel

    def _open_with_pysmb(self) -> Channel:
        channel: Channel = import_module(_PYSMB).log_in(self._login)
        try:
            reply = channel.call(messages.tree_connect(self._login.host, self._url.share))
            if reply.status != messages.STATUS_SUCCESS:
                raise from_ntstatus(reply.status, self._login.target)
        except BaseException:
            channel.close()
            raise
        channel.session.tree_id = reply.tree_id
        return channel

    def _open_with_smbprotocol(self) -> Channel:
        log_in = import_module(_SMBPROTOCOL).log_in_to_share
        channel: Channel = log_in(self._login, self._url.share, require_encryption=self._require_encryption)
        return channel
