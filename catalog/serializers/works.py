"""Catalogs, series, contents."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from catalog.models import Catalog, Content, Player, Series
from catalog.serializers.references import CatalogReference, FileIdsField, PlayerReference, SeriesReference


class CatalogSerializer(serializers.ModelSerializer[Catalog]):
    """A catalog."""

    total_contents = serializers.IntegerField(read_only=True)

    class Meta:
        model = Catalog
        fields: ClassVar = ["id", "key", "name", "description", "position", "is_curated", "total_contents", "created_at"]
        read_only_fields: ClassVar = fields


class CatalogWriteSerializer(serializers.Serializer[Any]):
    """What may be said of a catalog."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True)
    position = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)


class SeriesSerializer(serializers.ModelSerializer[Series]):
    """A series."""

    catalog = CatalogReference(read_only=True)

    class Meta:
        model = Series
        fields: ClassVar = [
            "id",
            "catalog",
            "key",
            "name",
            "year",
            "description",
            "position",
            "is_curated",
            "total_contents",
            "created_at",
        ]
        read_only_fields: ClassVar = fields


class SeriesWriteSerializer(serializers.Serializer[Any]):
    """What may be changed of a series."""

    name = serializers.CharField(max_length=120)
    year = serializers.IntegerField(required=False, allow_null=True, min_value=1900, max_value=2999)
    description = serializers.CharField(required=False, allow_blank=True)
    position = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)


class SeriesCreateSerializer(SeriesWriteSerializer):
    """A new series."""

    catalog = serializers.PrimaryKeyRelatedField(queryset=Catalog.objects.all())


class ContentSerializer(serializers.ModelSerializer[Content]):
    """A content. Its files: `/files/?content=ID`."""

    series = SeriesReference(read_only=True)
    players = PlayerReference(many=True, read_only=True)

    class Meta:
        model = Content
        fields: ClassVar = ["id", "series", "key", "title", "description", "players", "is_curated", "created_at"]
        read_only_fields: ClassVar = fields


class ContentWriteSerializer(serializers.Serializer[Any]):
    """What may be changed of a content. Another series moves it there with its files."""

    title = serializers.CharField(max_length=255)
    description = serializers.CharField(required=False, allow_blank=True)
    players = serializers.PrimaryKeyRelatedField(queryset=Player.objects.all(), many=True, required=False)
    series = serializers.PrimaryKeyRelatedField(queryset=Series.objects.all(), required=False)


class ContentCreateSerializer(serializers.Serializer[Any]):
    """A new, empty content."""

    series = serializers.PrimaryKeyRelatedField(queryset=Series.objects.all())
    title = serializers.CharField(max_length=255)
    description = serializers.CharField(required=False, allow_blank=True)


class ContentMergeSerializer(serializers.Serializer[Any]):
    """Contents that become part of this one."""

    others = serializers.PrimaryKeyRelatedField(queryset=Content.objects.all(), many=True, allow_empty=False)


class ContentSplitSerializer(serializers.Serializer[Any]):
    """Files to take out into a content of their own."""

    file_ids = FileIdsField(allow_empty=False)
    title = serializers.CharField(max_length=255)
