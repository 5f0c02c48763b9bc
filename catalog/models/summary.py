"""What there is, in numbers. Written by triggers and by `mam.lib.cubes`, which says how; read by `catalog.selectors.stats`."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from catalog.choices import FileKind, Presence, ProbeState


class CubeRow(models.Model):
    """Part of a cell of a cube: what some statement has added to it or taken from it, or the sum of many such parts."""

    is_sum = models.BooleanField(default=False, db_default=False)
    doubt_xid = models.BigIntegerField(null=True)

    class Meta:
        abstract = True
        indexes: ClassVar = [models.Index(fields=["doubt_xid"], condition=Q(doubt_xid__isnull=False), name="%(class)s_doubt")]

    def __str__(self) -> str:
        return f"{self.pk}"


class SummaryCell(CubeRow):
    """Part of the count of files that are alike in all of this; to be summed (catalog.summary.FILES)."""

    catalog_id = models.BigIntegerField()  # 0: in no content
    year = models.SmallIntegerField()  # of the series; 0: none
    kind = models.CharField(max_length=8, choices=FileKind)
    extension = models.CharField(max_length=16)
    presence = models.CharField(max_length=8, choices=Presence)
    probe_state = models.CharField(max_length=8, choices=ProbeState)
    hls = models.CharField(max_length=3)  # "yes", "no": whether an understood video plays without encoding; "": no such
    files = models.BigIntegerField()
    bytes = models.BigIntegerField()
    duration_ms = models.BigIntegerField()
