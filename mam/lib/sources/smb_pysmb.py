"""Logging in with pysmb: SMB 2.0.2, signed where the server demands it. What it cannot do raises LoginUnsupportedError.

Only pysmb's negotiation and NTLM are used; the socket then goes to `smb2.channel` (why: FACTS, SMB 1, 4, 7).
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from nmb.nmb_structs import NMBError
from smb.base import NotConnectedError, SMBTimeout
from smb.smb_structs import OperationFailure, ProtocolError, UnsupportedFeature
from smb.SMBConnection import SMBConnection

from mam.lib.sources.errors import AuthFailedError, TransientError, from_ntstatus, from_os_error
from mam.lib.sources.login import LoginUnsupportedError
from mam.lib.sources.smb2.channel import Channel, Session
from mam.lib.sources.smb2.crypto import hmac_signer

if TYPE_CHECKING:
    from mam.lib.sources.login import Login


def log_in(login: Login) -> Channel:
    """A channel without a tree. AuthFailedError after exactly one attempt; LoginUnsupportedError; TransientError."""
    connection = SMBConnection(login.username, login.password, _my_name(), login.host, domain=login.domain, is_direct_tcp=True)
    try:
        _connect(connection, login)
    except BaseException:
        connection.close()
        raise
    signer = hmac_signer(connection.signing_session_key) if connection.is_signing_active else None
    return Channel(
        Session(
            sock=connection.sock,
            target=login.target,
            session_id=connection.session_id,
            next_message_id=connection.mid + 1,
            credits=1,
            dialect="2.0.2",
            is_multi_credit=False,
            max_read_bytes=connection.max_read_size,
            max_write_bytes=connection.max_write_size,
            signer=signer,
        ),
        timeout_s=login.timeout_s,
    )


def _connect(connection: SMBConnection, login: Login) -> None:
    try:
        is_welcome = connection.connect(login.host, login.port, timeout=login.timeout_s)
    except SMBTimeout:
        raise TransientError(target=login.target, detail="ETIMEDOUT") from None
    except OSError as error:
        raise from_os_error(error, login.target) from error
    except NotConnectedError:
        if connection.has_negotiated:
            raise TransientError(target=login.target, detail="connection closed") from None
        raise LoginUnsupportedError(target=login.target, detail="SMB 2.0.2") from None  # it hung up on our old dialect
    except ProtocolError as error:
        raise _from_protocol_error(error, connection, login) from error
    except (OperationFailure, UnsupportedFeature, NMBError) as error:
        raise LoginUnsupportedError(target=login.target, detail=type(error).__name__) from error
    if not is_welcome:
        raise AuthFailedError(target=login.target)
    if not connection.is_using_smb2:
        raise LoginUnsupportedError(target=login.target, detail="SMB 1")


def _from_protocol_error(error: ProtocolError, connection: SMBConnection, login: Login) -> Exception:
    """A refused dialect goes to the other backend, and so does a session that is refused for its lack of encryption."""
    status = getattr(error.smb_message, "status", 0)
    status = getattr(status, "internal_value", status)  # an SMB 1 message wraps it
    classified = from_ntstatus(status, login.target)
    if connection.has_negotiated and isinstance(classified, AuthFailedError | TransientError):
        return classified
    return LoginUnsupportedError(target=login.target, detail=f"NTSTATUS 0x{status:08X}")


def _my_name() -> str:
    """A NetBIOS name: 15 letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9-]", "", socket.gethostname())[:15] or "MAM"
