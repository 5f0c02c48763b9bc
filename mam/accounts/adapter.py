"""How allauth behaves here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings

from mam.lib import secrets

if TYPE_CHECKING:
    from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """No self-service sign-up; failed logins are counted per account, whatever host name the client used."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Users are made by administrators."""
        return False

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth's own key has the Host header in it: each further name of the machine would give as many tries again.
        return str(credentials.get("email", "")).strip().casefold()


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second-factor secrets are encrypted at rest with the installation's credentials key."""

    def encrypt(self, text: str) -> str:
        """Fernet token of `text`."""
        return secrets.encrypt(text, settings.CREDENTIALS_KEYS)

    def decrypt(self, encrypted_text: str) -> str:
        """Text of a token. Raises CredentialsUnreadableError."""
        return secrets.decrypt(encrypted_text, settings.CREDENTIALS_KEYS)
