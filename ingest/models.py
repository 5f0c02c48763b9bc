"""How files were found and understood: scans, their checkpoints, holds, and what each probe gave and cost."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ScanMode(models.TextChoices):
    FULL = "full", _("Full")  # every directory is listed
    GATED = "gated", _("Changes")  # unchanged directories are skipped, a rolling part is verified
    FOLDERS = "folders", _("Folders")  # only the named folders, not below


class ScanState(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")  # the root looked wrong; no row was changed
    FAILED = "failed", _("Failed")


class Scan(models.Model):
    """One walk over a source, written by `ingest.services`. Its checkpoint is `Folder.listed_at`: listed since `started_at` is done."""

    source = models.ForeignKey("catalog.Source", models.CASCADE, related_name="scans")
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="+")
    mode = models.CharField(max_length=8, choices=ScanMode)
    state = models.CharField(max_length=8, choices=ScanState, default=ScanState.RUNNING)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    directories = models.IntegerField(default=0)
    skipped_directories = models.IntegerField(default=0)
    unreadable_directories = models.IntegerField(default=0)
    files = models.BigIntegerField(default=0)
    added = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    moved = models.IntegerField(default=0)
    absent = models.IntegerField(default=0)  # newly lacking in this listing
    missing = models.IntegerField(default=0)  # confirmed by this listing
    restored = models.IntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    error_params = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("scans")
        permissions: ClassVar = [("scan_source", "May start scans")]
        indexes: ClassVar = [models.Index(fields=["source", "-id"])]

    def __str__(self) -> str:
        return f"{self.source_id} {self.mode} {self.started_at:%F %T}"


class ScanPlan(models.Model):
    """What is asked of a source's next scan job, however many asked. One row a source; taken when the job starts."""

    source = models.OneToOneField("catalog.Source", models.CASCADE, primary_key=True, related_name="scan_plan")
    wanted_mode = models.CharField(max_length=8, choices=ScanMode, blank=True)  # "": nothing beyond due hints
    last_attempt_at = models.DateTimeField(null=True)  # when the last job ended, or began if nobody noted its end

    class Meta:
        verbose_name = _("scan plan")
        verbose_name_plural = _("scan plans")

    def __str__(self) -> str:
        return f"{self.source_id} {self.wanted_mode}"


class FolderHint(models.Model):
    """A reason to look at one folder soon: a webhook, a change notification, a growing or just vanished file. Never the truth.

    One row a folder, however often it is named. Naming it again renews `due_at`; a scan forgets only rows that were not renewed
    since it read them, so what is said while it looks leads to one more look.
    """

    source = models.ForeignKey("catalog.Source", models.CASCADE, related_name="hints")
    path = models.TextField(blank=True)  # relative to the root; the nearest known folder above it is listed
    path_digest = models.CharField(max_length=64)  # SHA-256 of `path`, hexadecimal: paths are too long to index
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("folder hint")
        verbose_name_plural = _("folder hints")
        indexes: ClassVar = [models.Index(fields=["source", "due_at"])]
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "path_digest"], name="hint_one_per_folder")]

    def __str__(self) -> str:
        return f"{self.source_id}:{self.path}"


class MissingHold(models.Model):
    """So many files vanished at once that an administrator decides: they are gone, or the source is wrong."""

    class Decision(models.TextChoices):
        OPEN = "open", _("Waiting")
        GONE = "gone", _("The files are gone")
        CAME_BACK = "came_back", _("The files came back")

    source = models.ForeignKey("catalog.Source", models.CASCADE, related_name="holds")
    scan = models.ForeignKey(Scan, models.SET_NULL, null=True, related_name="+")
    folder = models.ForeignKey("catalog.Folder", models.CASCADE, null=True, related_name="+")  # the vanished folder, if one
    files = models.BigIntegerField()
    total_bytes = models.BigIntegerField()
    share_percent = models.PositiveSmallIntegerField()  # of the source's files
    created_at = models.DateTimeField(default=timezone.now)
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.OPEN)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("held disappearance")
        verbose_name_plural = _("held disappearances")
        permissions: ClassVar = [("decide_hold", "May decide over vanished files")]

    def __str__(self) -> str:
        return f"{self.source_id}: {self.files}"


class ProbeResult(models.Model):
    """The raw description of a file and what it cost to get. Replaced by the next probe. Written by `ingest.services`."""

    file = models.OneToOneField("catalog.MediaFile", models.CASCADE, primary_key=True, related_name="probe")
    version = models.PositiveIntegerField()  # MediaFile.version it describes
    raw = models.JSONField(default=dict)
    stage = models.CharField(max_length=16)  # "head", "deep", "ffprobe"
    bytes_read = models.BigIntegerField(default=0)
    requests = models.IntegerField(default=0)
    elapsed_ms = models.IntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0)  # of this version; two and it is left alone
    failures = models.PositiveSmallIntegerField(default=0)
    detail = models.TextField(blank=True)  # the library's own words, for staff
    probed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("probe result")
        verbose_name_plural = _("probe results")
        permissions: ClassVar = [("probe_file", "May have files analysed again")]

    def __str__(self) -> str:
        return f"{self.file_id} {self.stage}"
