"""Pages of one's own account, and the small doors around all pages: health, language, theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, permission_required
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.module_loading import import_string
from django.utils.translation import check_for_language, gettext, override
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mam.accounts import services
from mam.accounts.forms import ApiKeyForm, PreferencesForm, scope_choices
from mam.accounts.models import User
from mam.accounts.selectors import list_api_keys

if TYPE_CHECKING:
    from django.http import HttpRequest

# How long a browser keeps the choices made before a login.
CHOICE_COOKIE_AGE_S = 365 * 24 * 3600


# --- around all pages -----------------------------------------------------------------------------------------------
@login_not_required
@never_cache
@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """For monitors: 200 while the database answers, else 503. Says nothing that a stranger may not know, and what higher apps add
    (`settings.MAM_HEALTH_FACTS`), null while nobody knows.
    """
    facts: dict[str, Any] = dict.fromkeys(settings.MAM_HEALTH_FACTS)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        facts |= {name: import_string(path)() for name, path in settings.MAM_HEALTH_FACTS.items()}
    except DatabaseError:
        return JsonResponse({"status": "database_unavailable", **dict.fromkeys(facts)}, status=503)
    return JsonResponse({"status": "ok", **facts})


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Keep the language: in the account, and in a cookie for the login page. Back to `next`."""
    language = request.POST.get("language", "")
    if language not in dict(settings.LANGUAGES) or not check_for_language(language):
        raise Http404
    if isinstance(request.user, User):
        services.update_preferences(user=request.user, language=language)
    response = _back(request)
    _keep_choice(response, settings.LANGUAGE_COOKIE_NAME, language)
    return response


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme: in the account, and in a cookie for the login page. Back to `next`."""
    theme = request.POST.get("theme", "")
    if theme not in User.Theme.values:
        raise Http404
    if isinstance(request.user, User):
        services.update_preferences(user=request.user, theme=theme)
    response = _back(request)
    _keep_choice(response, "theme", theme)
    return response


def _keep_choice(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=CHOICE_COOKIE_AGE_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)


def _back(request: HttpRequest) -> HttpResponseRedirect:
    """To `next` when it is an address of ours, else to the start."""
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(target if is_ours else "/")


# --- one's own account ----------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Name, language, theme, time zone; ways to password, second factor and API keys."""
    user = _member(request)
    form = PreferencesForm(request.POST if request.method == "POST" else None, initial=_current(user))
    if not form.is_valid():
        return _preferences_page(request, user, form=form, status=422 if form.is_bound else 200)
    services.update_preferences(user=user, **form.cleaned_data)
    with override(user.language or request.LANGUAGE_CODE):  # the message is read on the next page
        messages.success(request, gettext("Saved."))
    response = redirect("accounts:preferences")
    if user.language:
        _keep_choice(response, settings.LANGUAGE_COOKIE_NAME, user.language)
    _keep_choice(response, "theme", user.theme)
    return response


@require_POST
@never_cache
@permission_required(services.OWN_API_KEY, raise_exception=True)
@reauthentication_required  # type: ignore[untyped-decorator]
@sensitive_variables("text")
def create_api_key(request: HttpRequest) -> HttpResponse:
    """Make a key and show it, this once; who logged in long ago gives the password first."""
    user = _member(request)
    form = ApiKeyForm(request.POST, user=user)
    if not form.is_valid():
        return _preferences_page(request, user, key_form=form, status=422)
    _key, text = services.create_api_key(
        actor=user,
        user=user,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_at=form.expires_at(),
    )
    return _preferences_page(request, user, new_key=text)


@require_POST
def revoke_api_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Close one of the user's own keys."""
    user = _member(request)
    key = get_object_or_404(list_api_keys(user), pk=key_id)
    services.revoke_api_key(actor=user, key=key)
    messages.success(request, gettext("The API key “%(name)s” is revoked.") % {"name": key.name})
    return redirect("accounts:preferences")


def _preferences_page(
    request: HttpRequest,
    user: User,
    *,
    form: PreferencesForm | None = None,
    key_form: ApiKeyForm | None = None,
    new_key: str = "",
    status: int = 200,
) -> HttpResponse:
    may_own_keys = user.has_perm(services.OWN_API_KEY)
    words = dict(scope_choices([scope for key in list_api_keys(user) for scope in key.scopes])) if may_own_keys else {}
    context = {
        "form": form or PreferencesForm(initial=_current(user)),
        "may_own_keys": may_own_keys,
        "keys": [(key, [words[scope] for scope in key.scopes]) for key in list_api_keys(user)] if may_own_keys else [],
        "key_form": key_form or (ApiKeyForm(user=user) if may_own_keys else None),
        "new_key": new_key,
        "has_second_factor": is_mfa_enabled(user, [Authenticator.Type.TOTP]),
    }
    return render(request, "accounts/preferences.html", context, status=status)


def _current(user: User) -> dict[str, str]:
    return {"name": user.name, "language": user.language, "theme": user.theme, "time_zone": user.time_zone}


def _member(request: HttpRequest) -> User:
    """The user; the middleware lets nobody else come here."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


# --- for staff and programmers --------------------------------------------------------------------------------------
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component of the interface, for staff."""
    if not _member(request).is_staff:
        raise PermissionDenied
    return render(request, "accounts/styleguide.html")


@require_GET
def api_docs(request: HttpRequest) -> HttpResponse:
    """The API's schema as a page."""
    return render(request, "accounts/api_docs.html")
