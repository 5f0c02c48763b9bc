"""Logging in with smbprotocol: SMB 2.0.2 to 3.1.1, signing, encryption.

Its login, key derivation, share connection and check against downgrades are used; then its reading thread is stopped between two
messages, and the socket goes to `smb2.channel` with the keys.
"""

from __future__ import annotations

import errno
import threading
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from smbprotocol.connection import Ciphers, Connection, Dialects, SigningAlgorithms, SMB2Echo
from smbprotocol.exceptions import SMBAuthenticationError, SMBConnectionClosed, SMBException, SMBResponseException
from smbprotocol.session import Session as Login3
from smbprotocol.tree import TreeConnect

from mam.lib.sources.errors import AuthFailedError, TransientError, UnsupportedError, from_ntstatus, from_os_error
from mam.lib.sources.smb2.channel import Channel, Session
from mam.lib.sources.smb2.crypto import Sealer, SealKeys, Signer, cmac_signer, gmac_signer, hmac_signer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mam.lib.sources.login import Login

_DIALECTS = {
    Dialects.SMB_2_0_2: "2.0.2",
    Dialects.SMB_2_1_0: "2.1",
    Dialects.SMB_3_0_0: "3.0",
    Dialects.SMB_3_0_2: "3.0.2",
    Dialects.SMB_3_1_1: "3.1.1",
}


def log_in_to_share(login: Login, share: str, *, require_encryption: bool) -> Channel:
    """A channel with its tree. AuthFailedError after exactly one attempt; UnsupportedError without the encryption asked for."""
    # SMB 3.1.1 refuses a share to unsigned requests (MS-SMB2 3.3.5.7), and guests cannot sign.
    connection = Connection(uuid.uuid4(), login.host, login.port, require_signing=bool(login.username))
    with _classified(connection, login):
        connection.connect(timeout=login.timeout_s)
        with _deadline(connection, login.timeout_s):
            user = login.username or "guest"  # the library cannot log in without a name
            name = f"{login.domain}\\{user}" if login.domain else user
            session = Login3(connection, name, login.password, require_encryption=require_encryption)
            session.connect()
            tree = TreeConnect(session, f"\\\\{login.host}\\{share}")
            tree.connect(require_secure_negotiate=session.signing_key is not None)
        _stop_reading_thread(connection, session, login)
    window = connection.sequence_window
    is_sealed = bool(session.encrypt_data or tree.encrypt_data)
    return Channel(
        Session(
            sock=connection.transport._sock,
            target=login.target,
            session_id=session.session_id,
            next_message_id=window["low"],
            credits=window["high"] - window["low"],
            dialect=_DIALECTS.get(connection.dialect, hex(connection.dialect)),
            is_multi_credit=bool(connection.supports_multi_credit),
            max_read_bytes=connection.max_read_size,
            max_write_bytes=connection.max_write_size,
            tree_id=tree.tree_connect_id,
            signer=_signer(connection, session) if session.signing_required and not is_sealed else None,
            sealer=Sealer(_seal_keys(connection, session)) if is_sealed else None,
        ),
        timeout_s=login.timeout_s,
    )


@contextmanager
def _classified(connection: Connection, login: Login) -> Iterator[None]:
    """Close the connection on any error, and translate those of the library."""
    try:
        yield
    except BaseException as error:
        with suppress(OSError):
            connection.disconnect(close=False)
        raise _translated(error, connection, login) from error


def _translated(error: BaseException, connection: Connection, login: Login) -> BaseException:
    match error:
        case SMBResponseException():
            return from_ntstatus(error.status, login.target)
        case SMBAuthenticationError():
            return AuthFailedError(target=login.target)
        case SMBConnectionClosed():
            return TransientError(target=login.target, detail="connection closed")
        case ValueError() if isinstance(error.__cause__, OSError):  # how it wraps a failed TCP connect
            return from_os_error(error.__cause__, login.target)
        case OSError(errno=errno.EBADF):  # its reading thread saw the end first, and closed the socket
            return TransientError(target=login.target, detail="connection closed")
        case OSError():
            return from_os_error(error, login.target)
        case SMBException() if connection.dialect is None:
            return TransientError(target=login.target, detail="ETIMEDOUT")
        case SMBException():
            return UnsupportedError(target=login.target, detail=str(error))
        case _:
            return error


@contextmanager
def _deadline(connection: Connection, timeout_s: float) -> Iterator[None]:
    """Cut the connection after `timeout_s`: the library itself waits for a login's answer for ever."""
    timer = threading.Timer(timeout_s, _shut_down, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(connection: Connection) -> None:
    with suppress(OSError):
        connection.transport._sock.shutdown(2)


def _stop_reading_thread(connection: Connection, session: Login3, login: Login) -> None:
    """Let the library's thread end after the next message at the latest, so that every later byte is ours.

    It may be waiting inside its old `recv`: the answer to an echo gets it out. If it ended before, the answer comes to the channel,
    which knows nothing of that echo and drops the answer. No answer at all is the TransientError of a silent server.
    """
    connection.transport.recv = lambda _timeout: b""  # taken for the end of the stream
    connection.send(SMB2Echo(), sid=session.session_id)
    connection._t_worker.join(login.timeout_s)
    if connection._t_worker.is_alive():
        raise TransientError(target=login.target, detail="ETIMEDOUT")
    if not connection.transport.connected:  # it read the end of the stream instead
        raise TransientError(target=login.target, detail="connection closed")


def _signer(connection: Connection, session: Login3) -> Signer:
    if connection.dialect < Dialects.SMB_3_0_0:
        return hmac_signer(session.signing_key)
    match connection.signing_algorithm_id:
        case SigningAlgorithms.AES_GMAC:
            return gmac_signer(session.signing_key)
        case SigningAlgorithms.HMAC_SHA256:
            return hmac_signer(session.signing_key)
        case _:
            return cmac_signer(session.signing_key)


def _seal_keys(connection: Connection, session: Login3) -> SealKeys:
    return SealKeys(
        session_id=session.session_id,
        ours=session.encryption_key,
        theirs=session.decryption_key,
        is_gcm=connection.dialect >= Dialects.SMB_3_1_1 and connection.cipher_id in (Ciphers.AES_128_GCM, Ciphers.AES_256_GCM),
    )
