"""One change of many files at once: what is wanted, how far it is, and what takes it back."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalog.choices import EDIT_TARGETS, EditKind, EditState
from catalog.models.settling import Settling


class BulkEdit(Settling):
    """What a curator wants of many files. Written by `catalog.services.bulk_edits`; a job brings the parts to where `is_wanted` says."""

    kind = models.CharField(_("change"), max_length=16, choices=EditKind)
    target_ids = models.JSONField()  # of the tags, players, collection or series, as `kind` says
    target_label = models.CharField(_("what"), max_length=500)  # as they were called when it was asked for
    query = models.TextField(_("search"), blank=True)  # whose result the files were; "": they were chosen one by one
    is_wanted = models.BooleanField(default=True)  # False: to be taken back
    total_files = models.PositiveIntegerField(_("files"))
    total_parts = models.PositiveIntegerField()
    done_parts = models.PositiveIntegerField(default=0)
    changed_files = models.PositiveIntegerField(_("changed"), default=0)  # of the parts that are done
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    turned_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")  # who said `is_wanted` last

    class Meta:
        verbose_name = _("bulk edit")
        verbose_name_plural = _("bulk edits")

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.target_label}"

    @property
    def state(self) -> EditState:
        """How far it is from what is wanted."""
        if self.is_wanted:
            return EditState.DONE if self.done_parts == self.total_parts else EditState.DOING
        return EditState.UNDOING if self.done_parts else EditState.UNDONE

    @property
    def target_url(self) -> str:
        """Page of the only target; "" when there are several."""
        if len(self.target_ids) != 1:
            return ""
        return reverse(f"catalog:{EDIT_TARGETS[EditKind(self.kind)]}_detail", args=self.target_ids)

    @property
    def is_settled(self) -> bool:
        """Nothing is left to be done."""
        return self.state in {EditState.DONE, EditState.UNDONE}

    @property
    def settled_parts(self) -> int:
        """Parts that are where they are wanted."""
        return self.done_parts if self.is_wanted else self.total_parts - self.done_parts


class BulkEditPart(models.Model):
    """Some of the files of an edit, changed in one transaction."""

    edit = models.ForeignKey(BulkEdit, models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    file_ids = models.JSONField()  # in the order they were found
    changes = models.JSONField(null=True)  # what was changed, for taking it back; None: nothing was done yet

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["edit", "number"], name="edit_part_number")]

    def __str__(self) -> str:
        return f"{self.edit_id}:{self.number}"
