"""Where files lie: sources and their folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.choices import SourceState, default_excludes

if TYPE_CHECKING:
    from collections.abc import Iterable


class Source(models.Model):
    """One place that holds media: an SMB share or a local path. Written by `catalog.services.sources`.

    `credentials` is a Fernet token of JSON {username, password, domain}; nothing ever shows or logs it.
    """

    name = models.CharField(_("name"), max_length=120, unique=True)
    url = models.CharField(_("address"), max_length=1000, help_text=_("smb://host[:port]/share/path or file:///path"))
    credentials = models.TextField(blank=True, editable=False)
    require_encryption = models.BooleanField(_("require encryption"), default=False)
    # Of all readers together, wherever they run; None: no limit.
    read_limit_bytes_per_s = models.PositiveBigIntegerField(_("read limit (bytes/s)"), null=True, blank=True)
    open_file_limit = models.PositiveSmallIntegerField(_("open files at most"), null=True, blank=True)
    parallelism = models.PositiveSmallIntegerField(_("parallel connections"), default=4)
    include_globs = models.JSONField(_("include only"), default=list, blank=True)
    exclude_globs = models.JSONField(_("exclude"), default=default_excludes, blank=True)
    poll_interval_s = models.PositiveIntegerField(_("check for changes every (s)"), default=60)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    state = models.CharField(_("state"), max_length=12, choices=SourceState, default=SourceState.UNKNOWN)
    state_code = models.CharField(max_length=64, blank=True)  # message code of why it is not online
    state_params = models.JSONField(default=dict)
    state_at = models.DateTimeField(_("state since"), null=True)
    root_identity = models.CharField(max_length=64, blank=True)  # file id of the root: tells a re-mounted or replaced root
    last_scan_at = models.DateTimeField(_("last scan"), null=True)  # end of the last complete scan
    last_full_scan_at = models.DateTimeField(_("last full scan"), null=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering: ClassVar = ["name"]
        permissions: ClassVar = [("manage_source", "May add, change and test sources")]

    def __str__(self) -> str:
        return self.name


class Folder(models.Model):
    """One directory of a source, with roll-ups over everything below it. Written by `catalog.services.registration`.

    `name` and `path` are exactly as the source spells them (opening needs that); `*_key` are NFC, case-folded, for people.
    `lineage` is the ids of the folders above it, from the root: "/" for the root, "/3/17/" for a child of 17.
    """

    source = models.ForeignKey(Source, models.CASCADE, related_name="folders", verbose_name=_("source"))
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children", db_index=False)  # None: the root
    name = models.CharField(max_length=255)
    path = models.TextField(blank=True)  # relative to the source's root, "/" between names; "" is the root
    name_key = models.CharField(max_length=255)
    path_key = models.TextField(blank=True)
    lineage = models.CharField(max_length=1000, default="/", db_index=True)
    depth = models.PositiveSmallIntegerField(default=0)
    file_id = models.BigIntegerField(null=True)
    mtime_ns = models.BigIntegerField(default=0)
    listed_at = models.DateTimeField(_("listed"), null=True)  # when its entries were last read and agreed with the catalog
    listed_mtime_ns = models.BigIntegerField(default=0)  # the directory mtime seen before that listing
    list_error = models.CharField(_("why it cannot be listed"), max_length=64, blank=True)  # message code of why it could not be listed
    is_missing = models.BooleanField(_("missing"), default=False)  # its parent's last listing lacked it
    # Roll-ups over the whole subtree; kept by deltas (catalog.services.rollups), verified against a rebuild.
    total_files = models.BigIntegerField(_("files"), default=0)  # not missing
    total_bytes = models.BigIntegerField(default=0)
    total_videos = models.BigIntegerField(_("videos"), default=0)
    total_growing = models.BigIntegerField(_("being written"), default=0)
    total_missing = models.BigIntegerField(_("missing"), default=0)  # missing or held
    total_pending = models.BigIntegerField(_("waiting for analysis"), default=0)
    total_failed = models.BigIntegerField(_("not analysed"), default=0)

    class Meta:
        verbose_name = _("folder")
        verbose_name_plural = _("folders")
        indexes: ClassVar = [models.Index(fields=["source", "file_id"]), models.Index(fields=["parent", "name_key", "id"])]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["parent", "name"], name="folder_name_in_parent"),
            models.UniqueConstraint(fields=["source"], condition=Q(parent=None), name="folder_one_root"),
        ]

    def __str__(self) -> str:
        return self.path or "/"

    @property
    def subtree_prefix(self) -> str:
        """What the lineage of everything below this folder begins with."""
        return f"{self.lineage}{self.pk}/"

    def own_files(self, children: Iterable[Folder]) -> int:
        """Files directly in this folder, missing ones too: the totals without those of its `children`, all of them."""
        return self.total_files + self.total_missing - sum(child.total_files + child.total_missing for child in children)

    @property
    def ancestor_ids(self) -> list[int]:
        """Ids of the folders above, from the root down."""
        return [int(part) for part in self.lineage.split("/") if part]
