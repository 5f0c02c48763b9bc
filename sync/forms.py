"""Forms of sync: the settings of a target, one form a box of the page, and the approval of a plan.

What a value may be is said by `sync.services.settings`; a form keeps what was typed and shows what the service says of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from mam.templatetags.mam_format import message_text
from sync.choices import Adapter, HistoryEvent
from sync.selectors.filters import NO_CATALOG, NO_CATALOG_WORD
from sync.services.settings import INTERVAL_S, NAME_MAX, PREFIX_MAX, SECRET_CHARACTERS
from sync.services.syncing import REASON_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mam.lib.errors import MamError
    from sync.models import Target, TargetSource

_MINUTE_S = 60
_ROWS_MAX = 2**31 - 1


class _Moment(forms.DateTimeInput):
    """Date and time as browsers ask for them."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class LinesField(forms.CharField):
    """Several values, each on a line or with commas between."""

    def __init__(self, *, rows: int = 1, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows}) if rows > 1 else forms.TextInput()
        super().__init__(widget=widget, max_length=5_000, **kwargs)
        self.between = "\n" if rows > 1 else ", "

    def to_python(self, value: Any) -> Any:
        return [word.strip() for word in str(value or "").replace("\n", ",").split(",") if word.strip()]

    def prepare_value(self, value: Any) -> Any:
        return self.between.join(value) if isinstance(value, list) else value

    def run_validators(self, value: Any) -> None:
        """Those of text are of no use for a list."""


class TargetForm(forms.Form):
    """Some settings of a target. `error_fields`: code of a refusal -> the field that it is about."""

    error_fields: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def of(cls, target: Target) -> TargetForm:
        """As the settings are."""
        return cls(initial=cls.initial_of(target))

    @classmethod
    def initial_of(cls, target: Target) -> dict[str, Any]:
        """What the fields show of a target."""
        return {name: getattr(target, name) for name in cls.base_fields if hasattr(target, name)}

    def changes(self) -> dict[str, Any]:
        """For `change_target`."""
        return dict(self.cleaned_data)

    def refuse(self, error: MamError) -> None:
        """Say what the service said, at the field that it is about."""
        self.add_error(self.error_fields.get(error.code), message_text(error.code, error.params))


class ScheduleForm(TargetForm):
    """When a sync starts by itself."""

    is_automatic = forms.BooleanField(label=_("Sync by itself"), required=False)
    interval_minutes = forms.IntegerField(
        label=_("Every (minutes)"), min_value=INTERVAL_S[0] // _MINUTE_S, max_value=INTERVAL_S[1] // _MINUTE_S
    )

    @classmethod
    def initial_of(cls, target: Target) -> dict[str, Any]:
        return {"is_automatic": target.is_automatic, "interval_minutes": max(1, round(target.interval_s / _MINUTE_S))}

    def changes(self) -> dict[str, Any]:
        """An interval of odd seconds stays as it is unless another one was entered."""
        changes: dict[str, Any] = {"is_automatic": self.cleaned_data["is_automatic"]}
        if "interval_minutes" in self.changed_data:
            changes["interval_s"] = self.cleaned_data["interval_minutes"] * _MINUTE_S
        return changes


class FilterForm(TargetForm):
    """Which files are synced."""

    error_fields: ClassVar = dict.fromkeys(("hls_extension_invalid", "hls_extension_missing", "sync_setting_range"), "hls_extensions")

    is_hls_only = forms.BooleanField(
        label=_("Only HLS compatible files"),
        required=False,
        help_text=_("Others are shown as not synced. Off: every video file is synced."),
    )
    hls_extensions = LinesField(label=_("HLS compatible file types"), help_text=_("With commas between, such as mp4, mov, ts."))


class GuardForm(TargetForm):
    """From which number of deletions on a plan waits for an administrator."""

    guard_percent = forms.IntegerField(
        label=_("Share of the target (%)"), min_value=0, max_value=100, help_text=_("0: every deletion waits. 100: no share is too large.")
    )
    guard_rows = forms.IntegerField(
        label=_("Number of entries"), required=False, min_value=0, max_value=_ROWS_MAX, help_text=_("Empty: no limit.")
    )


class AlertForm(TargetForm):
    """Who is told of an error and of a plan that waits."""

    error_fields: ClassVar = {
        "alert_address_invalid": "alert_emails",
        "sync_setting_range": "alert_emails",
        "webhook_address_invalid": "webhook_url",
        "webhook_secret_invalid": "webhook_secret",
    }

    is_alerting = forms.BooleanField(label=_("Send alerts"), required=False, help_text=_("On an error, and when a plan waits."))
    alert_emails = LinesField(rows=3, required=False, label=_("E-mail addresses"), help_text=_("One a line."))
    webhook_url = forms.CharField(
        label=_("Webhook address"),
        required=False,
        max_length=2_000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url"}),
    )
    forget_webhook = forms.BooleanField(label=_("Remove the webhook"), required=False)
    webhook_secret = forms.CharField(
        label=_("Secret of the signature"),
        required=False,
        max_length=SECRET_CHARACTERS[1],
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text=_("Empty: the one that there is stays; a first one is made."),
    )

    @classmethod
    def initial_of(cls, target: Target) -> dict[str, Any]:
        return {"is_alerting": target.is_alerting, "alert_emails": target.alert_emails}

    def changes(self) -> dict[str, Any]:
        """What is secret is left alone unless something was typed."""
        typed = self.cleaned_data
        changes = {name: typed[name] for name in ("is_alerting", "alert_emails")}
        changes |= {name: typed[name] for name in ("webhook_url", "webhook_secret") if typed[name]}
        return changes | ({"webhook_url": ""} if typed["forget_webhook"] else {})


class PlaceForm(TargetForm):
    """Where files are published."""

    error_fields: ClassVar = {
        "name_missing": "name",
        "name_taken": "name",
        "name_too_long": "name",
        "sync_adapter_unknown": "adapter",
        "sync_credentials_invalid": "credentials",
    }

    name = forms.CharField(label=_("Name"), max_length=NAME_MAX)
    adapter = forms.ChoiceField(label=_("Kind"), choices=Adapter.choices, widget=forms.RadioSelect)
    project = forms.CharField(label=_("Firestore project"), required=False, max_length=100)
    database = forms.CharField(label=_("Firestore database"), required=False, max_length=63, help_text=_("Empty: (default)."))
    credentials = forms.CharField(
        label=_("Key of a service account"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("The whole JSON file. It is stored encrypted and never shown again. Empty: the one that there is stays."),
    )

    @classmethod
    def initial_of(cls, target: Target) -> dict[str, Any]:
        return {"name": target.name, "adapter": target.adapter, **target.options}

    def changes(self) -> dict[str, Any]:
        """The options of a kind go with it."""
        typed = self.cleaned_data
        changes: dict[str, Any] = {"name": typed["name"], "adapter": typed["adapter"]}
        if typed["adapter"] == Adapter.FIRESTORE:
            changes["options"] = {name: typed[name] for name in ("project", "database") if typed[name]}
        return changes | ({"credentials": typed["credentials"]} if typed["credentials"] else {})

    def refuse(self, error: MamError) -> None:
        """An option is a field of its own."""
        option = str(error.params.get("option", ""))
        field = option if error.code == "sync_option_invalid" and option in self.fields else self.error_fields.get(error.code)
        self.add_error(field, message_text(error.code, error.params))


FORMS: dict[str, type[TargetForm]] = {
    "schedule": ScheduleForm,
    "filter": FilterForm,
    "guard": GuardForm,
    "alerts": AlertForm,
    "place": PlaceForm,
}


class PublishedSourceForm(forms.Form):
    """Whether a source is published, and what its paths begin with."""

    is_included = forms.BooleanField(label=_("Publish"), required=False)
    path_prefix = forms.CharField(
        label=_("Paths begin with"), required=False, max_length=PREFIX_MAX, help_text=_("Such as NAME/. Empty: as they are on the source.")
    )

    def __init__(self, member: TargetSource, data: Any = None) -> None:
        self.member = member
        initial = {"is_included": member.is_included, "path_prefix": member.prefix}
        super().__init__(data, prefix=f"source-{member.source_id}", initial=initial)

    def refuse(self, error: MamError) -> None:
        """Say what the service said."""
        self.add_error("path_prefix", message_text(error.code, error.params))


class HistoryForm(forms.Form):
    """What the history is narrowed by. What makes no sense is said at its field, and narrows nothing."""

    q = forms.CharField(label=_("Name or folder"), required=False, max_length=300, widget=forms.TextInput(attrs={"type": "search"}))
    event = forms.ChoiceField(label=_("Event"), required=False, choices=[("", _("All events")), *HistoryEvent.choices])
    catalog = forms.ChoiceField(label=_("Catalog"), required=False)
    since = forms.DateTimeField(label=_("From"), required=False, widget=_Moment())
    until = forms.DateTimeField(label=_("To"), required=False, widget=_Moment())
    at = forms.DateTimeField(label=_("As of"), required=False, widget=_Moment())

    def __init__(self, data: Any, *, catalogs: list[tuple[str, str]]) -> None:
        super().__init__(data)
        field = self.fields["catalog"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", _("All catalogs")), *catalogs]

    @property
    def wanted(self) -> dict[str, Any]:
        """For `list_history`. After `is_valid`."""
        said = self.cleaned_data
        catalog = said.get("catalog") or ""
        return {
            "event": said.get("event") or "",
            "catalog": None if not catalog else NO_CATALOG if catalog == NO_CATALOG_WORD else int(catalog),
            "since": said.get("since"),
            "until": said.get("until"),
            "q": said.get("q") or "",
        }

    @property
    def moment(self) -> datetime | None:
        """The time of which the table is wanted."""
        return self.cleaned_data.get("at")


class ApprovalForm(forms.Form):
    """Why a held plan shall be carried out."""

    reason = forms.CharField(label=_("Reason"), max_length=REASON_MAX, widget=forms.Textarea(attrs={"rows": 3}))
