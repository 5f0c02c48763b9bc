"""Where files are published, with the rules of it, and which sources go there."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sync.choices import Adapter, TargetState, default_hls_extensions


class Target(models.Model):
    """A place that the OTT platform reads. Written by `sync.services.settings`, its state by those that use it.

    `credentials`, `webhook_url` and `webhook_secret` are Fernet tokens; nothing ever shows or logs them.
    """

    name = models.CharField(_("name"), max_length=120, unique=True)
    adapter = models.CharField(_("kind"), max_length=12, choices=Adapter, default=Adapter.DATABASE)
    options = models.JSONField(default=dict, blank=True)  # of the adapter: {"project", "database"} of Firestore
    credentials = models.TextField(blank=True, editable=False)
    # Rules
    is_hls_only = models.BooleanField(_("HLS compatible files only"), default=True)
    hls_extensions = models.JSONField(_("HLS compatible file types"), default=default_hls_extensions)
    # Schedule
    is_automatic = models.BooleanField(_("sync by itself"), default=True)
    interval_s = models.PositiveIntegerField(_("every (s)"), default=1800)
    # Guard: a plan that would mark more than this as deleted waits for an administrator.
    guard_percent = models.PositiveSmallIntegerField(_("share of deletions (%)"), default=10)
    guard_rows = models.PositiveIntegerField(_("number of deletions"), null=True, blank=True)  # None: no limit
    # Alerts
    is_alerting = models.BooleanField(_("alerts"), default=False)
    alert_emails = models.JSONField(_("e-mail addresses"), default=list, blank=True)
    webhook_url = models.TextField(blank=True, editable=False)
    webhook_secret = models.TextField(blank=True, editable=False)
    error_alert_at = models.DateTimeField(null=True)  # when people were told last of an error
    hold_alert_at = models.DateTimeField(null=True)  # and of a plan that waits
    match_version = models.BigIntegerField(default=0)  # counts the writes of `sync.matching`: whoever reads it first notices the others
    # State
    state = models.CharField(_("state"), max_length=8, choices=TargetState, default=TargetState.UNKNOWN)
    state_code = models.CharField(max_length=64, blank=True)  # message code of why it is not online
    state_params = models.JSONField(default=dict)
    state_at = models.DateTimeField(null=True)
    size_bytes = models.BigIntegerField(null=True)  # of the target itself, when it was read last
    fingerprint = models.CharField(max_length=128, blank=True)  # of the rows that were read last
    # Of `lost_of` rows that it had, so many were gone at once, and no administrator has approved of a plan since.
    lost_rows = models.PositiveIntegerField(default=0, db_default=0)
    lost_of = models.PositiveIntegerField(default=0, db_default=0)
    keeps_works = models.BooleanField(default=True)  # it says of files what content they belong to (`OttTarget.keeps_works`)
    read_at = models.DateTimeField(null=True)  # when the mirror was last compared with it
    last_sync_at = models.DateTimeField(_("last sync"), null=True)  # the last one that ended, in whatever way
    last_result = models.JSONField(default=dict)  # {"added", "updated", "deleted", "restored", "errors", "state"}
    next_sync_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        ordering: ClassVar = ["id"]
        permissions: ClassVar = [
            ("view_match", "May see how archive and OTT platform stand"),
            ("run_sync", "May sync and reconcile"),
            ("manage_target", "May approve plans and change the settings of sync"),
        ]

    def __str__(self) -> str:
        return self.name

    def is_over_share(self, count: int, total: int) -> bool:
        """Whether so many of so many rows are more than may go without an administrator."""
        return count * 100 > total * self.guard_percent

    def is_over_rows(self, count: int) -> bool:
        """Likewise, by their number alone."""
        return self.guard_rows is not None and count > self.guard_rows


class TargetSource(models.Model):
    """A source whose files are published at a target, and what their paths begin with there ("" or "NAME/")."""

    target = models.ForeignKey(Target, models.CASCADE, related_name="sources")
    source = models.ForeignKey("catalog.Source", models.CASCADE, related_name="+")
    prefix = models.CharField(_("path begins with"), max_length=500, blank=True)
    is_included = models.BooleanField(_("published"), default=True)

    class Meta:
        verbose_name = _("published source")
        verbose_name_plural = _("published sources")
        constraints: ClassVar = [models.UniqueConstraint(fields=["target", "source"], name="target_source_once")]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


class TargetWork(models.Model):
    """What a target was last told of a catalog, series, content or player. Written by `sync.services.works`."""

    target = models.ForeignKey(Target, models.CASCADE, related_name="works", db_index=False)
    kind = models.CharField(max_length=8)  # of `sync.targets.base.Work`
    work_id = models.CharField(max_length=64)
    digest = models.CharField(max_length=32)

    class Meta:
        verbose_name = _("published work")
        verbose_name_plural = _("published works")
        constraints: ClassVar = [models.UniqueConstraint(fields=["target", "kind", "work_id"], name="target_work_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.work_id}"
