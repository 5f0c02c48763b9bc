"""Targets as people see them: which there are, and what is set, without what is secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.errors import ObjectNotFoundError
from mam.accounts.access import require
from mam.lib import webhooks
from mam.lib.errors import MamError
from sync.models import Target
from sync.selectors.scope import MANAGE, VIEW
from sync.services.settings import unsealed

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from catalog.selectors.scope import Reader


@dataclass(frozen=True, slots=True)
class PublishedSource:
    """A source, whether it is published, and what its paths begin with at the target."""

    source_id: int
    name: str
    prefix: str
    is_included: bool


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """What is set of a target. Of secrets whether there are any; of the webhook's address its host ("": unreadable or none)."""

    name: str
    adapter: str
    options: dict[str, str]
    has_credentials: bool
    is_hls_only: bool
    hls_extensions: list[str]
    is_automatic: bool
    interval_s: int
    guard_percent: int
    guard_rows: int | None
    is_alerting: bool
    alert_emails: list[str]
    has_webhook: bool
    webhook_host: str
    has_webhook_secret: bool
    sources: list[PublishedSource]


def list_targets(*, user: Reader) -> QuerySet[Target]:
    """All targets, the first one first."""
    require(user, VIEW)
    return Target.objects.order_by("pk")


def get_target(*, user: Reader, pk: int | None = None) -> Target:
    """A target; without an id the first one, which is the one that pages and addresses without an id mean. ObjectNotFoundError."""
    targets = list_targets(user=user)
    row = (targets if pk is None else targets.filter(pk=pk)).first()
    if row is None:
        raise ObjectNotFoundError
    return row


def get_settings(*, user: Reader, target: Target) -> TargetSettings:
    """For who may change them. One query."""
    require(user, MANAGE)
    members = target.sources.select_related("source").order_by("source__name", "pk")
    return TargetSettings(
        name=target.name,
        adapter=target.adapter,
        options=target.options,
        has_credentials=bool(target.credentials),
        is_hls_only=target.is_hls_only,
        hls_extensions=target.hls_extensions,
        is_automatic=target.is_automatic,
        interval_s=target.interval_s,
        guard_percent=target.guard_percent,
        guard_rows=target.guard_rows,
        is_alerting=target.is_alerting,
        alert_emails=target.alert_emails,
        has_webhook=bool(target.webhook_url),
        webhook_host=webhook_host(target),
        has_webhook_secret=bool(target.webhook_secret),
        sources=[PublishedSource(one.source_id, one.source.name, one.prefix, one.is_included) for one in members],
    )


def webhook_host(target: Target) -> str:
    """Where the webhook goes, as far as people are told; "" for none, or one sealed with a key that is lost."""
    try:
        return webhooks.host_of(unsealed(target.webhook_url))
    except MamError:
        return ""
