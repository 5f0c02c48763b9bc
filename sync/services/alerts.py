"""Alerts: people are told of an error and of a plan that waits, by e-mail and by a webhook, each sent by a job of its own, so that nobody
waits for a slow server. Off unless an administrator switches them on.

A webhook is a POST of JSON: {"id", "event", "text", "site", "target": {"id", "name"}, "at", "plan_id", "url", "reasons": [{"code",
"params", "message"}]}. `text` is what Slack and its like show; `url` the page to look at, "" without settings.PUBLIC_URL. Headers:
`X-MAM-Event` (sync.error, sync.held, sync.test), `X-MAM-Delivery` (the id; what comes twice has the same) and `X-MAM-Signature`
("t=<unix seconds>,v1=<hex HMAC-SHA256 of '<t>.' + body>", by the target's secret).
"""

from __future__ import annotations

import html
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext, override

from catalog.services.common import check_access
from ingest.services.events import sign
from mam.jobs.services import enqueue
from mam.lib import messages, webhooks
from mam.lib.errors import MamError, gettext_noop
from sync.choices import AlertChannel, AlertKind, HoldReason
from sync.errors import MailFailedError, MailMissingError
from sync.models import Target
from sync.selectors.scope import MANAGE
from sync.services.settings import unsealed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mam.accounts.models import User
    from mam.jobs.context import JobContext
    from mam.jobs.models import Job
    from sync.models import Plan

ALERT_JOB = "sync.alert"
PAUSE = timedelta(minutes=30)  # between two alerts of a kind about a target
_TOLD_AT = {AlertKind.ERROR: "error_alert_at", AlertKind.HELD: "hold_alert_at"}
_NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"
_PARKED = "sync_rows_parked"

messages.register({_PARKED: gettext_noop("%(errors)s parts could not be written and were put aside. Everything else was.")})
_TITLES = {
    AlertKind.ERROR: gettext_noop("An error in the sync with %(target)s"),
    AlertKind.HELD: gettext_noop("The sync with %(target)s waits for your approval"),
    AlertKind.TEST: gettext_noop("A test of the alerts of %(target)s"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are to be told. `reasons`: codes of messages or of HoldReason, with their parameters."""

    kind: AlertKind
    id: str
    at: datetime
    reasons: Sequence[tuple[str, Mapping[str, Any]]] = ()
    plan_id: int | None = None

    def as_params(self) -> dict[str, Any]:
        """For a job."""
        reasons = [[code, dict(params)] for code, params in self.reasons]
        return {"kind": self.kind.value, "id": self.id, "at": self.at.isoformat(), "reasons": reasons, "plan_id": self.plan_id}

    @classmethod
    def of_params(cls, params: Mapping[str, Any]) -> Notice:
        """The inverse."""
        reasons = [(code, filled) for code, filled in params["reasons"]]
        return cls(AlertKind(params["kind"]), params["id"], datetime.fromisoformat(params["at"]), reasons, params["plan_id"])


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """What came of a test of one channel: taken, or the error (`code`, `params`) for `mam.lib.messages.render`. `to`: addresses, host."""

    channel: AlertChannel
    to: str
    is_ok: bool
    code: str = ""
    params: dict[str, str | int | float] = field(default_factory=dict)


# --- asking -----------------------------------------------------------------------------------------------------------
def announce_error(*, target: Target, error: MamError) -> list[Job]:
    """Tell people of an error; the jobs that do. None when alerts are off, or people were told of one within PAUSE."""
    return _announce(target, AlertKind.ERROR, [(error.code, error.params)])


def announce_result(*, target: Target, result: Mapping[str, Any]) -> list[Job]:
    """Tell people of a sync that has left something undone. As `announce_error`."""
    return _announce(target, AlertKind.ERROR, [(_PARKED, {"errors": result["errors"]})], result.get("plan"))


def announce_hold(*, target: Target, plan: Plan) -> list[Job]:
    """Tell people of a plan that waits for an administrator. As `announce_error`."""
    return _announce(target, AlertKind.HELD, [(hold["code"], hold["params"]) for hold in plan.holds], plan.pk)


def send_test(*, target: Target, user: User | None) -> list[ChannelReport]:
    """Send a test over every channel that is set, alerts on or off, and say what came of it. Waits for the servers, some seconds each."""
    check_access(user, MANAGE)
    row = Target.objects.get(pk=target.pk)
    notice = Notice(AlertKind.TEST, _new_id(), timezone.now())
    return [_try(row, channel, notice) for channel in _channels(row)]


def can_mail() -> bool:
    """Whether this system knows a mail server."""
    return bool(settings.EMAIL_BACKEND != _NO_MAIL)


@transaction.atomic
def _announce(target: Target, kind: AlertKind, reasons: Sequence[tuple[str, Mapping[str, Any]]], plan_id: int | None = None) -> list[Job]:
    """Of several that want to tell of the same at once, one does."""
    told_at, now = _TOLD_AT[kind], timezone.now()
    is_due = Q(**{f"{told_at}__isnull": True}) | Q(**{f"{told_at}__lte": now - PAUSE})
    if not Target.objects.filter(is_due, pk=target.pk, is_alerting=True).update(**{told_at: now}):
        return []
    row = Target.objects.get(pk=target.pk)
    params = Notice(kind, _new_id(), now, reasons, plan_id).as_params()
    return [
        enqueue(kind=ALERT_JOB, params={"target_id": row.pk, "channel": channel.value, **params}, subject=row.name)
        for channel in _channels(row)
    ]


def _new_id() -> str:
    return str(uuid.uuid4())


def _channels(target: Target) -> list[AlertChannel]:
    wanted = {AlertChannel.EMAIL: target.alert_emails, AlertChannel.WEBHOOK: target.webhook_url}
    return [channel for channel, address in wanted.items() if address]


# --- sending ----------------------------------------------------------------------------------------------------------
def run(ctx: JobContext) -> dict[str, Any]:
    """The job: send one notice over one channel, unless that was switched off meanwhile. Killed in between, it is sent once more."""
    channel = AlertChannel(ctx.params["channel"])
    target = Target.objects.filter(pk=ctx.params["target_id"], is_alerting=True).first()
    if target is None or channel not in _channels(target):
        return {"sent": False}
    _send(target, channel, Notice.of_params(ctx.params))
    return {"sent": True}


def _try(target: Target, channel: AlertChannel, notice: Notice) -> ChannelReport:
    to = ", ".join(target.alert_emails) if channel == AlertChannel.EMAIL else ""
    try:
        to = to or webhooks.host_of(unsealed(target.webhook_url))
        _send(target, channel, notice)
    except MamError as error:
        return ChannelReport(channel, to, is_ok=False, code=error.code, params=error.params)
    return ChannelReport(channel, to, is_ok=True)


def _send(target: Target, channel: AlertChannel, notice: Notice) -> None:
    """Raises AlertError, WebhookError, CredentialsUnreadableError."""
    with override(settings.LANGUAGE_CODE):  # whoever reads it is not the one who is being served
        if channel == AlertChannel.EMAIL:
            _mail(target, notice)
        else:
            _post(target, notice)


def _mail(target: Target, notice: Notice) -> None:
    if not can_mail():
        raise MailMissingError
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    message = EmailMessage(
        subject=f"[{settings.SITE_NAME}] {_title(target, notice)}",
        body="\n\n".join(_paragraphs(target, notice)) + "\n",
        to=target.alert_emails,
        headers={"Message-ID": f"<{notice.id}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except OSError as error:  # those of smtplib are
        raise MailFailedError(detail=" ".join(str(error).split())[:200] or type(error).__name__) from error


def _post(target: Target, notice: Notice) -> None:
    event = f"sync.{notice.kind.value}"
    document = {
        "id": notice.id,
        "event": event,
        # Slack reads names between angle brackets as orders, "<!channel>" for one; file names come from anybody.
        "text": html.escape("\n".join(_paragraphs(target, notice)), quote=False),
        "site": settings.SITE_NAME,
        "target": {"id": target.pk, "name": target.name},
        "at": notice.at.isoformat(),
        "plan_id": notice.plan_id,
        "url": _link(notice),
        "reasons": [{"code": code, "params": params, "message": _reason(code, params)} for code, params in notice.reasons],
    }
    body = json.dumps(document, ensure_ascii=False).encode()
    signature = sign(secret=unsealed(target.webhook_secret), timestamp=int(timezone.now().timestamp()), body=body)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "MAM",
        "X-MAM-Event": event,
        "X-MAM-Delivery": notice.id,
        "X-MAM-Signature": signature,
    }
    webhooks.post(unsealed(target.webhook_url), body=body, headers=headers)


# --- words ------------------------------------------------------------------------------------------------------------
def _title(target: Target, notice: Notice) -> str:
    return messages.fill(gettext(_TITLES[notice.kind]), {"target": target.name})


def _paragraphs(target: Target, notice: Notice) -> list[str]:
    at = timezone.localtime(notice.at, timezone.get_default_timezone())
    plan = gettext("Plan %(plan)s: look at what it would change, and approve or discard it.") % {"plan": notice.plan_id}
    return [
        _title(target, notice),
        *(_reason(code, params) for code, params in notice.reasons),
        *([plan] if notice.kind == AlertKind.HELD else []),
        *([link] if (link := _link(notice)) else []),
        f"{formats.date_format(at, 'DATETIME_FORMAT')} ({at.tzname()})",
    ]


def _link(notice: Notice) -> str:
    """The plan, else where lines of the log tell what happened; "" where nobody knows how people reach this system."""
    if not settings.PUBLIC_URL:
        return ""
    page = reverse("sync:plan_detail", args=[notice.plan_id]) if notice.plan_id else reverse("sync:log")
    return f"{settings.PUBLIC_URL}{page}"


def _reason(code: str, params: Mapping[str, Any]) -> str:
    if code in HoldReason.values:
        return messages.fill(str(HoldReason(code).label), params)
    return messages.render(code, params, gettext)
