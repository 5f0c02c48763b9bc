"""Files made from files. Knows how a file is made playable; never how it was found."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Rendition(models.Model):
    """A file derived from a media file, in the `renditions` storage. Written by `streaming.services`.

    `state`, `attempts` and the error are about the version `source_fingerprint`. The object may still be of an older version:
    it is shown until the new one is there.
    """

    class Kind(models.TextChoices):
        POSTER = "poster", _("Poster")

    class State(models.TextChoices):
        WANTED = "wanted", _("Waiting")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")  # given up for this version

    file = models.ForeignKey("catalog.MediaFile", models.CASCADE, related_name="renditions")
    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=8, choices=State)
    source_fingerprint = models.CharField(max_length=64)  # MediaFile.fingerprint
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
        indexes: ClassVar = [models.Index(fields=["kind", "attempts", "file"], condition=Q(state="wanted"), name="rendition_wanted")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["file", "kind"], name="rendition_kind_of_file")]
        # `play_file` is checked on every byte of a source that leaves through a player.
        permissions: ClassVar = [("play_file", "May play files")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.file_id}"

    @property
    def object_version(self) -> str:
        """Changes whenever the object's bytes do; "" without an object. For addresses and ETags."""
        return self.checksum[:16] if self.object_name else ""
