"""What a sync would do, and has done."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sync.choices import PartState, PlanState


class Plan(models.Model):
    """All that would change at a target. Never changed once it is made, but for how far it is. Written by `sync.services.plans`.

    `counts`: action -> rows. `digest`: of both sides as they were, and of what is to be done. `holds`: [{code, params}] why it waits.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4)  # by which the target knows what was applied
    target = models.ForeignKey("sync.Target", models.CASCADE, related_name="plans", db_index=False)
    undo_of = models.OneToOneField("self", models.CASCADE, null=True, related_name="undone_by")
    state = models.CharField(_("state"), max_length=12, choices=PlanState, default=PlanState.READY)
    counts = models.JSONField(default=dict)
    total_rows = models.PositiveIntegerField(_("entries"), default=0)
    total_bytes = models.BigIntegerField(_("bytes"), default=0)  # of files that are added or restored
    total_parts = models.PositiveIntegerField(default=0)
    done_parts = models.PositiveIntegerField(default=0)
    parked_parts = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    target_fingerprint = models.CharField(max_length=128, blank=True)
    holds = models.JSONField(default=list)
    error_code = models.CharField(max_length=64, blank=True)
    error_params = models.JSONField(default=dict)
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="+")  # the last one that works on it
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("approved by"))
    approved_at = models.DateTimeField(_("approved"), null=True)
    approval_reason = models.CharField(_("reason"), max_length=1000, blank=True)
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # Of the job that applies it, not stored
    is_resumed = False  # some of it was done by a job before
    failures_in_a_row = 0  # batches
    last_error: Exception | None = None

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        indexes: ClassVar = [models.Index(fields=["target", "state", "id"], name="plan_by_state")]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_forgotten(self) -> bool:
        """What it did is no longer kept entry by entry (settings.MAM_PLAN_KEEP_DAYS). One query."""
        return self.total_parts > 0 and not self.parts.exists()


class PlanPart(models.Model):
    """Some of a plan's actions, written in one transaction of the target.

    `actions`: lists of the values of `sync.services.documents.Planned`, which also says what is in `before` and `after`.
    `remote_ids`: what the target answered, once it is done.
    """

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()  # from 0, in the order they are applied
    actions = models.JSONField()
    remote_ids = models.JSONField(null=True)
    state = models.CharField(_("state"), max_length=8, choices=PartState, default=PartState.WAITING)
    error_code = models.CharField(max_length=64, blank=True)
    error_params = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("plan part")
        verbose_name_plural = _("plan parts")
        constraints: ClassVar = [models.UniqueConstraint(fields=["plan", "number"], name="plan_part_number")]

    def __str__(self) -> str:
        return f"{self.plan_id}:{self.number}"
