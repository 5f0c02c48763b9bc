"""Addresses that expire: who holds one may fetch what was made of one version of one file, for a while, and nothing else.

A token is checked without any database query, so thousands of segments cost none. It is bound to the session it was given to, whose
cookie has to come with it; a token for a program (API key, JWT) has no cookie to be bound to and lives shorter. Whoever loses the right
to play keeps at most what is left of a token's life.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.crypto import salted_hmac

from mam.lib.errors import MamError, gettext_noop

if TYPE_CHECKING:
    from catalog.models import MediaFile

SESSION_LIFE_S = 12 * 3600
SHARE_LIFE_S = 2 * 3600
# Tokens of one viewer are the same for so long: a page opened again finds the segments in the browser's cache.
_STEP_S = 3600
_SALT = "streaming.tokens"
_MAX_CHARS = 200
_SHARED = "any"


class TokenInvalidError(MamError):
    """Not one of ours, tampered with, of another file, or of another session."""

    code = "address_invalid"
    template = gettext_noop("This address is not valid for you. Open the video again.")
    http_status = 403


class TokenExpiredError(MamError):
    """It was valid."""

    code = "address_expired"
    template = gettext_noop("This address has expired. Open the video again.")
    http_status = 403


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for."""

    file_id: int
    version: str  # `version_of` the file
    expires_s: int  # since 1970 UTC
    binding: str  # of a session, or "any"


def version_of(fingerprint: str) -> str:
    """Twelve hex digits that change with the file's fingerprint, which itself says more than an address should."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:12]


def issue(file: MediaFile, *, session_key: str | None) -> str:
    """A token for `file` as it is now; `session_key` None for programs. Characters of a path segment only."""
    life_s = SESSION_LIFE_S if session_key else SHARE_LIFE_S
    expires_s = (int(time.time()) // _STEP_S + 1) * _STEP_S + life_s
    binding = _binding(session_key) if session_key else _SHARED
    claims = f"{file.pk}.{version_of(file.fingerprint)}.{expires_s:x}.{binding}"
    return f"{claims}.{_signature(claims)}"


def check(token: str, *, session_key: str | None) -> Grant:
    """What `token` grants to the bearer of `session_key`. Raises TokenInvalidError, TokenExpiredError. No query, microseconds."""
    grant = _read(token)
    if grant is None:
        raise TokenInvalidError
    if grant.expires_s < time.time():
        raise TokenExpiredError
    if grant.binding != _SHARED and not (session_key and hmac.compare_digest(grant.binding, _binding(session_key))):
        raise TokenInvalidError
    return grant


@lru_cache(maxsize=4096)
def _read(token: str) -> Grant | None:
    """The grant of a token with our signature; None for all else."""
    claims, _, signature = token.rpartition(".")
    if len(token) > _MAX_CHARS or not token.isascii() or not hmac.compare_digest(signature, _signature(claims)):
        return None
    file_id, version, expires, binding = claims.split(".")
    return Grant(int(file_id), version, int(expires, 16), binding)


@lru_cache(maxsize=4096)
def _binding(session_key: str) -> str:
    return salted_hmac(f"{_SALT}.session", session_key, secret=settings.SECRET_KEY, algorithm="sha256").hexdigest()[:24]


def _signature(claims: str) -> str:
    digest = salted_hmac(_SALT, claims, secret=settings.SECRET_KEY, algorithm="sha256").digest()
    return urlsafe_b64encode(digest[:24]).decode()
