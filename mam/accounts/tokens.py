"""Access and refresh tokens (JWT) for programs that log in as a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.core.exceptions import ValidationError
from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from mam.accounts.errors import CodeRequiredError, InvalidCodeError, InvalidCredentialsError, InvalidTokenError, TooManyLoginsError
from mam.accounts.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken


@dataclass(frozen=True, slots=True)
class TokenPair:
    """`access` opens the API for minutes; `refresh` gets the next pair, once."""

    access: str
    refresh: str


def log_in(request: HttpRequest, *, email: str, password: str, code: str = "") -> TokenPair:
    """A first pair for who proves to be the user: password, and a code where the account has an authenticator app.

    Failures count in the same limits as those of the login page. Raises InvalidCredentialsError (also for a disabled user),
    CodeRequiredError, InvalidCodeError, TooManyLoginsError.
    """
    if not ratelimit.consume(request, action="login"):
        raise TooManyLoginsError
    try:
        user = get_adapter(request).authenticate(request, email=email, password=password)
    except ValidationError as error:  # allauth's only one here
        raise TooManyLoginsError from error
    if not isinstance(user, User) or not user.is_active:
        raise InvalidCredentialsError
    if is_mfa_enabled(user, [Authenticator.Type.TOTP]):
        _check_code(user, code)
    return _issue(user)


def refresh(text: str) -> TokenPair:
    """The next pair for a refresh token, which is used up by it. Raises InvalidTokenError.

    It ends with the user and with the password it was made under. Of two requests with the same token one gets the pair.
    """
    token = _parse(text)
    user = User.objects.filter(pk=token.get(api_settings.USER_ID_CLAIM), is_active=True).first()
    if user is None or token.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password):
        raise InvalidTokenError
    _use_up(token)
    return _issue(user)


def log_out(text: str) -> None:
    """Use up a refresh token without a new one. Raises InvalidTokenError."""
    _use_up(_parse(text))


def _check_code(user: User, code: str) -> None:
    if not code:
        raise CodeRequiredError
    form = AuthenticateForm(data={"code": code}, user=user)
    if not form.is_valid():
        is_limited = form.has_error("code", "too_many_login_attempts")
        raise TooManyLoginsError if is_limited else InvalidCodeError
    form.authenticator.record_usage()  # not form.save(), which would start a session


@transaction.atomic
def _issue(user: User) -> TokenPair:
    token = RefreshToken.for_user(user)
    # The library keeps the token's text, which is as good as a password for a week; its id is all that is needed.
    OutstandingToken.objects.filter(jti=token[api_settings.JTI_CLAIM]).update(token="")
    return TokenPair(access=str(token.access_token), refresh=str(token))


def _parse(text: str) -> RefreshToken:
    try:
        return RefreshToken(text)  # type: ignore[arg-type]  # a text, whatever its annotation says; checks signature, age, kind, and that it is not used up
    except TokenError as error:
        raise InvalidTokenError from error


def _use_up(token: RefreshToken) -> None:
    # its annotation says one row, it gives what get_or_create gives
    _row, is_first = cast("tuple[BlacklistedToken, bool]", token.blacklist())
    if not is_first:
        raise InvalidTokenError
