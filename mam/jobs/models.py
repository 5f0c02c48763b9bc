"""Durable jobs. The row is the truth; a queue message is only a hint to look. Knows nothing about media."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mam.jobs import registry
from mam.lib import messages


class JobState(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


ACTIVE = (JobState.QUEUED, JobState.RUNNING)  # jobs that wait or work


class JobPriority(models.IntegerChoices):
    HIGH = 0, _("High")
    NORMAL = 50, _("Normal")
    LOW = 100, _("Low")


class LogLevel(models.IntegerChoices):
    DEBUG = 10, "DEBUG"
    INFO = 20, "INFO"
    WARNING = 30, "WARN"
    ERROR = 40, "ERROR"


class Job(models.Model):
    """One piece of work that ends exactly once. Written only by `mam.jobs.services` and `mam.jobs.runner`.

    `key` (not empty) is what it works on: at most one queued and at most one running job have the same key.
    `owner` is a fresh uuid per claim; a write of the worker counts only while the row still has its uuid (fencing).
    """

    kind = models.CharField(_("kind"), max_length=64)  # a name registered with @job
    subject = models.CharField(_("subject"), max_length=255, blank=True)  # what people see: "WSOP archive"
    subject_url = models.CharField(_("page"), max_length=500, blank=True)
    key = models.CharField(_("key"), max_length=200, blank=True)
    queue = models.CharField(_("queue"), max_length=32)
    priority = models.SmallIntegerField(_("priority"), choices=JobPriority, default=JobPriority.NORMAL)
    params = models.JSONField(_("parameters"), default=dict)
    state = models.CharField(_("state"), max_length=12, choices=JobState, default=JobState.QUEUED)
    not_before = models.DateTimeField(_("not before"), default=timezone.now)
    progress_done = models.BigIntegerField(_("done"), default=0)
    progress_total = models.BigIntegerField(_("of"), null=True)  # None: not known
    progress_unit = models.CharField(_("unit"), max_length=16, blank=True)  # "files", "bytes", "frames"; "" for plain counts
    progress_note = models.CharField(_("at work on"), max_length=255, blank=True)  # what is being worked on now
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    max_attempts = models.PositiveSmallIntegerField(_("attempts at most"), default=3)
    owner = models.UUIDField(_("worker"), null=True)
    lease_until = models.DateTimeField(_("lease until"), null=True)
    is_routine = models.BooleanField(_("routine"), default=False, db_default=False)  # nobody asked for it, and nothing came of it
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    result = models.JSONField(_("result"), null=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    error_params = models.JSONField(_("error details"), default=dict)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    request_id = models.CharField(_("request"), max_length=36, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        permissions: ClassVar = [("control_job", "May cancel and retry jobs")]
        indexes: ClassVar = [
            models.Index(fields=["queue", "priority", "id"], condition=Q(state="queued"), name="job_claim"),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="job_lease"),
            models.Index(fields=["state", "-id"], name="job_by_state"),
            models.Index(fields=["state", "-id"], condition=Q(is_routine=False), name="job_news"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key"], condition=Q(state="queued") & ~Q(key=""), name="job_one_queued_per_key"),
            models.UniqueConstraint(fields=["key"], condition=Q(state="running") & ~Q(key=""), name="job_one_running_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} ({self.state})"

    @property
    def kind_label(self) -> str:
        """What kind of work this is, in the reader's language."""
        return gettext(registry.label_of(self.kind))

    @property
    def label(self) -> str:
        """Kind and subject, as people know it."""
        return f"{self.kind_label} · {self.subject}" if self.subject else self.kind_label

    @property
    def level(self) -> LogLevel:
        """Of lines that only say how far it is: nobody waits for what nobody asked for."""
        return LogLevel.DEBUG if self.requested_by_id is None else LogLevel.INFO

    @property
    def progress_percent(self) -> int | None:
        """0 to 100, rounded down; None while the total is not known."""
        if not self.progress_total:
            return None
        return max(0, min(100, self.progress_done * 100 // self.progress_total))

    @property
    def error_text(self) -> str:
        """Why the last attempt failed, in the reader's language; "" when it did not."""
        return messages.render(self.error_code, self.error_params, gettext) if self.error_code else ""

    @property
    def can_be_cancelled(self) -> bool:
        """Whether it has not ended, and nobody asked for its end."""
        return self.state in ACTIVE and not self.cancel_requested

    @property
    def can_be_retried(self) -> bool:
        """Whether it ended without success."""
        return self.state in {JobState.FAILED, JobState.CANCELLED}


class JobLog(models.Model):
    """One line of a job's log, as code and parameters. Append-only; ids grow in commit order, so a reader's cursor is safe."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="log")
    at = models.DateTimeField(default=timezone.now)
    level = models.SmallIntegerField(choices=LogLevel, default=LogLevel.INFO)
    code = models.CharField(max_length=64)
    params = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("job log line")
        verbose_name_plural = _("job log lines")
        indexes: ClassVar = [models.Index(fields=["job", "id"])]

    def __str__(self) -> str:
        return f"{self.at:%T} {self.code}"

    @property
    def message(self) -> str:
        """The line's text in the reader's language."""
        return messages.render(self.code, self.params, gettext)

    @property
    def level_label(self) -> str:
        """The level's name."""
        return str(self.get_level_display())


class Lease(models.Model):
    """Who leads: one row per name ("clock"), taken by a conditional UPDATE when free or expired."""

    name = models.CharField(max_length=32, primary_key=True)
    owner = models.UUIDField(null=True)
    until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")

    def __str__(self) -> str:
        return self.name
