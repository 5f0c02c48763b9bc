"""The only writers of users, roles, API keys and the audit."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils import timezone

from mam.accounts import access
from mam.accounts.authentication import digest_of
from mam.accounts.context import current_request_id
from mam.accounts.errors import EmailTakenError, OwnAccountError, PermissionDeniedError, UnknownRoleError, UnknownScopeError
from mam.accounts.models import ApiKey, AuditEntry, User
from mam.accounts.selectors import find_user, known_permissions, permissions_of_role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.db.models import Model

MANAGE_USER = "accounts.manage_user"
OWN_API_KEY = "accounts.own_api_key"
FIRST_ADMINISTRATOR_EMAIL = "admin@localhost"


def record_audit(
    *,
    actor: User | None,
    action: str,
    obj: Model,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    request_id: str = "",
    api_key: ApiKey | None = None,
) -> AuditEntry:
    """Write down one change; call it inside the transaction that makes the change, so that both stand or fall.

    `actor` None: the system itself. `before` and `after` hold the changed fields only, as JSON (dates and decimals may be
    in them), never a secret. Request id and API key default to those of the request being served.
    """
    entry = _audit_entry(actor, action, before, after, request_id, api_key)
    entry.object_type, entry.object_id, entry.object_label = obj._meta.label_lower, str(obj.pk), str(obj)[:255]
    entry.save()
    return entry


def record_audits(
    *, actor: User | None, action: str, model: type[Model], labels: Mapping[int, str], before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """As `record_audit`, of the same change of many rows: their ids, and how they are called."""
    entries = []
    for pk, label in labels.items():
        entry = _audit_entry(actor, action, before, after)
        entry.object_type, entry.object_id, entry.object_label = model._meta.label_lower, str(pk), label[:255]
        entries.append(entry)
    AuditEntry.objects.bulk_create(entries, batch_size=500)


def _audit_entry(
    actor: User | None,
    action: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    request_id: str = "",
    api_key: ApiKey | None = None,
) -> AuditEntry:
    return AuditEntry(
        actor=actor,
        api_key=api_key or (actor.api_key if actor else None),
        request_id=request_id or current_request_id(),
        action=action,
        before=dict(before),
        after=dict(after),
    )


# --- roles ----------------------------------------------------------------------------------------------------------
@transaction.atomic
def write_roles() -> None:
    """Make the groups say what `settings.MAM_ROLES` says. Run after every migrate; permissions given by hand are taken back."""
    known = {f"{app}.{code}": pk for pk, app, code in Permission.objects.values_list("pk", "content_type__app_label", "codename")}
    for role in settings.MAM_ROLES:
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set([known[name] for name in permissions_of_role(role) if name in known])


def _assign_role(user: User, role: str) -> None:
    """Put `user` into `role` alone ("" takes every role away); staff follows from it."""
    if role and role not in settings.MAM_ROLES:
        raise UnknownRoleError(role=role)
    others = Group.objects.filter(name__in=settings.MAM_ROLES).exclude(name=role)
    user.groups.remove(*others)
    if role:
        user.groups.add(Group.objects.get(name=role))
    user.is_staff = user.is_superuser or role in settings.MAM_STAFF_ROLES
    user.save(update_fields=["is_staff"])


# --- users ----------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_user(
    *, actor: User | None, email: str, role: str, password: str | None = None, name: str = "", is_superuser: bool = False
) -> User:
    """Make a user who may log in at once. `actor` None: the command line, which belongs to who runs the machine.

    Without `password` none fits until one is set. Raises PermissionDeniedError, EmailTakenError, UnknownRoleError, and
    Django's ValidationError for a weak password.
    """
    _require_may_manage(actor, None)
    if find_user(email):
        raise EmailTakenError(email=email)
    if password is not None:
        validate_password(password, User(email=email, name=name))
    user = User.objects.create_user(email, password, name=name, is_superuser=is_superuser)
    _vouch_for_email(user)
    _assign_role(user, role)
    record_audit(actor=actor, action="accounts.user.create", obj=user, before={}, after={"email": user.email, "role": role})
    return user


@transaction.atomic
def update_user(*, actor: User | None, user: User, email: str, name: str, role: str, is_active: bool) -> User:
    """Change who somebody is and what they may do. Nobody takes away their own access: OwnAccountError.

    A user who is not active is out at once: sessions, tokens, API keys and live connections all look at the row.
    Raises PermissionDeniedError, EmailTakenError, UnknownRoleError.
    """
    _require_may_manage(actor, user)
    stored = User.objects.select_for_update().get(pk=user.pk)
    if actor and actor.pk == stored.pk and (not is_active or role != stored.role):
        raise OwnAccountError
    folded = email.strip().casefold()
    other = find_user(folded)
    if other and other.pk != stored.pk:
        raise EmailTakenError(email=folded)
    before = _described(stored)
    stored.email, stored.name, stored.is_active = folded, name, is_active
    stored.save(update_fields=["email", "name", "is_active"])
    _vouch_for_email(stored)
    _assign_role(stored, role)
    after = _described(stored)
    changed = [field for field in after if after[field] != before[field]]
    if changed:
        record_audit(
            actor=actor,
            action="accounts.user.update",
            obj=stored,
            before={field: before[field] for field in changed},
            after={field: after[field] for field in changed},
        )
    return stored


@transaction.atomic
def set_password(*, actor: User | None, user: User, password: str) -> None:
    """Give `user` a new password. Their sessions and tokens end with the old one.

    Raises PermissionDeniedError and Django's ValidationError for a weak password.
    """
    _require_may_manage(actor, user)
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record_audit(actor=actor, action="accounts.user.set_password", obj=user, before={}, after={})


@transaction.atomic
def change_own_password(*, user: User, password: str) -> None:
    """The user's own new password, already found strong enough. All other sessions and tokens of theirs end."""
    user.set_password(password)
    user.save(update_fields=["password"])
    record_audit(actor=user, action="accounts.user.change_password", obj=user, before={}, after={})


@transaction.atomic
def reset_second_factor(*, actor: User | None, user: User) -> None:
    """Remove the user's authenticator app and recovery codes, for who lost the device. Raises PermissionDeniedError."""
    _require_may_manage(actor, user)
    factors = Authenticator.objects.filter(user=user)
    removed = list(factors.values_list("type", flat=True))
    factors.delete()
    record_audit(actor=actor, action="accounts.user.reset_second_factor", obj=user, before={"factors": removed}, after={"factors": []})


@transaction.atomic
def update_preferences(*, user: User, **preferences: str) -> None:
    """Keep the user's own `name`, `language`, `theme` or `time_zone`; the others stay. Values are checked by the form."""
    unknown = preferences.keys() - {"name", "language", "theme", "time_zone"}
    if unknown:
        raise TypeError(f"not a preference: {sorted(unknown)}")
    User.objects.filter(pk=user.pk).update(**preferences)
    for field, value in preferences.items():
        setattr(user, field, value)


@transaction.atomic
def ensure_first_administrator() -> tuple[str, str] | None:
    """On an installation without users make the first administrator; give (e-mail, password), to be shown this once.

    None when there is a user already.
    """
    write_roles()
    if User.objects.exists():
        return None
    password = secrets.token_urlsafe(12)
    administrator = create_user(
        actor=None,
        email=FIRST_ADMINISTRATOR_EMAIL,
        role=list(settings.MAM_ROLES)[-1],
        password=password,
        is_superuser=True,
    )
    return administrator.email, password


def _described(user: User) -> dict[str, Any]:
    return {"email": user.email, "name": user.name, "role": user.role, "is_active": user.is_active}


def _vouch_for_email(user: User) -> None:
    """Keep allauth's address row equal to the user's: addresses are given by an administrator, so they count as verified.

    With an unverified row allauth refuses to add a second factor.
    """
    EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def _require_may_manage(actor: User | None, user: User | None) -> None:
    """Nobody manages a superuser but a superuser: else an administrator could take over the one above."""
    if actor is None:
        return
    access.require(actor, MANAGE_USER)
    if user is not None and user.is_superuser and not actor.is_superuser:
        raise PermissionDeniedError(permission=MANAGE_USER)


# --- API keys -------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_api_key(
    *, actor: User | None, user: User, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key that acts as `user` within `scopes`; give it and its text "PREFIX.SECRET", which nobody can show again.

    People make keys for themselves (`accounts.own_api_key`), user managers for others. A key cannot make keys.
    Raises PermissionDeniedError; UnknownScopeError for a scope the user does not have.
    """
    if actor is not None:
        access.require(actor, OWN_API_KEY if actor.pk == user.pk else MANAGE_USER)
        if actor.api_key is not None:
            raise PermissionDeniedError(permission=OWN_API_KEY)
    for scope in scopes:
        if scope not in known_permissions() or not user.has_perm(scope):
            raise UnknownScopeError(scope=scope)
    prefix, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        user=user, name=name, prefix=prefix, digest=digest_of(secret), scopes=sorted(set(scopes)), expires_at=expires_at
    )
    record_audit(
        actor=actor,
        action="accounts.api_key.create",
        obj=key,
        before={},
        after={"user": user.email, "scopes": key.scopes, "expires_at": expires_at},
    )
    return key, f"{prefix}.{secret}"


@transaction.atomic
def revoke_api_key(*, actor: User | None, key: ApiKey) -> None:
    """Close the key at once and for good; a second time changes nothing. Raises PermissionDeniedError."""
    if actor is not None and actor.pk != key.user_id:
        access.require(actor, MANAGE_USER)
    now = timezone.now()
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        record_audit(actor=actor, action="accounts.api_key.revoke", obj=key, before={"revoked_at": None}, after={"revoked_at": now})
