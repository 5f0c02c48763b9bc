"""What can go wrong with who may do what."""

from mam.lib.errors import MamError, gettext_noop


class PermissionDeniedError(MamError):
    code = "permission_denied"
    template = gettext_noop("You are not allowed to do this.")
    http_status = 403


class InvalidCredentialsError(MamError):
    code = "invalid_credentials"
    template = gettext_noop("The e-mail address or the password is wrong.")
    http_status = 401


class CodeRequiredError(MamError):
    code = "code_required"
    template = gettext_noop("This account needs a code of its authenticator app as well.")
    http_status = 401


class InvalidCodeError(MamError):
    code = "invalid_code"
    template = gettext_noop("The code is wrong or was used already.")
    http_status = 401


class TooManyLoginsError(MamError):
    code = "too_many_logins"
    template = gettext_noop("Too many failed logins. Try again in a few minutes.")
    http_status = 429
    is_permanent = False


class InvalidTokenError(MamError):
    code = "invalid_token"
    template = gettext_noop("The token is not valid, or not valid any more.")
    http_status = 401


class InvalidApiKeyError(MamError):
    code = "invalid_api_key"
    template = gettext_noop("The API key is unknown, expired or revoked.")
    http_status = 401


class UnknownRoleError(MamError):
    code = "unknown_role"
    template = gettext_noop("There is no role “%(role)s”.")
    http_status = 400


class UnknownScopeError(MamError):
    code = "unknown_scope"
    template = gettext_noop("There is no permission “%(scope)s” that this user has.")
    http_status = 400


class EmailTakenError(MamError):
    code = "email_taken"
    template = gettext_noop("Somebody with the e-mail address %(email)s exists already.")
    http_status = 409


class OwnAccountError(MamError):
    code = "own_account"
    template = gettext_noop("You cannot take away your own access.")
    http_status = 409
