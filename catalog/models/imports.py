"""What was taken over from the databases of earlier systems."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.choices import ImportReason, ImportState


class ImportedRecord(models.Model):
    """One row of an old archive, with what stands for it here. Written by `catalog.services.archive_import`.

    It is the import's checkpoint: a row that is placed is not looked at again. The old row is kept whole, so that nothing of it is lost,
    whether there is a field for it or not.
    """

    archive = models.CharField(max_length=32)  # digest of the old file
    archive_name = models.CharField(_("archive"), max_length=255)
    table = models.CharField(_("table"), max_length=32)  # as the old file calls it
    old_id = models.CharField(_("old id"), max_length=255)
    state = models.CharField(_("state"), max_length=12, choices=ImportState)
    reason = models.CharField(_("reason"), max_length=12, choices=ImportReason, blank=True)
    file = models.ForeignKey("catalog.MediaFile", models.SET_NULL, null=True, related_name="imported_records", verbose_name=_("file"))
    content = models.ForeignKey("catalog.Content", models.SET_NULL, null=True, related_name="imported_records", verbose_name=_("content"))
    old_row = models.JSONField()  # {column: value}; NULLs left out
    imported_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("imported record")
        verbose_name_plural = _("imported records")
        constraints: ClassVar = [models.UniqueConstraint(fields=["archive", "table", "old_id"], name="imported_record_once")]

    def __str__(self) -> str:
        return f"{self.archive_name} {self.table} {self.old_id}"
