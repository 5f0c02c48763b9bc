"""The works a viewer sees, and the rules that find them in paths."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Catalog(models.Model):
    """A top division of the library (WSOP, HCL, PAD). Made by rules, renamed and ordered by curators."""

    key = models.CharField(_("key"), max_length=120, unique=True)  # what rules produce; NFC, case-folded
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    is_curated = models.BooleanField(_("edited by a curator"), default=False)  # a curator edited it: rules leave its fields alone
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("catalog")
        verbose_name_plural = _("catalogs")
        ordering: ClassVar = ["position", "name", "id"]

    def __str__(self) -> str:
        return self.name


class Series(models.Model):
    """A season or event within a catalog (a year of WSOP)."""

    catalog = models.ForeignKey(Catalog, models.CASCADE, related_name="series", verbose_name=_("catalog"))
    key = models.CharField(_("key"), max_length=120)
    name = models.CharField(_("name"), max_length=120)
    year = models.PositiveSmallIntegerField(_("year"), null=True, blank=True)
    description = models.TextField(_("description"), blank=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    total_contents = models.PositiveIntegerField(_("contents"), default=0, db_default=0)  # roll-up, kept by catalog.services
    is_curated = models.BooleanField(_("edited by a curator"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("series")
        verbose_name_plural = _("series")
        ordering: ClassVar = ["position", "-year", "name", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["catalog", "key"], name="series_key_in_catalog")]

    def __str__(self) -> str:
        return self.name


class Content(models.Model):
    """One work as a viewer sees it (an episode); its files are its parts and versions."""

    series = models.ForeignKey(Series, models.CASCADE, related_name="contents", verbose_name=_("series"))
    key = models.CharField(_("key"), max_length=255)
    title = models.CharField(_("title"), max_length=255)
    description = models.TextField(_("description"), blank=True)
    players = models.ManyToManyField("catalog.Player", blank=True, related_name="contents", verbose_name=_("players"))
    is_curated = models.BooleanField(_("edited by a curator"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("content")
        verbose_name_plural = _("contents")
        ordering: ClassVar = ["title", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["series", "key"], name="content_key_in_series")]

    def __str__(self) -> str:
        return self.title


class PathRule(models.Model):
    """How a path becomes catalog, series, title and part. Tried in order of position; the first that matches wins.

    `pattern` is an RE2 expression, searched in the NFC path without extension, with the named groups `catalog`, `series`, `title`
    (required) and `year`, `part` (optional). `catalog_name` and `series_name`, when set, stand for those groups.
    """

    name = models.CharField(_("name"), max_length=120, unique=True)
    position = models.PositiveIntegerField(_("position"), default=100)
    source = models.ForeignKey("catalog.Source", models.CASCADE, null=True, blank=True, verbose_name=_("source"))  # None: all
    pattern = models.TextField(_("pattern"))
    catalog_name = models.CharField(_("catalog"), max_length=120, blank=True)
    series_name = models.CharField(_("series"), max_length=120, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("path rule")
        verbose_name_plural = _("path rules")
        ordering: ClassVar = ["position", "id"]
        permissions: ClassVar = [("manage_rule", "May change path rules")]

    def __str__(self) -> str:
        return self.name
