"""`Authorization: Api-Key PREFIX.SECRET` for programs."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication

from mam.accounts.errors import InvalidApiKeyError
from mam.accounts.models import ApiKey, User

if TYPE_CHECKING:
    from rest_framework.request import Request

SCHEME = "Api-Key"
# How exact `last_used_at` is: one write a minute and key, however busy the key is.
LAST_USED_RESOLUTION = timedelta(minutes=1)


def digest_of(secret: str) -> str:
    """SHA-256 in hex. No salt and no stretching: the secret is 256 random bits, not a password."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate_api_key(credential: str) -> ApiKey:
    """The key of "PREFIX.SECRET", its `user` narrowed to its scopes. Raises InvalidApiKeyError, always the same one."""
    prefix, _, secret = credential.partition(".")
    key = ApiKey.objects.select_related("user").filter(prefix=prefix).first()
    # Compared even without a row, so that an unknown prefix takes as long as a wrong secret.
    is_right = hmac.compare_digest(digest_of(secret), key.digest if key else digest_of(""))
    now = timezone.now()
    if key is None or not is_right or not key.is_usable(now) or not key.user.is_active:
        raise InvalidApiKeyError
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_RESOLUTION)
    if key.last_used_at is None or key.last_used_at < now - LAST_USED_RESOLUTION:
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    key.user.api_key = key
    return key


class ApiKeyAuthentication(BaseAuthentication):
    """The door for API keys. First in the list, so a request without credentials is answered 401, not 403."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """The key's user; None when the header is for somebody else. Raises InvalidApiKeyError."""
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        if scheme.casefold() != SCHEME.casefold():
            return None
        key = authenticate_api_key(credential.strip())
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """For `WWW-Authenticate`."""
        return SCHEME
