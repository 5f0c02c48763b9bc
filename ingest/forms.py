"""Forms of the sources page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.choices import default_excludes
from catalog.services.file_systems import Credentials


class GlobsField(forms.CharField):
    """Patterns, one a line."""

    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def validate(self, value: Any) -> None:
        """Nothing is required of a list of patterns."""


class SourceForm(forms.Form):
    """A source as an administrator enters it. An empty password keeps the one that is stored."""

    CREDENTIALS = ("username", "password", "domain")

    name = forms.CharField(label=_("Name"), max_length=120)
    url = forms.CharField(label=_("Address"), max_length=1000, help_text=_("smb://host[:port]/share/path or file:///path"))
    username = forms.CharField(label=_("User name"), required=False, max_length=255)
    password = forms.CharField(label=_("Password"), required=False, strip=False, widget=forms.PasswordInput(render_value=False))
    domain = forms.CharField(label=_("Domain"), required=False, max_length=255)
    require_encryption = forms.BooleanField(
        label=_("Require encryption"), required=False, help_text=_("SMB3 with encryption, or no connection at all.")
    )
    poll_interval_s = forms.IntegerField(label=_("Check for changes every (seconds)"), min_value=10, max_value=86_400, initial=60)
    parallelism = forms.IntegerField(label=_("Parallel connections"), min_value=1, max_value=16, initial=4)
    read_limit_bytes_per_s = forms.IntegerField(label=_("Read limit (bytes per second)"), required=False, min_value=65_536)
    open_file_limit = forms.IntegerField(
        label=_("Open files at most"),
        required=False,
        min_value=2,
        max_value=1000,
        help_text=_("Of all scans, encoders and viewers together. A viewer needs two. Empty: no limit."),
    )
    include_globs = GlobsField(
        label=_("Only these files"), required=False, help_text=_("One pattern a line, such as *.mp4. Empty: all files.")
    )
    exclude_globs = GlobsField(
        label=_("Leave out"), required=False, initial=default_excludes, help_text=_("One pattern a line, such as #recycle or *.tmp.")
    )
    is_enabled = forms.BooleanField(label=_("Scan this source"), required=False, initial=True)

    def credentials(self, stored: Credentials | None = None) -> Credentials:
        """What was entered; the stored password where none was."""
        typed = self.cleaned_data
        password = typed["password"] or (stored.password if stored else "")
        return Credentials(typed["username"], password, typed["domain"])

    def options(self) -> dict[str, Any]:
        """Everything but the credentials."""
        return {name: value for name, value in self.cleaned_data.items() if name not in self.CREDENTIALS}

    def has_new_credentials(self) -> bool:
        """A password was typed, or user name or domain changed."""
        return any(name in self.changed_data for name in self.CREDENTIALS)
