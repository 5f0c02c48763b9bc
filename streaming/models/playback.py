"""How files are played: the stored decision, where viewers stopped, and what went wrong in their browsers."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from streaming.choices import PlaybackMode


class Playback(models.Model):
    """The decision for one version of a file, for a browser of which nothing special is known. Written by `streaming.services`."""

    file = models.OneToOneField("catalog.MediaFile", models.CASCADE, related_name="playback", primary_key=True)
    source_fingerprint = models.CharField(max_length=64)
    mode = models.CharField(_("playback"), max_length=12, choices=PlaybackMode)
    reasons = models.JSONField(default=list)  # [{"code": str, "params": {str: str}}]
    # Processor time that encoding a full ladder of this file would cost, by the preset table; saved while the mode needs none of it.
    ladder_cpu_ms = models.BigIntegerField(default=0)
    decided_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("playback decision")
        verbose_name_plural = _("playback decisions")
        indexes: ClassVar = [models.Index(fields=["mode"])]

    def __str__(self) -> str:
        return f"{self.mode} of {self.file_id}"


class WatchPosition(models.Model):
    """Where a user stopped watching a file. Deleted when the file was watched to its end."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="watch_positions")
    file = models.ForeignKey("catalog.MediaFile", models.CASCADE, related_name="watch_positions")
    position_ms = models.BigIntegerField()
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "file"], name="watch_position_of_user"),
            models.CheckConstraint(condition=models.Q(position_ms__gte=0), name="watch_position_not_negative"),
        ]
        indexes: ClassVar = [models.Index(fields=["user", "-updated_at"])]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.file_id} at {self.position_ms} ms"


class PlaybackFault(models.Model):
    """Something a player could not play, as its browser reported it. Kept for `settings.MAM_JOB_KEEP_DAYS`."""

    file = models.ForeignKey("catalog.MediaFile", models.CASCADE, related_name="playback_faults", verbose_name=_("file"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("user"))
    at = models.DateTimeField(_("at"), default=timezone.now)
    code = models.CharField(_("code"), max_length=64)  # of the player: "decode", "network", "segment", ...
    mode = models.CharField(_("playback"), max_length=12, choices=PlaybackMode, blank=True)
    position_ms = models.BigIntegerField(null=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)  # what the browser said; hostile text
    browser = models.CharField(_("browser"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("playback fault")
        verbose_name_plural = _("playback faults")
        indexes: ClassVar = [models.Index(fields=["-at", "-id"])]

    def __str__(self) -> str:
        return f"{self.code} in {self.file_id}"
