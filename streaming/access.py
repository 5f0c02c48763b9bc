"""Who asks, for views outside of the REST framework that programs use as well as browsers: session, JWT or API key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.views import APIView

from mam.accounts.models import User
from streaming.errors import NotLoggedInError

if TYPE_CHECKING:
    from django.http import HttpRequest


def get_user(request: HttpRequest) -> User:
    """The user behind `request`, narrowed to the scopes of an API key. Raises NotLoggedInError, InvalidApiKeyError."""
    authenticators = [authenticator() for authenticator in APIView.authentication_classes]
    try:
        user = Request(request, authenticators=authenticators).user
    except AuthenticationFailed as error:
        raise NotLoggedInError from error
    if not isinstance(user, User):
        raise NotLoggedInError
    return user
