"""What people enter about themselves and, in the admin, about others."""

from __future__ import annotations

import zoneinfo
from datetime import timedelta
from typing import Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mam.accounts.errors import OwnAccountError
from mam.accounts.models import User
from mam.accounts.selectors import list_permissions

# Days until a key expires -> words; 0: never.
KEY_LIFETIMES = [(30, _("30 days")), (90, _("90 days")), (365, _("1 year")), (0, _("No end"))]

# What the permissions of `settings.MAM_ROLES` let one do, in the words of the interface.
PERMISSION_WORDS = {
    "catalog.view_library": _("Browse the library"),
    "streaming.play_file": _("Play files"),
    "sync.view_match": _("See how archive and OTT platform stand"),
    "catalog.curate": _("Edit the catalog"),
    "ingest.scan_source": _("Start scans"),
    "ingest.probe_file": _("Have files analysed again"),
    "jobs.view_job": _("See jobs"),
    "jobs.control_job": _("Cancel and retry jobs"),
    "accounts.own_api_key": _("Make own API keys"),
    "streaming.make_rendition": _("Have renditions made and purged"),
    "sync.run_sync": _("Sync and reconcile"),
    "catalog.manage_source": _("Manage sources"),
    "catalog.manage_rule": _("Change path rules"),
    "ingest.decide_hold": _("Decide over vanished files"),
    "accounts.manage_user": _("Manage users, roles and API keys"),
    "accounts.view_audit": _("Read the audit"),
    "sync.manage_target": _("Approve plans and change the settings of sync"),
}
ROLE_WORDS = {"viewer": _("Viewer"), "operator": _("Operator"), "administrator": _("Administrator")}


def scope_choices(names: list[str]) -> list[tuple[str, Any]]:
    """(permission, its words) for a choice; a permission without words is shown by name."""
    return [(name, PERMISSION_WORDS.get(name, name)) for name in names]


def role_choices() -> list[tuple[str, Any]]:
    """(role, its word), and none at all."""
    return [("", _("None: may log in, sees nothing")), *((role, ROLE_WORDS.get(role, role)) for role in settings.MAM_ROLES)]


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    """allauth's, with our words; the cursor stands in the first field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail address")
        self.fields["remember"].label = _("Stay signed in on this device")
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        self.fields["login"].widget.attrs["autofocus"] = True


class PreferencesForm(forms.Form):
    """Name, language, theme and time zone of the user themselves."""

    name = forms.CharField(label=_("Name"), max_length=120, required=False, widget=forms.TextInput({"autocomplete": "name"}))
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=[("", _("As the browser says")), *settings.LANGUAGES],
    )
    theme = forms.ChoiceField(label=_("Theme"), choices=User.Theme.choices)
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = format_lazy(_("As this system ({zone})"), zone=settings.TIME_ZONE)
        zones = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker)
        field.choices = [("", own), ("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in zones)]


class ApiKeyForm(forms.Form):
    """A new API key for the user themselves."""

    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("What will use the key, e.g. “NAS script”."))
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Never more than you may yourself."),
    )
    lifetime_days = forms.TypedChoiceField(label=_("Valid for"), choices=KEY_LIFETIMES, coerce=int, initial=365)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  (for the type checker)
        field.choices = scope_choices(list_permissions(user))

    def expires_at(self) -> Any:
        """When the key ends; None for never."""
        days = self.cleaned_data["lifetime_days"]
        return timezone.now() + timedelta(days=days) if days else None


class UserAdminForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A user in the admin: role instead of groups, and a password that is only ever set, never shown."""

    role = forms.ChoiceField(label=_("Role"), required=False)
    new_password = forms.CharField(
        label=_("New password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Empty: the password stays. A new one ends all sessions and tokens of the user."),
    )

    actor: User | None = None  # who fills it in; set by the admin

    class Meta:
        model = User
        fields = ("email", "name", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("role")
        if isinstance(field, forms.ChoiceField):
            field.choices = role_choices()
            field.initial = self.instance.role if self.instance.pk else "viewer"

    def clean_email(self) -> str:
        """The e-mail address in the form it is stored and compared in."""
        email: str = self.cleaned_data["email"].strip().casefold()
        if User.objects.filter(email=email).exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("Somebody with this e-mail address exists already."))
        return email

    def clean_new_password(self) -> str:
        """Strong enough, where one is given."""
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def clean(self) -> dict[str, Any] | None:
        """Nobody takes away their own access (the service refuses it too)."""
        cleaned = super().clean()
        is_own = self.actor is not None and self.actor.pk == self.instance.pk
        if is_own and (not self.cleaned_data.get("is_active") or self.cleaned_data.get("role") != self.instance.role):
            raise ValidationError(gettext(OwnAccountError.template))
        return cleaned
