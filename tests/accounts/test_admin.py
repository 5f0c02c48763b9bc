"""Users, keys and the audit in the admin: by role, and by the services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib import admin

from mam.accounts import services
from mam.accounts.admin_site import AdminSite
from mam.accounts.models import ApiKey, AuditEntry, User
from tests.accounts.helpers import add_second_factor, has_second_factor, log_in_by_page
from tests.factories import PASSWORD

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"
KEYS = "/admin/accounts/apikey/"
AUDIT = "/admin/accounts/auditentry/"
ROLES = "/admin/auth/group/"
GOOD = "a much better password 1"


def test_the_admin_is_ours_with_the_products_own_login() -> None:
    assert isinstance(admin.site._wrapped, AdminSite)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 403), ("administrator", 200), ("superuser", 200)])
@pytest.mark.parametrize("path", [USERS, f"{USERS}add/", KEYS, AUDIT, ROLES])
def test_people_and_audit_are_for_administrators(client: Client, request: pytest.FixtureRequest, role: str, status: int, path: str) -> None:
    client.force_login(request.getfixturevalue(role))
    response = client.get(path)
    assert response.status_code == (302 if role == "viewer" else status)


def test_members_without_staff_rights_are_refused_not_asked_again(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize("path", [f"{KEYS}add/", f"{AUDIT}add/", f"{ROLES}add/"])
def test_keys_audit_and_roles_are_not_made_here(client: Client, superuser: User, path: str) -> None:
    client.force_login(superuser)
    assert client.get(path).status_code == 403


def test_what_libraries_keep_for_themselves_is_not_shown(client: Client, superuser: User) -> None:
    client.force_login(superuser)
    listed = {model._meta.label_lower for model in admin.site._registry}
    assert not listed & {
        "account.emailaddress",
        "mfa.authenticator",
        "token_blacklist.outstandingtoken",
        "token_blacklist.blacklistedtoken",
    }
    assert not any(label.startswith("django_q.") for label in listed)
    assert client.get("/admin/").status_code == 200


def test_a_user_is_made_by_the_service(client: Client, administrator: User) -> None:
    client.force_login(administrator)
    fields = {"email": "Kim@Example.test", "name": "Kim", "role": "operator", "is_active": "on", "new_password": GOOD}
    assert client.post(f"{USERS}add/", fields).status_code == 302
    user = User.objects.get(email="kim@example.test")
    assert (user.role, user.is_staff, user.is_superuser, user.check_password(GOOD)) == ("operator", True, False, True)
    assert AuditEntry.objects.get(action="accounts.user.create").actor == administrator


def test_a_user_is_changed_by_the_service(client: Client, administrator: User, viewer: User) -> None:
    client.force_login(administrator)
    fields = {"email": viewer.email, "name": "Kim", "role": "operator", "is_active": "on", "new_password": ""}
    assert client.post(f"{USERS}{viewer.pk}/change/", fields).status_code == 302
    viewer.refresh_from_db()
    assert (viewer.name, viewer.role, viewer.check_password(PASSWORD)) == ("Kim", "operator", True)
    assert client.post(f"{USERS}{viewer.pk}/change/", {**fields, "new_password": GOOD}).status_code == 302
    viewer.refresh_from_db()
    assert viewer.check_password(GOOD)
    assert AuditEntry.objects.filter(action="accounts.user.set_password").count() == 1


@pytest.mark.parametrize("wrong", [{"new_password": "12345678"}, {"email": "taken@example.test"}, {"email": ""}, {"role": "owner"}])
def test_a_wrong_form_changes_nothing(client: Client, administrator: User, viewer: User, wrong: dict[str, str]) -> None:
    services.create_user(actor=None, email="taken@example.test", role="viewer")
    client.force_login(administrator)
    fields = {"email": viewer.email, "name": "Kim", "role": "operator", "is_active": "on", **wrong}
    assert client.post(f"{USERS}{viewer.pk}/change/", fields).status_code == 200
    viewer.refresh_from_db()
    assert (viewer.name, viewer.role) == ("", "viewer")


def test_a_password_is_never_shown(client: Client, administrator: User, viewer: User) -> None:
    client.force_login(administrator)
    page = client.get(f"{USERS}{viewer.pk}/change/").content.decode()
    assert viewer.password not in page
    assert 'name="groups"' not in page
    assert 'name="is_superuser"' not in page


def test_an_administrator_cannot_lock_themselves_out(client: Client, administrator: User) -> None:
    client.force_login(administrator)
    fields = {"email": administrator.email, "name": "", "role": "viewer", "is_active": "on"}
    assert client.post(f"{USERS}{administrator.pk}/change/", fields).status_code == 200
    administrator.refresh_from_db()
    assert administrator.role == "administrator"


def test_a_superuser_is_read_only_to_administrators(client: Client, administrator: User, superuser: User) -> None:
    client.force_login(administrator)
    address = f"{USERS}{superuser.pk}/change/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"email": "x@example.test", "role": "viewer", "new_password": GOOD}).status_code == 403
    add_second_factor(superuser)
    client.post(USERS, {"action": "reset_second_factor", "_selected_action": [superuser.pk]})
    assert has_second_factor(superuser)


def test_nobody_is_deleted(client: Client, superuser: User, viewer: User) -> None:
    client.force_login(superuser)
    assert client.post(f"{USERS}{viewer.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(USERS, {"action": "delete_selected", "_selected_action": [viewer.pk], "post": "yes"})
    assert User.objects.filter(pk=viewer.pk).exists()


def test_a_lost_device_is_helped(client: Client, administrator: User, viewer: User) -> None:
    add_second_factor(viewer)
    client.force_login(administrator)
    assert client.post(USERS, {"action": "reset_second_factor", "_selected_action": [viewer.pk]}).status_code == 302
    assert not has_second_factor(viewer)


def test_keys_are_looked_at_and_revoked(client: Client, administrator: User, operator: User) -> None:
    key, text = services.create_api_key(actor=None, user=operator, name="NAS", scopes=["catalog.curate"])
    client.force_login(administrator)
    page = client.get(f"{KEYS}{key.pk}/change/").content.decode()
    assert "catalog.curate" in page
    assert key.digest not in page
    assert text not in page
    client.post(f"{KEYS}{key.pk}/change/", {"name": "other", "scopes": "[]"})
    assert ApiKey.objects.get().name == "NAS"
    client.post(KEYS, {"action": "revoke", "_selected_action": [key.pk]})
    assert ApiKey.objects.get().revoked_at is not None


def test_the_audit_is_read_by_searching_and_changed_by_nobody(client: Client, superuser: User) -> None:
    client.force_login(superuser)
    entry = services.record_audit(actor=superuser, action="x.y", obj=superuser, before={"a": 1}, after={"a": 2}, request_id="r-123456789")
    assert "x.y" in client.get(AUDIT, {"q": "r-123456789"}).content.decode()
    address = f"{AUDIT}{entry.pk}/change/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"action": "z"}).status_code == 403
    assert client.post(f"{AUDIT}{entry.pk}/delete/", {"post": "yes"}).status_code == 403


def test_lists_do_not_ask_once_per_row(client: Client, superuser: User, django_assert_max_num_queries: object) -> None:
    for number in range(12):
        user = services.create_user(actor=superuser, email=f"user{number}@example.test", role="viewer")
        services.create_api_key(actor=None, user=user, name="x", scopes=["catalog.view_library"])
    client.force_login(superuser)
    for path in (USERS, KEYS, AUDIT):
        with django_assert_max_num_queries(14):  # type: ignore[operator]
            client.get(path)


@pytest.mark.parametrize("path", ["/admin/", USERS])
def test_the_login_leads_back_to_where_one_wanted(client: Client, administrator: User, path: str) -> None:
    login = client.get(path, follow=True)
    assert login.wsgi_request.path == "/accounts/login/"
    wanted = login.wsgi_request.GET["next"]
    assert log_in_by_page(client, administrator.email, PASSWORD, next=wanted)["Location"] == path
