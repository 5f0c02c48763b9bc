"""Roles, and who may change whom."""

from __future__ import annotations

import itertools
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.core.management.sql import emit_post_migrate_signal

from mam.accounts import access, services
from mam.accounts.errors import EmailTakenError, OwnAccountError, PermissionDeniedError, UnknownRoleError
from mam.accounts.forms import PERMISSION_WORDS, ROLE_WORDS
from mam.accounts.models import AuditEntry, User
from mam.accounts.selectors import find_user, known_permissions, permissions_of_role
from tests.accounts.helpers import add_second_factor, has_second_factor, log_in_by_page
from tests.factories import PASSWORD, make_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

pytestmark = pytest.mark.django_db

GOOD = "a much better password 1"


# --- roles ----------------------------------------------------------------------------------------------------------
def test_every_named_permission_exists() -> None:
    found = {f"{app}.{code}" for app, code in Permission.objects.values_list("content_type__app_label", "codename")}
    assert set(known_permissions()) <= found


def test_every_permission_and_role_has_words() -> None:
    assert set(PERMISSION_WORDS) == set(known_permissions())
    assert set(ROLE_WORDS) == set(settings.MAM_ROLES)
    assert set(settings.MAM_ROLES) >= settings.MAM_STAFF_ROLES


def test_no_permission_is_named_twice() -> None:
    assert len(known_permissions()) == len(set(known_permissions()))


@pytest.mark.parametrize("role", settings.MAM_ROLES)
def test_a_role_is_its_permissions_and_those_below(role: str) -> None:
    user = make_user(role)
    assert {name for name in known_permissions() if user.has_perm(name)} == set(permissions_of_role(role))


def test_roles_grow() -> None:
    sets = [set(permissions_of_role(role)) for role in settings.MAM_ROLES]
    assert all(lower < higher for lower, higher in itertools.pairwise(sets))


def test_roles_are_written_again_after_every_migrate() -> None:
    group = Group.objects.get(name="viewer")
    group.permissions.clear()
    Group.objects.filter(name="operator").delete()
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    assert {f"{p.content_type.app_label}.{p.codename}" for p in group.permissions.all()} == set(permissions_of_role("viewer"))
    assert Group.objects.filter(name="operator").exists()


def test_permissions_given_by_hand_are_taken_back() -> None:
    group = Group.objects.get(name="viewer")
    group.permissions.add(Permission.objects.get(codename="manage_user"))
    services.write_roles()
    assert not make_user("viewer").has_perm("accounts.manage_user")


def test_without_a_role_nothing_is_allowed() -> None:
    user = make_user(None)
    assert user.role == ""
    with pytest.raises(PermissionDeniedError):
        access.require(user, "catalog.view_library")


def test_nobody_is_not_the_system() -> None:
    with pytest.raises(PermissionDeniedError):
        access.require(None, "catalog.view_library")


def test_a_disabled_user_may_nothing(superuser: User) -> None:
    superuser.is_active = False
    with pytest.raises(PermissionDeniedError):
        access.require(superuser, "catalog.view_library")


# --- making and changing users --------------------------------------------------------------------------------------
@pytest.mark.parametrize(("role", "is_staff"), [("viewer", False), ("operator", True), ("administrator", True), ("", False)])
def test_a_new_user_has_one_role_and_staff_rights_by_it(role: str, is_staff: bool) -> None:
    user = services.create_user(actor=None, email=" Kim@Example.TEST", role=role, password=GOOD)
    assert (user.email, user.role, user.is_staff, user.is_superuser) == ("kim@example.test", role, is_staff, False)
    assert EmailAddress.objects.get(user=user).verified
    assert find_user("KIM@example.test") == user


def test_an_address_is_taken_in_any_case(viewer: User) -> None:
    with pytest.raises(EmailTakenError):
        services.create_user(actor=None, email=viewer.email.upper(), role="viewer")


def test_a_weak_password_makes_no_user() -> None:
    with pytest.raises(ValidationError):
        services.create_user(actor=None, email="kim@example.test", role="viewer", password="12345678")
    assert find_user("kim@example.test") is None


def test_an_unknown_role_makes_no_user() -> None:
    with pytest.raises(UnknownRoleError):
        services.create_user(actor=None, email="kim@example.test", role="owner")
    assert find_user("kim@example.test") is None


def change(actor: User, user: User, **fields: object) -> User:
    values = {"email": user.email, "name": user.name, "role": user.role, "is_active": user.is_active, **fields}
    return services.update_user(actor=actor, user=user, **values)  # type: ignore[arg-type]


def test_a_change_is_audited_with_what_changed(administrator: User, viewer: User) -> None:
    change(administrator, viewer, role="operator", name="Kim")
    entry = AuditEntry.objects.get(action="accounts.user.update")
    assert (entry.before, entry.after) == ({"name": "", "role": "viewer"}, {"name": "Kim", "role": "operator"})
    change(administrator, User.objects.get(pk=viewer.pk))
    assert AuditEntry.objects.filter(action="accounts.user.update").count() == 1


def test_losing_the_role_loses_the_admin(administrator: User, operator: User) -> None:
    assert not change(administrator, operator, role="viewer").is_staff


def test_the_address_of_the_login_follows(client: Client, administrator: User, viewer: User) -> None:
    old = viewer.email
    change(administrator, viewer, email="New@example.test")
    assert not EmailAddress.objects.filter(email=old).exists()
    assert log_in_by_page(client, "new@example.test", PASSWORD).status_code == 302


MANAGING: list[Callable[[User, User], object]] = [
    lambda actor, user: change(actor, user, role="administrator"),
    lambda actor, user: services.set_password(actor=actor, user=user, password=GOOD),
    lambda actor, user: services.reset_second_factor(actor=actor, user=user),
    lambda actor, user: services.create_user(actor=actor, email="new@example.test", role="administrator"),
]


@pytest.mark.parametrize("manage", MANAGING)
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_user_managers_manage_users(role: str, manage: Callable[[User, User], object]) -> None:
    actor, user = make_user(role), make_user("viewer")
    with pytest.raises(PermissionDeniedError):
        manage(actor, user)
    with pytest.raises(PermissionDeniedError):
        manage(actor, actor)


@pytest.mark.parametrize("manage", MANAGING[:3])
def test_nobody_manages_who_stands_above(administrator: User, superuser: User, manage: Callable[[User, User], object]) -> None:
    with pytest.raises(PermissionDeniedError):
        manage(administrator, superuser)


def test_a_superuser_manages_everybody(superuser: User, administrator: User) -> None:
    for manage in MANAGING:
        manage(superuser, administrator)


@pytest.mark.parametrize("fields", [{"is_active": False}, {"role": "viewer"}])
def test_nobody_takes_away_their_own_access(administrator: User, fields: dict[str, object]) -> None:
    with pytest.raises(OwnAccountError):
        change(administrator, administrator, **fields)


def test_a_lost_device_is_helped(client: Client, administrator: User, viewer: User) -> None:
    add_second_factor(viewer)
    services.reset_second_factor(actor=administrator, user=viewer)
    assert not has_second_factor(viewer)
    assert log_in_by_page(client, viewer.email, PASSWORD)["Location"] == "/"


# --- first start and commands ---------------------------------------------------------------------------------------
def test_the_first_start_makes_one_administrator_and_says_the_password_once(client: Client) -> None:
    made = services.ensure_first_administrator()
    assert made is not None
    email, password = made
    assert services.ensure_first_administrator() is None
    user = User.objects.get()
    assert (user.role, user.is_superuser, user.is_staff) == ("administrator", True, True)
    assert log_in_by_page(client, email, password).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_the_command_makes_a_user_and_prints_a_password(client: Client) -> None:
    out = StringIO()
    call_command("create_user", "kim@example.test", "--role", "operator", stdout=out)
    password = out.getvalue().strip().rpartition(": ")[2]
    assert log_in_by_page(client, "kim@example.test", password).status_code == 302
    with pytest.raises(CommandError):
        call_command("create_user", "kim@example.test", "--role", "operator")
