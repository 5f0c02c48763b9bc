"""CSV files with curated metadata that were uploaded: what they would change, what is wrong with them, how far they are."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from catalog.choices import MetadataGoal, MetadataState
from catalog.models.settling import Settling


class MetadataImport(Settling):
    """One upload. Written by `catalog.services.metadata_import`; a job brings the parts to where `goal` says. Its owner's alone."""

    name = models.CharField(_("file name"), max_length=255)
    digest = models.CharField(max_length=64)  # SHA-256 of the bytes uploaded, hexadecimal
    size_bytes = models.BigIntegerField(_("size"))
    encoding = models.CharField(max_length=16)
    columns = models.JSONField(default=list)  # those that are ours, in their order
    ignored_columns = models.JSONField(default=list)
    problems = models.JSONField(default=list)  # of the head: [line, column, code, params]
    goal = models.CharField(max_length=8, choices=MetadataGoal, default=MetadataGoal.CHECK)
    total_lines = models.PositiveIntegerField(_("lines"), default=0)
    total_parts = models.PositiveIntegerField(default=0)
    checked_parts = models.PositiveIntegerField(default=0)
    applied_parts = models.PositiveIntegerField(default=0)
    planned_files = models.PositiveIntegerField(_("to be changed"), default=0)  # of the parts that are checked
    total_problems = models.PositiveIntegerField(_("problems"), default=0)  # of the head, and of the parts that are checked
    changed_files = models.PositiveIntegerField(_("changed"), default=0)  # of the parts that are applied
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", verbose_name=_("by"))

    class Meta:
        verbose_name = _("metadata import")
        verbose_name_plural = _("metadata imports")

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> MetadataState:
        """How far it is from its goal."""
        if self.checked_parts < self.total_parts:
            return MetadataState.CHECKING
        match MetadataGoal(self.goal):
            case MetadataGoal.CHECK:
                return MetadataState.READY
            case MetadataGoal.APPLY:
                return MetadataState.DONE if self.applied_parts == self.total_parts else MetadataState.DOING
            case MetadataGoal.UNDO:
                return MetadataState.UNDOING if self.applied_parts else MetadataState.UNDONE

    @property
    def is_settled(self) -> bool:
        """Nothing is left to be done."""
        return self.state in {MetadataState.READY, MetadataState.DONE, MetadataState.UNDONE}

    @property
    def may_be_applied(self) -> bool:
        """It waits for its owner to say so."""
        return self.state in {MetadataState.READY, MetadataState.UNDONE} and self.planned_files > 0

    @property
    def may_be_undone(self) -> bool:
        """Something of it was applied, or will be."""
        return self.goal == MetadataGoal.APPLY and self.planned_files > 0

    @property
    def settled_parts(self) -> int:
        """Parts that are where the goal wants them."""
        match MetadataGoal(self.goal):
            case MetadataGoal.CHECK:
                return self.checked_parts
            case MetadataGoal.APPLY:
                return self.applied_parts
            case MetadataGoal.UNDO:
                return self.total_parts - self.applied_parts


class MetadataImportPart(models.Model):
    """Some lines of an import, checked in one transaction, applied in another.

    `plan`: [{line, file, path, before, after, to}], see `catalog.services.metadata_check.Change`. Lines with problems are not in it.
    """

    metadata_import = models.ForeignKey(MetadataImport, models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    rows = models.JSONField(default=list)  # [line, {column: text}]; emptied by the check
    problems = models.JSONField(default=list)  # [line, column, code, params]
    file_lines = models.JSONField(default=list)  # [file id, line]: which file each line is about
    plan = models.JSONField(null=True)  # None: not checked yet
    left_out = models.JSONField(default=list)  # problems found when it was applied
    applied = models.JSONField(null=True)  # what was done, for taking it back; None: it is not applied

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["metadata_import", "number"], name="metadata_part_number")]

    def __str__(self) -> str:
        return f"{self.metadata_import_id}:{self.number}"
