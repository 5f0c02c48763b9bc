"""A change of the history in words: each field by its name, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Content
from mam.lib.messages import fill
from mam.templatetags.mam_format import format_absolute_time, format_bytes, format_codec, format_duration, format_number
from sync.choices import Action, Adapter, HoldReason, MatchStatus
from sync.selectors.rows import reason_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.utils.functional import Promise

    from sync.models import HistoryRow

_FIELDS: dict[str, Promise] = {
    "path": _("Path"),
    "status": _("Status"),
    "reason": _("Reason"),
    "size_bytes": _("Size"),
    "extension": _("File type"),
    "is_hls": _("HLS compatible"),
    "codec": _("Codec"),
    "width_px": _("Width"),
    "height_px": _("Height"),
    "duration_ms": _("Duration"),
    "content_id": _("Content"),
    "is_deleted": _("Marked as deleted"),
    "deleted_at": _("Deleted"),
    "remote_id": _("ID in the target"),
    # settings
    "name": _("Name"),
    "adapter": _("Kind"),
    "options": _("Options"),
    "credentials": _("Key of a service account"),
    "is_hls_only": _("Only HLS compatible files"),
    "hls_extensions": _("HLS compatible file types"),
    "is_automatic": _("Sync by itself"),
    "interval_s": _("Interval"),
    "guard_percent": _("Share of deletions"),
    "guard_rows": _("Number of deletions"),
    "is_alerting": _("Alerts"),
    "alert_emails": _("E-mail addresses"),
    "webhook_url": _("Webhook address"),
    "webhook_secret": _("Secret of the signature"),
    "source": _("Source"),
    "is_included": _("Published"),
    "prefix": _("Paths begin with"),
    # plans
    "counts": _("What it does"),
    "holds": _("Why it waited"),
}
_EXACT = {"size_bytes": "B", "duration_ms": "ms"}
_SECRETS = {"changed": _("changed"), "removed": _("removed")}


@dataclass(frozen=True, slots=True)
class Line:
    """A field of a change; "" where nothing is said of it."""

    name: str
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        """It is not the same on both sides."""
        return self.before != self.after


def explain(row: HistoryRow) -> list[Line]:
    """All that the row says, what has changed first."""
    names = dict.fromkeys([*row.before, *row.after])
    known = [name for name in _FIELDS if name in names] + [name for name in names if name not in _FIELDS]
    lines = [_line(name, row.before, row.after) for name in known]
    return sorted((line for line in lines if line.before or line.after), key=lambda line: not line.is_changed)


def field_line(name: str, pair: Sequence[Any]) -> Line:
    """A field that differs, by its values on both sides."""
    before, after = pair
    return _line(name, {name: before}, {name: after})


def _line(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Line:
    """What is rounded to the same words is written exactly."""
    old, new = _words(name, before), _words(name, after)
    if old and old == new and before[name] != after[name] and name in _EXACT:
        old, new = (f"{format_number(said[name])} {_EXACT[name]}" for said in (before, after))
    return Line(str(_FIELDS.get(name, name)), old, new)


def _words(name: str, said: Mapping[str, Any]) -> str:
    value = said.get(name)
    if value is None or value in ("", [], {}):
        return ""
    if name == "reason":
        return reason_text(str(value), str(said.get("extension") or str(said.get("path", "")).rpartition(".")[2].lower()))
    try:
        return _WRITERS[name](value) if name in _WRITERS else _plain(value)
    except (AttributeError, KeyError, TypeError, ValueError):  # an old row may say what is not said so any more
        return str(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    return str(value)


def _pixels(value: int) -> str:
    return gettext("%(number)s px") % {"number": format_number(value)}


def _minutes(value: int) -> str:
    return gettext("%(number)s min") % {"number": format_number(round(value / 60))}


def _counts(value: Mapping[str, int]) -> str:
    return ", ".join(f"{Action(name).label} {format_number(count)}" for name, count in value.items() if count)


def _holds(value: list[Mapping[str, Any]]) -> str:
    return " ".join(fill(str(HoldReason(hold["code"]).label), hold["params"]) for hold in value)


def _content(value: str) -> str:
    """Its title, where the id is one of ours."""
    title = Content.objects.filter(pk=int(value)).values_list("title", flat=True).first() if value.isdecimal() else None
    return f"{title} ({value})" if title else value


def _moment(value: str) -> str:
    return str(format_absolute_time(parse_datetime(value)))


_WRITERS: dict[str, Callable[[Any], str]] = {
    "status": lambda value: str(MatchStatus(value).label),
    "adapter": lambda value: str(Adapter(value).label),
    "size_bytes": format_bytes,
    "codec": format_codec,
    "width_px": _pixels,
    "height_px": _pixels,
    "duration_ms": format_duration,
    "content_id": _content,
    "deleted_at": _moment,
    "interval_s": _minutes,
    "guard_percent": "{}%".format,
    "credentials": lambda value: str(_SECRETS[value]),
    "webhook_url": lambda value: str(_SECRETS[value]),
    "webhook_secret": lambda value: str(_SECRETS[value]),
    "counts": _counts,
    "holds": _holds,
}
