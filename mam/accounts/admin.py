"""Users, roles, API keys and the audit in the admin. Every write goes through the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.admin import ModelAdmin

from mam.accounts import services
from mam.accounts.admin_site import NamedPermissionsMixin
from mam.accounts.forms import ROLE_WORDS, UserAdminForm
from mam.accounts.models import ApiKey, AuditEntry, User

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.forms import ModelForm
    from django.http import HttpRequest

# Kept by libraries for themselves; written here they would contradict the users they belong to.
for library_model in (EmailAddress, Authenticator, OutstandingToken, BlacklistedToken, Group):
    admin.site.unregister(library_model)


@admin.register(User)
class UserAdmin(NamedPermissionsMixin, ModelAdmin):  # type: ignore[misc]
    """Who may log in and what they may do. Users are disabled, not deleted: the audit keeps their names."""

    named_permissions: ClassVar = dict.fromkeys(("view", "add", "change"), services.MANAGE_USER)
    form = UserAdminForm
    fields: ClassVar = ["email", "name", "role", "is_active", "new_password"]
    list_display: ClassVar = ["email", "name", "role_name", "is_active", "last_login"]
    list_filter: ClassVar = ["is_active", "groups"]
    search_fields: ClassVar = ["email", "name"]
    ordering: ClassVar = ["email"]
    actions: ClassVar = ["reset_second_factor"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With the groups, which the role is read from."""
        queryset: QuerySet[User] = super().get_queryset(request).prefetch_related("groups")
        return queryset

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A superuser's account is read-only to everybody below."""
        is_above = isinstance(obj, User) and obj.is_superuser and not (isinstance(request.user, User) and request.user.is_superuser)
        return super().has_change_permission(request, obj) and not is_above

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> type[ModelForm[User]]:
        """The form knows who fills it in."""
        form: type[ModelForm[User]] = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"actor": request.user})

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: User, form: UserAdminForm, change: bool) -> None:
        """Make or change the user by the services."""
        actor, data = _actor(request), form.cleaned_data
        if not change:
            user = services.create_user(
                actor=actor, email=data["email"], name=data["name"], role=data["role"], password=data["new_password"] or None
            )
            obj.pk = user.pk
            obj.refresh_from_db()
            return
        stored = User.objects.get(pk=obj.pk)
        services.update_user(
            actor=actor, user=stored, email=data["email"], name=data["name"], role=data["role"], is_active=data["is_active"]
        )
        if data["new_password"]:
            services.set_password(actor=actor, user=stored, password=data["new_password"])

    @admin.display(description=_("Role"))
    def role_name(self, user: User) -> Any:
        """The role in words."""
        return ROLE_WORDS.get(user.role, user.role or "–")

    @admin.action(description=_("Remove the second factor (lost device)"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """For the users selected; those above the actor are left alone."""
        manageable = [user for user in users if self.has_change_permission(request, user)]
        with transaction.atomic():
            for user in manageable:
                services.reset_second_factor(actor=_actor(request), user=user)
        text = ngettext("%(count)d user can log in by password alone.", "%(count)d users can log in by password alone.", len(manageable))
        self.message_user(request, text % {"count": len(manageable)}, messages.SUCCESS)


@admin.register(Group)
class RoleAdmin(NamedPermissionsMixin, ModelAdmin):  # type: ignore[misc]
    """The roles, to look at: they are written from the settings after every migration."""

    named_permissions: ClassVar = {"view": services.MANAGE_USER}
    list_display: ClassVar = ["name"]
    fields: ClassVar = ["name", "permissions"]


@admin.register(ApiKey)
class ApiKeyAdmin(NamedPermissionsMixin, ModelAdmin):  # type: ignore[misc]
    """Keys of all users: to look at, and to revoke."""

    # "change" is what actions ask for; every field is read-only.
    named_permissions: ClassVar = {"view": services.MANAGE_USER, "change": services.MANAGE_USER}
    list_display: ClassVar = ["name", "user", "prefix", "created_at", "expires_at", "last_used_at", "revoked_at"]
    list_filter: ClassVar = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related: ClassVar = ["user"]
    search_fields: ClassVar = ["name", "prefix", "user__email"]
    fields: ClassVar = ["user", "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"]
    readonly_fields = fields
    actions: ClassVar = ["revoke"]

    @admin.action(description=_("Revoke"), permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Close the keys selected, at once and for good."""
        selected = list(keys)
        with transaction.atomic():
            for key in selected:
                services.revoke_api_key(actor=_actor(request), key=key)
        text = ngettext("%(count)d API key is revoked.", "%(count)d API keys are revoked.", len(selected))
        self.message_user(request, text % {"count": len(selected)}, messages.SUCCESS)


@admin.register(AuditEntry)
class AuditEntryAdmin(NamedPermissionsMixin, ModelAdmin):  # type: ignore[misc]
    """Who changed what. Nobody can change it here."""

    named_permissions: ClassVar = {"view": "accounts.view_audit"}
    list_display: ClassVar = ["at", "actor", "action", "object_type", "object_label", "request_id"]
    list_filter: ClassVar = ["object_type", ("at", admin.DateFieldListFilter)]
    list_select_related: ClassVar = ["actor"]
    search_fields: ClassVar = ["action", "object_id", "object_label", "request_id", "actor__email"]
    ordering: ClassVar = ["-at", "-id"]
    show_full_result_count = False  # counts every change there ever was


def _actor(request: HttpRequest) -> User:
    """The administrator at work; the admin site lets nobody else come here."""
    if not isinstance(request.user, User):
        raise TypeError("the admin is for users")
    return request.user
