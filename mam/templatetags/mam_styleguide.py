"""Sample data of the style guide: each component in each state, without a row of a database."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

from django import forms, template
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mam.templatetags.mam_ui import STATE_LOOKS

register = template.Library()


class SampleForm(forms.Form):
    """Every kind of field, with a value that is not accepted."""

    name = forms.CharField(label=gettext_lazy("Name"), help_text=gettext_lazy("As people will see it."))
    address = forms.CharField(label=gettext_lazy("Address"), required=False)
    interval = forms.IntegerField(label=gettext_lazy("Interval"), min_value=10, help_text=gettext_lazy("Seconds, at least 10."))
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"),
        choices=[("high", gettext_lazy("High")), ("normal", gettext_lazy("Normal")), ("low", gettext_lazy("Low"))],
    )
    note = forms.CharField(label=gettext_lazy("Note"), widget=forms.Textarea(attrs={"rows": 3}), required=False)
    attachment = forms.FileField(label=gettext_lazy("File"), required=False)
    is_encrypted = forms.BooleanField(label=gettext_lazy("Require encryption"), required=False)
    days = forms.MultipleChoiceField(
        label=gettext_lazy("Days"),
        choices=[("1", gettext_lazy("Monday")), ("2", gettext_lazy("Tuesday"))],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )


@register.simple_tag
def styleguide_samples() -> dict[str, Any]:
    """All of the page's data, by component."""
    now = timezone.now()
    return {
        "form": SampleForm({"name": "WSOP 아카이브", "interval": "5", "priority": "normal", "is_encrypted": "on", "days": ["1"]}),
        "priorities": [("high", _("High")), ("normal", _("Normal")), ("low", _("Low"))],
        "states": [(state, state) for state in STATE_LOOKS],
        "tones": ["accent", "success", "warning", "danger", "info"],
        "tabs": _tabs(),
        "tree": _tree(),
        "facets": _facets(),
        "path": _path(),
        "cards": _cards(),
        "rows": _rows(now),
        "columns": [("size", _("Size")), ("duration", _("Duration")), ("found", _("Found"))],
        "chart": _chart(),
        "log": _log(now),
        "moments": [now - timedelta(seconds=seconds) for seconds in (3, 42, 600, 9000, 260_000, 9_000_000)],
        "rates": [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001)],
        "drop_rate": Fraction(30000, 1001),
        "sizes_bytes": [0, 532, 99_950, 1_234_567, 21_474_836_480, 999_500_000_000],
        "facts": [
            (_("Container"), "MXF"),
            (_("Video"), "H.264 · 1080p · 29.97 fps"),
            (_("Path"), "2026/03/WSOP_2026_Main_Day1A_최종본.mxf"),
        ],
    }


def _tabs() -> list[dict[str, Any]]:
    return [
        {"label": _("Running"), "href": "#tabs", "is_current": True, "count": 2, "icon": "activity"},
        {"label": _("Waiting"), "href": "#tabs", "count": 1204},
        {"label": _("Failed"), "href": "#tabs", "count": 0},
        {"label": _("Done"), "href": "#tabs"},
    ]


def _tree() -> list[dict[str, Any]]:
    days = [{"label": f"Day{number}", "href": "#tree", "count": 12 * number} for number in (1, 2)]
    years = [
        {"label": "2026", "href": "#tree", "count": 36, "is_open": True, "is_current": True, "children": days},
        {"label": "2025", "href": "#tree", "count": 408, "children": days},
    ]
    return [
        {"label": "WSOP", "href": "#tree", "count": 444, "is_open": True, "children": years},
        {"label": "HCL_하이라이트", "href": "#tree", "count": 86},
    ]


def _facets() -> list[dict[str, Any]]:
    return [
        {"label": "1080p", "href": "#facets", "count": "1,204", "is_selected": True},
        {"label": "4K", "href": "#facets", "count": "86"},
        {"label": "720p", "href": "#facets", "count": "10,000+"},
    ]


def _path() -> list[dict[str, str]]:
    return [
        {"label": "NAS 1", "href": "#path"},
        {"label": "WSOP", "href": "#path"},
        {"label": "2026_메인_이벤트", "href": "#path"},
        {"label": "ME_Day1_Part2.mxf"},
    ]


def _cards() -> list[dict[str, Any]]:
    return [
        {"title": "ME_Day1_Part2.mxf", "subtitle": "WSOP / 2026", "duration_ms": 7_384_000, "state": "present", "label": _("Present")},
        {
            "title": "파이널_테이블_하이라이트_최종_수정본_2026_03_14_방송용.mov",
            "subtitle": "HCL_하이라이트 / 2026",
            "duration_ms": 92_400,
            "state": "growing",
            "label": _("Being written"),
        },
        {"title": "PAD_S03E12.mp4", "subtitle": "PAD / 2025", "duration_ms": None, "state": "failed", "label": _("Not readable")},
    ]


def _rows(now: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "title": card["title"],
            "folder": card["subtitle"],
            "size_bytes": 8_400_000_000 // number,
            "duration_ms": card["duration_ms"],
            "state": card["state"],
            "label": card["label"],
            "found_at": now - timedelta(hours=number**3),
        }
        for number, card in enumerate(_cards(), start=1)
    ]


def _chart() -> list[dict[str, Any]]:
    return [
        {"label": "WSOP", "share": 1.0, "text": "4.2 TB"},
        {"label": "HCL_하이라이트", "share": 0.38, "text": "1.6 TB"},
        {"label": "PAD", "share": 0.04, "text": "168 GB"},
    ]


def _log(now: Any) -> list[dict[str, Any]]:
    words = [
        (10, "DEBUG", _("Connected to the server.")),
        (20, "INFO", _("Folder read: 1,204 files.")),
        (30, "WARN", _("A name cannot be shown as text and was mapped.")),
        (40, "ERROR", _("The server does not answer.")),
    ]
    return [
        {"id": number, "at": now + timedelta(seconds=number), "level": level, "level_label": label, "message": message}
        for number, (level, label, message) in enumerate(words, start=1)
    ]
