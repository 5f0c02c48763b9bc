"""What happened on either side, for ever: rows are added and never changed, and each carries the hash of the one before."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sync.choices import HistoryEvent, HistorySide


class HistoryRow(models.Model):
    """One change. Written by `sync.services.history` alone, in the transaction of the change; ids are given there, without gaps.

    Nothing here refers to a row that may go: names are kept as they were. `subject`: what it happened to, "file:7" or "row:7".
    """

    target_id = models.BigIntegerField()
    at = models.DateTimeField(_("time"), default=timezone.now)
    event = models.CharField(_("event"), max_length=16, choices=HistoryEvent)
    side = models.CharField(_("side"), max_length=8, choices=HistorySide)
    subject = models.CharField(max_length=32)
    path = models.TextField(_("path"), blank=True)  # as it is after the change, or was before it
    catalog_id = models.BigIntegerField(default=0)
    catalog_name = models.CharField(_("catalog"), max_length=120, blank=True)
    actor = models.CharField(_("by"), max_length=255, blank=True)  # e-mail address; "": the system
    job_id = models.BigIntegerField(null=True)
    request_id = models.CharField(max_length=36, blank=True)
    plan_id = models.BigIntegerField(null=True)
    reason = models.CharField(_("reason"), max_length=1000, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)  # SHA-256 of the row before's digest and of this row

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        indexes: ClassVar = [
            # Pages are read along these, the newest row first (sync.selectors.history). No other index has that order: PostgreSQL would
            # rather walk the primary key, past all rows that are not asked for.
            models.Index("target_id", "side", "event", -F("id"), name="history_kind"),
            models.Index("target_id", "catalog_id", "side", "event", -F("id"), name="history_catalog"),
            models.Index(fields=["target_id", "subject", "id"], name="history_subject"),
            models.Index(fields=["at", "id"], name="history_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.event} {self.path}"


class HistoryHead(models.Model):
    """The end of the chain: one row, locked by whoever adds to it, so that cutting the end off shows too."""

    last_id = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("end of the history")
        verbose_name_plural = _("ends of the history")

    def __str__(self) -> str:
        return f"{self.last_id}"
