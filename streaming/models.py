"""Files made from files. Knows how a file is made playable; never how it was found."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Rendition(models.Model):
    """A file derived from a media file, in the `renditions` storage. Written by `streaming.services`."""

    class Kind(models.TextChoices):
        POSTER = "poster", _("Poster")

    class State(models.TextChoices):
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    file = models.ForeignKey("catalog.MediaFile", models.CASCADE, related_name="renditions")
    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=8, choices=State)
    source_fingerprint = models.CharField(max_length=64)  # MediaFile.fingerprint it was made from
    object_name = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=64, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    checksum = models.CharField(max_length=64, blank=True)  # SHA-256
    width_px = models.IntegerField(null=True)
    height_px = models.IntegerField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_params = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("rendition")
        verbose_name_plural = _("renditions")
        constraints: ClassVar = [models.UniqueConstraint(fields=["file", "kind"], name="rendition_kind_of_file")]
        # `play_file` is checked on every byte of a source that leaves through a player.
        permissions: ClassVar = [("play_file", "May play files")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.file_id}"
