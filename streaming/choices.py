"""The words that streaming stores."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class RenditionKind(models.TextChoices):
    """What is made from a file. Presets, tiers and time to live go by kind (settings.MAM_RENDITIONS)."""

    POSTER = "poster", _("Poster")
    STORYBOARD = "storyboard", _("Storyboard")
    WAVEFORM = "waveform", _("Waveform")
    PROXY = "proxy", _("Proxy MP4")
    HLS = "hls", _("HLS stream")


class RenditionState(models.TextChoices):
    """How far a rendition of the file's present version is."""

    WANTED = "wanted", _("Waiting")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")  # given up for this version
    PURGED = "purged", _("Purged")  # deleted because nobody used it; made again when asked for


class ObjectState(models.TextChoices):
    """What the last look at a stored object found."""

    SOUND = "sound", _("Intact")
    MISSING = "missing", _("Missing")
    CHANGED = "changed", _("Changed")


class TrackKind(models.TextChoices):
    """What an HLS track carries."""

    VIDEO = "video", _("Video")
    AUDIO = "audio", _("Audio")
    SUBTITLE = "subtitle", _("Subtitle")


class PlaybackMode(models.TextChoices):
    """How a file gets to a viewer, the cheapest way first."""

    DIRECT = "direct", _("Direct")  # browsers play the file as it lies, by range
    REMUX = "remux", _("Remux")  # only the container stands in the way: HLS by copy
    PREPARED = "prepared", _("Prepared")  # a ladder (or a remux) exists
    ON_DEMAND = "on_demand", _("On demand")  # segments are made when asked for
    UNAVAILABLE = "unavailable", _("Unavailable")  # there is nothing to play now
