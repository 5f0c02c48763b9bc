"""What curators make by hand: tags, collections, players."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Tag(models.Model):
    """A word on files. `key` (NFC, case-folded) keeps "Bluff" and "bluff" one tag."""

    name = models.CharField(_("name"), max_length=100)
    key = models.CharField(max_length=100, unique=True)
    color = models.CharField(_("colour"), max_length=7, blank=True)  # "#rrggbb"

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering: ClassVar = ["key"]

    def __str__(self) -> str:
        return self.name


class Player(models.Model):
    """A poker player; both spellings and the aliases find the same person."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    name_ko = models.CharField(_("Korean name"), max_length=120, blank=True)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    aliases = models.JSONField(_("other spellings"), default=list, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)

    class Meta:
        verbose_name = _("player")
        verbose_name_plural = _("players")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Collection(models.Model):
    """A list of files, nested in another collection or at the top: in an order made by hand, or whatever `query` finds at the time."""

    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children", verbose_name=_("inside"))
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    query = models.TextField(_("search"), blank=True, default="", db_default="")  # words and fields; "": files are put in by hand
    position = models.PositiveIntegerField(_("position"), default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("created by"))
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    files = models.ManyToManyField("catalog.MediaFile", through="CollectionItem", related_name="collections")

    class Meta:
        verbose_name = _("collection")
        verbose_name_plural = _("collections")
        ordering: ClassVar = ["position", "name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["parent", "name"], name="collection_name_in_parent"),
            models.UniqueConstraint(fields=["name"], condition=Q(parent=None), name="collection_name_at_top"),
        ]

    def __str__(self) -> str:
        return self.name


class CollectionItem(models.Model):
    """One file's place in a collection."""

    collection = models.ForeignKey(Collection, models.CASCADE, related_name="items")
    file = models.ForeignKey("catalog.MediaFile", models.CASCADE, related_name="collection_items", verbose_name=_("file"))
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("collection item")
        verbose_name_plural = _("collection items")
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["collection", "file"], name="file_once_in_collection")]

    def __str__(self) -> str:
        return f"{self.collection_id}:{self.file_id}"
