"""Files and their technical description."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.choices import FileKind, Placement, Presence, ProbeReason, ProbeState, StreamKind

# Of lists: get_FOO_display goes through all choices and their translations for every row: a tenth of the time of a page of files.
_PRESENCES, _PROBE_STATES, _PROBE_REASONS = (dict(words.choices) for words in (Presence, ProbeState, ProbeReason))


class MediaFile(models.Model):
    """One file on a source. Its id, tags and renditions survive a move. Written by `catalog.services`.

    A file version is its fingerprint (size_bytes, mtime_ns, ctime_ns, file_id); `version` counts the fingerprints seen.
    """

    # Its folder's, so without a constraint of its own: the check of one costs PostgreSQL as much of a scan as five indexes.
    source = models.ForeignKey("catalog.Source", models.CASCADE, related_name="files", verbose_name=_("source"), db_constraint=False)
    # Foreign keys without an index of their own are the first column of another: each index costs every file of a scan.
    folder = models.ForeignKey("catalog.Folder", models.CASCADE, related_name="files", verbose_name=_("folder"), db_index=False)
    name = models.CharField(_("file name"), max_length=255)  # as the source spells it
    name_key = models.CharField(max_length=255)  # NFC, case-folded
    extension = models.CharField(_("extension"), max_length=16, blank=True)  # lower case, no dot
    kind = models.CharField(_("kind"), max_length=8, choices=FileKind)
    size_bytes = models.BigIntegerField(_("size"))
    mtime_ns = models.BigIntegerField(_("modified"))  # since 1970-01-01 UTC
    ctime_ns = models.BigIntegerField(default=0)
    file_id = models.BigIntegerField(null=True)  # inode or SMB file id as signed 64 bit; None where the source has none
    version = models.PositiveIntegerField(default=1, db_default=1)
    presence = models.CharField(_("presence"), max_length=8, choices=Presence, default=Presence.PRESENT)
    absent_since = models.DateTimeField(null=True)  # the first listing that lacked it; cleared when seen again
    settled_since = models.DateTimeField(default=timezone.now)  # when this fingerprint was first seen
    first_seen_at = models.DateTimeField(_("found"), default=timezone.now)
    last_viewed_at = models.DateTimeField(null=True)

    # Technical description, from probing.
    probe_state = models.CharField(_("analysis"), max_length=8, choices=ProbeState, default=ProbeState.NONE)
    probe_reason = models.CharField(_("reason"), max_length=12, choices=ProbeReason, blank=True, default="", db_default="")
    probe_priority = models.SmallIntegerField(default=50, db_default=50)  # mam.jobs JobPriority values
    sample_hash = models.CharField(
        _("hash of a sample"), max_length=32, blank=True, default="", db_default=""
    )  # of size, first and last 64 KiB: same bytes, most likely
    container = models.CharField(
        _("container"), max_length=64, blank=True, default="", db_default=""
    )  # FFmpeg's demuxer name, "mov,mp4,m4a,..."
    duration_ticks = models.BigIntegerField(null=True)  # in duration_base_num/duration_base_den seconds
    duration_base_num = models.IntegerField(default=1, db_default=1)
    duration_base_den = models.IntegerField(default=1, db_default=1)
    duration_ms = models.BigIntegerField(_("duration"), null=True)  # rounded, for sorting and filters
    bit_rate_bps = models.BigIntegerField(_("bit rate"), null=True)
    recorded_at = models.DateTimeField(_("recorded"), null=True)  # creation time in the container
    start_timecode = models.CharField(_("start timecode"), max_length=16, blank=True, default="", db_default="")  # "01:00:00;02"
    is_drop_frame = models.BooleanField(_("drop frame"), default=False, db_default=False)
    rotation = models.SmallIntegerField(_("rotation"), default=0, db_default=0)  # degrees clockwise: 0, 90, 180, 270; for viewing
    chapters = models.JSONField(default=list, db_default=[])  # [{"start_ms": int, "end_ms": int, "title": str}]
    video_codec = models.CharField(_("video codec"), max_length=32, blank=True, default="", db_default="")  # of the first video stream
    audio_codec = models.CharField(_("audio codec"), max_length=32, blank=True, default="", db_default="")
    width_px = models.IntegerField(_("width"), null=True)  # coded, before aspect and rotation
    height_px = models.IntegerField(_("height"), null=True)
    frame_rate_num = models.IntegerField(null=True)  # exact: 30000/1001
    frame_rate_den = models.IntegerField(null=True)

    # Curated.
    content = models.ForeignKey(
        "catalog.Content", models.SET_NULL, null=True, blank=True, related_name="files", verbose_name=_("content"), db_index=False
    )
    part_number = models.PositiveSmallIntegerField(_("part"), null=True, blank=True)
    placement = models.CharField(_("placement"), max_length=8, choices=Placement, default=Placement.RULE, db_default=Placement.RULE)
    title = models.CharField(_("title"), max_length=255, blank=True, default="", db_default="")  # "": the file name
    description = models.TextField(_("description"), blank=True, default="", db_default="")
    tags = models.ManyToManyField("catalog.Tag", blank=True, related_name="files", verbose_name=_("tags"))
    players = models.ManyToManyField("catalog.Player", blank=True, related_name="files", verbose_name=_("players"))

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        permissions: ClassVar = [("view_library", "May browse the library"), ("curate", "May edit the catalog")]
        indexes: ClassVar = [
            # A folder's files by name; and all that their other orders need, so that a large folder is sorted without reading its rows.
            models.Index(fields=["folder", "name_key", "id", "mtime_ns", "size_bytes", "duration_ms"], name="file_in_folder"),
            models.Index(fields=["source", "file_id"]),
            models.Index(fields=["name_key", "id"]),
            models.Index(fields=["sample_hash", "size_bytes"], condition=~Q(sample_hash=""), name="file_same_sample"),
            models.Index(fields=["source", "probe_priority", "id"], condition=Q(probe_state="pending"), name="file_probe_queue"),
            models.Index(fields=["source", "settled_since"], condition=Q(presence="growing"), name="file_growing"),
            models.Index(fields=["source", "absent_since"], condition=Q(absent_since__isnull=False), name="file_absent"),
            models.Index(fields=["-first_seen_at", "-id"], name="file_newest"),
            models.Index(fields=["id"], condition=Q(placement="curator"), name="file_curated"),  # a scan makes none
            models.Index(fields=["content", "part_number", "id"]),
        ]
        constraints: ClassVar = [
            # A row whose file was overwritten by another known file stays, absent, under the name it had.
            models.UniqueConstraint(fields=["folder", "name"], condition=Q(absent_since=None), name="file_name_in_folder"),
            models.CheckConstraint(condition=Q(size_bytes__gte=0), name="file_size_not_negative"),
            models.CheckConstraint(
                condition=Q(frame_rate_num=None, frame_rate_den=None) | Q(frame_rate_num__gt=0, frame_rate_den__gt=0),
                name="file_frame_rate_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def path(self) -> str:
        """Path relative to the source's root, as the source spells it. Needs `folder` loaded."""
        return f"{self.folder.path}/{self.name}" if self.folder.path else self.name

    @property
    def presence_label(self) -> str:
        """What people read for it."""
        return str(_PRESENCES.get(self.presence, self.presence))

    @property
    def probe_state_label(self) -> str:
        """What people read for it."""
        return str(_PROBE_STATES.get(self.probe_state, self.probe_state))

    @property
    def probe_reason_label(self) -> str:
        """What people read for it; "" for none."""
        return str(_PROBE_REASONS.get(self.probe_reason, self.probe_reason))

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames per second of the first video stream, exact."""
        return Fraction(self.frame_rate_num, self.frame_rate_den or 1) if self.frame_rate_num else None

    @property
    def fingerprint(self) -> str:
        """Changes whenever the bytes may have changed; stable over moves. For ETags and renditions."""
        return f"{self.size_bytes:x}-{self.mtime_ns:x}-{self.version:x}"


class MediaStream(models.Model):
    """One elementary stream of a file, as probed. Replaced as a whole when the file is probed again."""

    file = models.ForeignKey(MediaFile, models.CASCADE, related_name="streams")
    index = models.PositiveSmallIntegerField(_("stream"))
    kind = models.CharField(_("kind"), max_length=8, choices=StreamKind)
    codec = models.CharField(_("codec"), max_length=32, blank=True)
    profile = models.CharField(_("profile"), max_length=64, blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)
    title = models.CharField(_("title"), max_length=255, blank=True)
    bit_rate_bps = models.BigIntegerField(_("bit rate"), null=True)
    is_default = models.BooleanField(default=False)
    # video
    width_px = models.IntegerField(_("width"), null=True)
    height_px = models.IntegerField(_("height"), null=True)
    frame_rate_num = models.IntegerField(null=True)
    frame_rate_den = models.IntegerField(null=True)
    pixel_format = models.CharField(_("pixel format"), max_length=32, blank=True)
    field_order = models.CharField(_("field order"), max_length=16, blank=True)  # progressive, tt, bb, tb, bt
    sample_aspect_num = models.IntegerField(null=True)
    sample_aspect_den = models.IntegerField(null=True)
    color_primaries = models.CharField(max_length=32, blank=True)
    color_transfer = models.CharField(max_length=32, blank=True)
    color_space = models.CharField(max_length=32, blank=True)
    color_range = models.CharField(max_length=16, blank=True)
    # audio
    channels = models.PositiveSmallIntegerField(_("channels"), null=True)
    channel_layout = models.CharField(_("channel layout"), max_length=64, blank=True)
    sample_rate_hz = models.IntegerField(_("sample rate"), null=True)

    class Meta:
        verbose_name = _("stream")
        verbose_name_plural = _("streams")
        ordering: ClassVar = ["index"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["file", "index"], name="stream_index_in_file")]

    def __str__(self) -> str:
        return f"#{self.index} {self.kind} {self.codec}"

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames per second, exact."""
        return Fraction(self.frame_rate_num, self.frame_rate_den or 1) if self.frame_rate_num else None
