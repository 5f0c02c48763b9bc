"""Short forms of things as other things name them, and the fields by which requests point at rows."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from catalog.models import Catalog, Content, Folder, Player, Series, Source, Tag

MAX_FILES = 10_000  # a bulk request names at most so many


class SourceReference(serializers.ModelSerializer[Source]):
    class Meta:
        model = Source
        fields: ClassVar = ["id", "name"]


class FolderReference(serializers.ModelSerializer[Folder]):
    class Meta:
        model = Folder
        fields: ClassVar = ["id", "path"]


class CatalogReference(serializers.ModelSerializer[Catalog]):
    class Meta:
        model = Catalog
        fields: ClassVar = ["id", "name"]


class SeriesReference(serializers.ModelSerializer[Series]):
    catalog = CatalogReference(read_only=True)

    class Meta:
        model = Series
        fields: ClassVar = ["id", "name", "year", "catalog"]


class ContentReference(serializers.ModelSerializer[Content]):
    series = SeriesReference(read_only=True)

    class Meta:
        model = Content
        fields: ClassVar = ["id", "title", "series"]


class TagReference(serializers.ModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields: ClassVar = ["id", "name", "color"]


class PlayerReference(serializers.ModelSerializer[Player]):
    class Meta:
        model = Player
        fields: ClassVar = ["id", "name"]


class FileIdsField(serializers.ListField):
    """Ids of files, in an order that may matter."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.IntegerField(min_value=1), max_length=MAX_FILES, **options)


class FileIdsSerializer(serializers.Serializer[Any]):
    """Some files."""

    file_ids = FileIdsField(allow_empty=False)


class ChangedSerializer(serializers.Serializer[Any]):
    """What a bulk request did."""

    changed = serializers.IntegerField(help_text="How many rows are different now.")


class JobReferenceSerializer(serializers.Serializer[Any]):
    """The job that does what was asked for."""

    job_id = serializers.IntegerField()
