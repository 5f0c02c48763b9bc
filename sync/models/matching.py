"""The mirror of each target, and how each file and each row stand to each other. Written by `sync.matching` and `sync.services`."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.models.summary import CubeRow
from sync.choices import Action, MatchReason, MatchStatus, Side


class TargetRow(models.Model):
    """A row of the target as it was read or written last. `file`: what it was made for; it follows that wherever it goes."""

    target = models.ForeignKey("sync.Target", models.CASCADE, related_name="rows", db_index=False)
    remote_id = models.CharField(max_length=64)
    path = models.TextField()  # NFC
    path_key = models.TextField()  # case-folded
    name_key = models.CharField(max_length=255)  # of the last part of the path
    size_bytes = models.BigIntegerField()
    extension = models.CharField(max_length=16, blank=True)
    is_hls = models.BooleanField()
    codec = models.CharField(max_length=32, blank=True)
    width_px = models.IntegerField(null=True)
    height_px = models.IntegerField(null=True)
    duration_ms = models.BigIntegerField(null=True)
    content_id = models.CharField(max_length=64, blank=True)  # the target's own
    is_deleted = models.BooleanField()
    deleted_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)  # why it cannot be read
    # The file may go while the row stays.
    file = models.ForeignKey("catalog.MediaFile", models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False)

    class Meta:
        verbose_name = _("target row")
        verbose_name_plural = _("target rows")
        indexes: ClassVar = [
            models.Index(fields=["target", "path_key"], name="row_by_path"),
            models.Index(fields=["target", "name_key", "size_bytes"], name="row_by_name"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["target", "remote_id"], name="row_remote_id"),
            models.UniqueConstraint(fields=["target", "file"], condition=Q(file__isnull=False), name="row_of_file"),
        ]

    def __str__(self) -> str:
        return self.path


_NARROWED_BY = ("status", "catalog", "extension")


class Match(models.Model):
    """A file of a source, a row of the target, or both. Every file that is there and every row is in exactly one, for each target."""

    target = models.ForeignKey("sync.Target", models.CASCADE, related_name="matches", db_index=False)
    file = models.ForeignKey("catalog.MediaFile", models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False)
    row = models.ForeignKey(TargetRow, models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False)
    status = models.CharField(_("status"), max_length=24, choices=MatchStatus)
    reason = models.CharField(_("reason"), max_length=16, choices=MatchReason, blank=True)
    action = models.CharField(_("action"), max_length=8, choices=Action, blank=True)
    copies = models.PositiveIntegerField(default=0)  # other files that would sync in its place: same name, same size
    # Of the file; of the row where there is no file.
    path = models.TextField(_("path"))  # as it is, or would be, at the target: NFC
    path_key = models.TextField()  # case-folded
    name_key = models.CharField(max_length=255)
    extension = models.CharField(_("extension"), max_length=16, blank=True)
    size_bytes = models.BigIntegerField(_("size"))
    catalog = models.ForeignKey("catalog.Catalog", models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False)
    folder = models.ForeignKey("catalog.Folder", models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False)

    class Meta:
        verbose_name = _("match")
        verbose_name_plural = _("matches")
        indexes: ClassVar = [
            # One for each order of the table, and what it is narrowed by: pages are counted off without reading any row.
            models.Index(fields=["target", "id", *_NARROWED_BY], name="match_newest"),
            models.Index(fields=["target", "path_key", "id", *_NARROWED_BY], name="match_path"),
            models.Index(fields=["target", "name_key", "size_bytes", "id", *_NARROWED_BY], name="match_name"),
            models.Index(fields=["target", "size_bytes", "id", *_NARROWED_BY], name="match_size"),
            models.Index(fields=["target", "status", "id"], name="match_status"),
            models.Index(fields=["target", "catalog", "id"], name="match_catalog"),
            models.Index(fields=["folder", "status"], condition=Q(folder__isnull=False), name="match_folder"),
            models.Index(fields=["target", "action", "id"], condition=~Q(action=""), name="match_action"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["file", "target"], condition=Q(file__isnull=False), name="match_of_file"),
            models.UniqueConstraint(fields=["row"], condition=Q(row__isnull=False), name="match_of_row"),
            models.CheckConstraint(condition=Q(file__isnull=False) | Q(row__isnull=False), name="match_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.path_key} ({self.status})"


class MatchCell(CubeRow):
    """Part of the count of matches that are alike in all of this; to be summed (sync.summary.MATCHES)."""

    target_id = models.BigIntegerField()
    catalog_id = models.BigIntegerField()  # 0: none
    extension = models.CharField(max_length=16)
    status = models.CharField(max_length=24)
    reason = models.CharField(max_length=16)
    action = models.CharField(max_length=8)
    matches = models.BigIntegerField()
    bytes = models.BigIntegerField()


class FolderMatches(models.Model):
    """How many matches of each status lie in a folder, and anywhere below it. Kept by `sync.matching` with the matches.

    `lineage` is the folder's when they were counted: those above it then are the ones that count them.
    """

    target = models.ForeignKey("sync.Target", models.CASCADE, related_name="+", db_index=False)
    folder = models.ForeignKey("catalog.Folder", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    lineage = models.CharField(max_length=1000)
    own = models.JSONField(default=dict)  # status -> files directly in it
    total = models.JSONField(default=dict)  # status -> files in it and below

    class Meta:
        verbose_name = _("matches of a folder")
        verbose_name_plural = _("matches of folders")
        constraints: ClassVar = [models.UniqueConstraint(fields=["folder", "target"], name="folder_matches_once")]

    def __str__(self) -> str:
        return f"{self.folder_id}: {self.total}"


class Touch(models.Model):
    """Files, or rows of the mirror, that have to be matched anew: ids from `first_id` to `last_id`.

    Added in the transaction of the change: of files by triggers, of rows by those who write the mirror.
    """

    side = models.CharField(max_length=4, choices=Side, default=Side.FILE, db_default=Side.FILE)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()

    class Meta:
        verbose_name = _("touch")
        verbose_name_plural = _("touches")

    def __str__(self) -> str:
        return f"{self.side} {self.first_id} to {self.last_id}"
