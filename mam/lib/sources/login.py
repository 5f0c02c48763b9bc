"""What a login to a share needs, and how it may be refused; the same for both libraries that log in."""

from __future__ import annotations

from dataclasses import dataclass, field

from mam.lib.sources.errors import UnsupportedError


class LoginUnsupportedError(UnsupportedError):
    """The server asks for a newer dialect or for encryption."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where to log in, and as whom. The password is never shown."""

    target: str  # the source's address, for errors
    host: str
    port: int
    username: str
    password: str = field(repr=False)
    domain: str
    timeout_s: float
