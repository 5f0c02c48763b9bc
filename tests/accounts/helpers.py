"""What several tests of the doors need."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP

if TYPE_CHECKING:
    from django.test import Client
    from rest_framework.response import Response

    from mam.accounts.models import User

SECRET = base64.b32encode(b"twenty bytes secret!").decode()
LOGIN = "/accounts/login/"


def code_now(secret: str = SECRET, *, steps: int = 0) -> str:
    """The six digits an authenticator app shows (RFC 6238: SHA-1, 30 s), `steps` periods away from now."""
    counter = int(time.time()) // 30 + steps
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), "sha1")
    offset = digest[-1] & 0x0F
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def wrong_code() -> str:
    """Six digits that are not right now, nor a period before or after."""
    right = {code_now(steps=steps) for steps in (-1, 0, 1)}
    return next(f"{number:06}" for number in range(4) if f"{number:06}" not in right)


def add_second_factor(user: User) -> list[str]:
    """Give `user` an authenticator app with SECRET, and recovery codes, which are returned."""
    TOTP.activate(user, SECRET)
    codes: list[str] = RecoveryCodes.activate(user).get_unused_codes()
    return codes


def has_second_factor(user: User) -> bool:
    """Whether `user` has any authenticator left."""
    return bool(Authenticator.objects.filter(user=user).exists())


def log_in_by_page(client: Client, email: str, password: str, **fields: str) -> Response:
    """Fill in the login form."""
    return client.post(LOGIN, {"login": email, "password": password, **fields})  # type: ignore[return-value]
