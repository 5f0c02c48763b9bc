"""What reconciliations found."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sync.choices import Drift


class DriftReport(models.Model):
    """A comparison of the source with the target itself, row by row. Changes neither. Written by `sync.services.reconcile`."""

    target = models.ForeignKey("sync.Target", models.CASCADE, related_name="reports")
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    counts = models.JSONField(default=dict)  # sign -> paths
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")

    def __str__(self) -> str:
        return f"#{self.pk}"


class DriftLine(models.Model):
    """One path that is not equal on both sides."""

    report = models.ForeignKey(DriftReport, models.CASCADE, related_name="lines", db_index=False)
    sign = models.CharField(max_length=1, choices=Drift)
    path = models.TextField(_("path"))
    file_id = models.BigIntegerField(null=True)
    remote_id = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict)  # field -> [in the source, in the target] of what differs; "error" of what is unreadable

    class Meta:
        verbose_name = _("drift")
        verbose_name_plural = _("drifts")
        indexes: ClassVar = [models.Index(fields=["report", "sign", "id"], name="drift_by_sign")]

    def __str__(self) -> str:
        return f"{self.sign} {self.path}"
