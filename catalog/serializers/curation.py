"""Tags, players, collections."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from catalog.models import Collection, CollectionItem, Player, Tag
from catalog.serializers.files import FileSerializer


class TagSerializer(serializers.ModelSerializer[Tag]):
    """A tag."""

    class Meta:
        model = Tag
        fields: ClassVar = ["id", "name", "color"]
        read_only_fields: ClassVar = fields


class TagWriteSerializer(serializers.Serializer[Any]):
    """A tag's name and colour (`#rrggbb`, or empty)."""

    name = serializers.CharField(max_length=100)
    color = serializers.CharField(required=False, allow_blank=True, max_length=7)


class TagMergeSerializer(serializers.Serializer[Any]):
    """The tag that goes; its files get this one."""

    other = serializers.PrimaryKeyRelatedField(queryset=Tag.objects.all())


class PlayerSerializer(serializers.ModelSerializer[Player]):
    """A player."""

    aliases = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Player
        fields: ClassVar = ["id", "name", "name_ko", "name_en", "aliases", "country"]
        read_only_fields: ClassVar = fields


class PlayerWriteSerializer(serializers.Serializer[Any]):
    """A player's names and country (ISO 3166-1 alpha-2)."""

    name = serializers.CharField(max_length=120)
    name_ko = serializers.CharField(required=False, allow_blank=True, max_length=120)
    name_en = serializers.CharField(required=False, allow_blank=True, max_length=120)
    aliases = serializers.ListField(child=serializers.CharField(max_length=120), required=False, max_length=50)
    country = serializers.RegexField(r"^([A-Za-z]{2})?$", required=False, allow_blank=True)


class PlayerMergeSerializer(serializers.Serializer[Any]):
    """The player that goes; this one takes its place everywhere."""

    other = serializers.PrimaryKeyRelatedField(queryset=Player.objects.all())


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    """A collection. Its files, in order: `/collections/ID/items/`; those of one with a `query`: `/search?q=`."""

    parent = serializers.PrimaryKeyRelatedField[Collection](read_only=True)  # type: ignore[assignment]

    class Meta:
        model = Collection
        fields: ClassVar = ["id", "parent", "name", "description", "query", "position", "created_at"]
        read_only_fields: ClassVar = fields


class CollectionWriteSerializer(serializers.Serializer[Any]):
    """What may be said of a collection. Another parent moves it to the end of that one; null is the top."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True)
    query = serializers.CharField(required=False, allow_blank=True, max_length=300, help_text="Words and fields, as in the search box.")
    parent = serializers.PrimaryKeyRelatedField(queryset=Collection.objects.all(), required=False, allow_null=True)  # type: ignore[assignment]


class CollectionItemSerializer(serializers.ModelSerializer[CollectionItem]):
    """One file in a collection."""

    file = FileSerializer(read_only=True)

    class Meta:
        model = CollectionItem
        fields: ClassVar = ["position", "file"]
        read_only_fields: ClassVar = fields


class CollectionOrderSerializer(serializers.Serializer[Any]):
    """All collections directly in `parent` (null: at the top), in their new order."""

    parent = serializers.PrimaryKeyRelatedField(queryset=Collection.objects.all(), allow_null=True)  # type: ignore[assignment]
    collection_ids = serializers.ListField(child=serializers.IntegerField(min_value=1), max_length=10_000)
