"""Who may do what: users, API keys, and the audit of every write. Knows nothing about media."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail; what `createsuperuser` needs."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        """Create a user; the e-mail's case is folded. Raises ValueError without one."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=email.strip().casefold(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        """Create an administrator of everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """One person (or service) that may log in, by e-mail. Written by `accounts.services` and the admin."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("As the system")
        DARK = "dark", _("Dark")
        LIGHT = "light", _("Light")

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("may use the admin"), default=False)
    language = models.CharField(_("language"), max_length=8, blank=True)  # "": as the browser says
    theme = models.CharField(_("theme"), max_length=8, choices=Theme, default=Theme.SYSTEM)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)  # "": settings.TIME_ZONE
    date_joined = models.DateTimeField(_("joined"), default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    # The key a program came in with, set by `authentication` for this request; None for a person.
    api_key: ApiKey | None = None

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions: ClassVar = [("manage_user", "May manage users, roles and API keys")]

    def __str__(self) -> str:
        return self.name or self.email

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        """Whether the user may do `perm`; by API key only within the key's scopes, also for a superuser."""
        if self.api_key is not None and perm not in self.api_key.scopes:
            return False
        return super().has_perm(perm, obj)

    @property
    def role(self) -> str:
        """The highest role of `settings.MAM_ROLES` the user has; "" for none."""
        names = {group.name for group in self.groups.all()}
        return next((role for role in reversed(settings.MAM_ROLES) if role in names), "")


class ApiKey(models.Model):
    """A key for a program, acting as `user` but with no more than `scopes`. Only its SHA-256 is stored."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=120)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(_("scopes"), default=list)  # permission names, e.g. "catalog.view_library"
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        permissions: ClassVar = [("own_api_key", "May make API keys for oneself")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_usable(self, now: datetime) -> bool:
        """Whether the key opens anything at `now`: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class AuditEntry(models.Model):
    """One change a person or program made: who, what, before and after. Append-only; written by `services.record_audit`."""

    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("who"))
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+", verbose_name=_("API key"))
    request_id = models.CharField(_("request"), max_length=36, blank=True)
    action = models.CharField(_("action"), max_length=64)  # "catalog.tag.add"
    object_type = models.CharField(_("object type"), max_length=64)  # model label, "catalog.mediafile"
    object_id = models.CharField(_("object"), max_length=36)
    object_label = models.CharField(_("name"), max_length=255, blank=True)
    before = models.JSONField(_("before"), default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(_("after"), default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes: ClassVar = [models.Index(fields=["object_type", "object_id", "-at"])]
        permissions: ClassVar = [("view_audit", "May read the audit")]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.action} {self.object_type}#{self.object_id}"
