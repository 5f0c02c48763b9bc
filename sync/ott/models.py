"""The tables that a target has of its own. A target that is adopted may have others of these names: the code that reads and writes them
(`sync.targets.database`) asks the database which columns there are, and uses these models only to make what is missing.

Texts are not limited and never NULL, for they are made for programs that are not ours.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class OttFile(models.Model):
    """A file that can be streamed, or could: nothing is removed, what is gone has the status "deleted"."""

    id = models.BigAutoField(primary_key=True)
    nas_path = models.TextField()  # NFC, "/" between names
    filename = models.TextField(db_default="")
    size_bytes = models.BigIntegerField(null=True)
    extension = models.TextField(db_default="")
    codec = models.TextField(db_default="")  # of the picture
    resolution = models.TextField(db_default="")  # "1920x1080"
    duration_sec = models.FloatField(null=True)
    hls_compatible = models.BooleanField(db_default=False)
    content_id = models.TextField(db_default="")  # of `contents`
    status = models.TextField(db_default="active")
    deleted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "files"
        default_permissions = ()
        indexes: ClassVar = [
            models.Index(fields=["nas_path"], name="files_nas_path"),
            models.Index(fields=["content_id"], name="files_content"),
        ]

    def __str__(self) -> str:
        return self.nas_path


class OttCatalog(models.Model):
    """A top division of what is published."""

    id = models.TextField(primary_key=True)
    name = models.TextField(db_default="")
    description = models.TextField(db_default="")
    position = models.BigIntegerField(null=True)

    class Meta:
        db_table = "catalogs"
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class OttSeries(models.Model):
    """A season or event in a catalog."""

    id = models.TextField(primary_key=True)
    catalog_id = models.TextField(db_default="")
    name = models.TextField(db_default="")
    description = models.TextField(db_default="")
    position = models.BigIntegerField(null=True)
    year = models.BigIntegerField(null=True)

    class Meta:
        db_table = "series"
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class OttContent(models.Model):
    """A work as a viewer sees it. `players`: a JSON list of ids of `players`."""

    id = models.TextField(primary_key=True)
    catalog_id = models.TextField(db_default="")
    series_id = models.TextField(db_default="")
    name = models.TextField(db_default="")
    description = models.TextField(db_default="")
    position = models.BigIntegerField(null=True)
    year = models.BigIntegerField(null=True)
    players = models.TextField(db_default="[]")

    class Meta:
        db_table = "contents"
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class OttPlayer(models.Model):
    """A poker player. `aliases`: a JSON list of other spellings."""

    id = models.TextField(primary_key=True)
    name = models.TextField(db_default="")
    aliases = models.TextField(db_default="[]")

    class Meta:
        db_table = "players"
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class SyncMetadata(models.Model):
    """What a sync remembers in the target itself, in the transaction of what it has done there: "plan:UUID", "files"."""

    key = models.TextField(primary_key=True)
    value = models.TextField(db_default="")

    class Meta:
        db_table = "sync_metadata"
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
