"""Addresses that open one version of one file for one viewer and for a while: tokens in the path of playlists and segments.

A token is checked by arithmetic alone, no table is asked. It says file, version, time of expiry and to whom it is bound: the browser
session it was made in, or (shared) whoever holds it, for programs that have no session. Logging out, another session and the time end
it; a right that is taken away is noticed when a fresh token is asked for, so at the latest when it expires.

Form: base64url of `kind (1 byte) | file id (8) | version (6) | expiry (4, seconds since 1970) | session digest (13) | MAC (16)`.
The MAC is HMAC-SHA256 cut to 128 bits (RFC 2104, 5), under a key of its own made from SECRET_KEY.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings

from streaming.errors import TokenExpiredError, TokenForeignError, TokenInvalidError

if TYPE_CHECKING:
    from catalog.models import MediaFile

_BODY = struct.Struct(">BQ6sI13s")
_MAC_BYTES = 16
_DIGEST_BYTES = 13
_VERSION_BYTES = 6
_CHARS = 64  # without padding, and without bits that say nothing: no token has a twin
_BOUND, _SHARED = 1, 2
_NOBODY = bytes(_DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it ends."""

    text: str
    expires_s: int  # since 1970-01-01 UTC

    @property
    def expires_at(self) -> datetime:
        """In UTC."""
        return datetime.fromtimestamp(self.expires_s, tz=UTC)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sound token opens."""

    file_id: int
    version: str  # `version_of` its fingerprint
    expires_s: int
    is_shared: bool


def version_of(fingerprint: str) -> str:
    """Twelve hex digits that change with MediaFile.fingerprint, which itself says more than an address should."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[: 2 * _VERSION_BYTES]


def issue(file: MediaFile, *, session_key: str | None, now_s: float | None = None) -> Token:
    """A token for the present version of `file`, bound to a session; shared without one. The same for half of its life, for caches."""
    kind = _SHARED if session_key is None else _BOUND
    life_s = settings.MAM_STREAM_SHARE_S if session_key is None else settings.MAM_STREAM_TOKEN_S
    step_s = max(1, life_s // 2)
    expires_s = (int(time.time() if now_s is None else now_s) // step_s + 2) * step_s
    owner = _NOBODY if session_key is None else _digest(session_key)
    body = _BODY.pack(kind, file.pk, bytes.fromhex(version_of(file.fingerprint)), expires_s, owner)
    return Token(base64.urlsafe_b64encode(body + _mac(body)).decode("ascii"), expires_s)


def verify(token: str, session_key: str, *, now_s: float | None = None) -> Grant:
    """What `token` opens for a request with this session key ("" for none).

    Raises TokenInvalidError (not ours or tampered with), TokenExpiredError, TokenForeignError (made in another session).
    """
    kind, file_id, version, expires_s, owner = _BODY.unpack(_authentic(token))
    if (time.time() if now_s is None else now_s) >= expires_s:
        raise TokenExpiredError
    if kind == _BOUND and not (session_key and hmac.compare_digest(owner, _digest(session_key))):
        raise TokenForeignError
    return Grant(file_id, version.hex(), expires_s, kind == _SHARED)


def _authentic(token: str) -> bytes:
    """The body of a token that we made."""
    if len(token) != _CHARS or not token.isascii():
        raise TokenInvalidError
    try:
        data = base64.b64decode(token, altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise TokenInvalidError from error
    body, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
    if len(body) != _BODY.size or not hmac.compare_digest(mac, _mac(body)):
        raise TokenInvalidError
    return body


def _mac(body: bytes) -> bytes:
    return hmac.digest(_key(settings.SECRET_KEY, "token"), body, "sha256")[:_MAC_BYTES]


def _digest(session_key: str) -> bytes:
    """Names a session without giving it away."""
    return hmac.digest(_key(settings.SECRET_KEY, "session"), session_key.encode(), "sha256")[:_DIGEST_BYTES]


@lru_cache(maxsize=8)
def _key(secret: str, use: str) -> bytes:
    return hmac.digest(secret.encode(), f"streaming.tokens {use}".encode(), hashlib.sha256)
