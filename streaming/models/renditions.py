"""Renditions, the objects they consist of, and the tracks of a stream."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from streaming.choices import ObjectState, RenditionKind, RenditionState, TrackKind


class Rendition(models.Model):
    """One kind of derived file of a media file; its bytes are its `stored_objects`. Written by `streaming.services`.

    `state`, `attempts` and the error are about the version `source_fingerprint`. The objects may still be of an older version,
    `made_from`: a poster is shown until the new one is there, a stream is not played.
    """

    Kind = RenditionKind
    State = RenditionState

    file = models.ForeignKey("catalog.MediaFile", models.CASCADE, related_name="renditions", verbose_name=_("file"))
    kind = models.CharField(_("kind"), max_length=12, choices=RenditionKind)
    state = models.CharField(_("state"), max_length=8, choices=RenditionState)
    source_fingerprint = models.CharField(_("wanted of"), max_length=64)  # MediaFile.fingerprint that is wanted
    made_from = models.CharField(_("made from"), max_length=64, blank=True, default="")  # MediaFile.fingerprint of the objects; "": none
    preset = models.CharField(_("preset"), max_length=32, blank=True, default="")
    details = models.JSONField(_("details"), default=dict)  # for readers of this kind: geometry of a storyboard, peaks of a waveform
    size_bytes = models.BigIntegerField(_("size"), default=0)  # of all objects
    cpu_ms = models.BigIntegerField(_("processor time"), default=0)  # spent by ffmpeg and workers on what is stored
    width_px = models.IntegerField(null=True)
    height_px = models.IntegerField(null=True)
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="+", verbose_name=_("job"))  # that makes it
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error_code = models.CharField(_("error"), max_length=64, blank=True)
    error_params = models.JSONField(default=dict)
    log_tail = models.TextField(_("log"), blank=True, default="")  # of a failure: the last 50 lines of ffmpeg
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    last_access_at = models.DateTimeField(_("last used"), default=timezone.now)  # to the hour: not every segment writes

    class Meta:
        verbose_name = _("rendition")
        verbose_name_plural = _("renditions")
        indexes: ClassVar = [
            models.Index(fields=["kind", "attempts", "file"], condition=Q(state="wanted"), name="rendition_wanted"),
            models.Index(fields=["kind", "last_access_at"], condition=Q(size_bytes__gt=0), name="rendition_unused"),
        ]
        constraints: ClassVar = [models.UniqueConstraint(fields=["file", "kind"], name="rendition_kind_of_file")]
        # `play_file` is checked on every byte of a source that leaves through a player.
        permissions: ClassVar = [("play_file", "May play files"), ("make_rendition", "May have renditions made and purged")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.file_id}"


class StoredObject(models.Model):
    """One object in the `renditions` storage. Its bytes are written once and never changed: a new version has a new name.

    Names are `<folder>/<file id % 256 as two hex digits>/<file id>-<uuid>/<name>`, so that a name tells whose it is.
    """

    rendition = models.ForeignKey(Rendition, models.CASCADE, related_name="stored_objects")
    name = models.CharField(_("name"), max_length=255, unique=True)
    content_type = models.CharField(_("content type"), max_length=64)
    size_bytes = models.BigIntegerField(_("size"))
    checksum = models.CharField(_("checksum"), max_length=64)  # XXH3-128, hex, made while it was written
    state = models.CharField(_("state"), max_length=8, choices=ObjectState, default=ObjectState.SOUND)
    verified_at = models.DateTimeField(_("verified"), default=timezone.now)  # fixity: when it was last read and compared

    class Meta:
        verbose_name = _("stored object")
        verbose_name_plural = _("stored objects")
        indexes: ClassVar = [models.Index(fields=["verified_at", "id"])]

    def __str__(self) -> str:
        return self.name

    @property
    def version(self) -> str:
        """Changes whenever the bytes do. For addresses and ETags."""
        return self.checksum[:16]


class Track(models.Model):
    """One track of an HLS rendition: an object that holds an init segment and then all media segments, back to back.

    Subtitle tracks have one WebVTT object, no init segment, and one entry in `segments`.
    """

    rendition = models.ForeignKey(Rendition, models.CASCADE, related_name="tracks")
    object = models.OneToOneField(StoredObject, models.CASCADE, related_name="track")
    name = models.CharField(max_length=16)  # "v720", "a0", "s0"; as in addresses
    kind = models.CharField(max_length=8, choices=TrackKind)
    codecs = models.CharField(max_length=32, blank=True)  # RFC 6381
    language = models.CharField(max_length=16, blank=True)  # as the source says
    title = models.CharField(max_length=255, blank=True)
    is_default = models.BooleanField(default=False)
    width_px = models.IntegerField(null=True)
    height_px = models.IntegerField(null=True)
    frame_rate_num = models.IntegerField(null=True)
    frame_rate_den = models.IntegerField(null=True)
    channels = models.PositiveSmallIntegerField(null=True)
    average_bps = models.BigIntegerField(default=0)
    peak_bps = models.BigIntegerField(default=0)  # of the largest segment (RFC 8216, 4.3.4.2)
    timescale = models.IntegerField(default=1)  # ticks per second of `segments`
    init_bytes = models.IntegerField(default=0)  # length of the init segment at offset 0
    segments = models.JSONField(default=list)  # [[duration in ticks, length in bytes], ...]: from offset `init_bytes` on, without holes

    class Meta:
        verbose_name = _("track")
        verbose_name_plural = _("tracks")
        constraints: ClassVar = [models.UniqueConstraint(fields=["rendition", "name"], name="track_name_in_rendition")]

    def __str__(self) -> str:
        return f"{self.name} of {self.rendition_id}"

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames per second, exact."""
        return Fraction(self.frame_rate_num, self.frame_rate_den or 1) if self.frame_rate_num else None
