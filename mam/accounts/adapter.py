"""How allauth behaves here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mam.accounts import services
from mam.lib import secrets

if TYPE_CHECKING:
    from django.http import HttpRequest

    from mam.accounts.models import User

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """No self-service sign-up; failed logins are counted per account, whatever host name the client used."""

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("The e-mail address or the password is wrong."),
        "enter_current_password": _("The password is wrong."),
        "incorrect_password": _("The password is wrong."),
        "too_many_login_attempts": _("Too many failed logins. Try again in a few minutes."),
        "rate_limited": _("Too many failed logins. Try again in a few minutes."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Users are made by administrators."""
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Back to where the change was begun."""
        return reverse("accounts:preferences")

    def set_password(self, user: User, password: str) -> None:
        """The user changed their own password."""
        services.change_own_password(user=user, password=password)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """One line in the log, for who watches the door."""
        logger.warning("login failed for %r from %s", str(credentials.get("email", ""))[:254], self.get_client_ip(request))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth's own key has the Host header in it: each further name of the machine would give as many tries again.
        return str(credentials.get("email", "")).strip().casefold()


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second-factor secrets are encrypted at rest with the installation's credentials key."""

    error_messages: ClassVar = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("The code is wrong or was used already."),
    }

    def encrypt(self, text: str) -> str:
        """Fernet token of `text`."""
        return secrets.encrypt(text, settings.CREDENTIALS_KEYS)

    def decrypt(self, encrypted_text: str) -> str:
        """Text of a token. Raises CredentialsUnreadableError."""
        return secrets.decrypt(encrypted_text, settings.CREDENTIALS_KEYS)
