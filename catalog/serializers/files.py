"""Files and folders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.urls import reverse
from rest_framework import serializers

from catalog.models import Collection, Content, Folder, MediaFile, MediaStream, Player, Series
from catalog.serializers.references import (
    ContentReference,
    FileIdsField,
    FolderReference,
    PlayerReference,
    SourceReference,
    TagReference,
)


class StreamSerializer(serializers.ModelSerializer[MediaStream]):
    """One elementary stream. Fields that do not belong to its kind are null or empty."""

    frame_rate = serializers.SerializerMethodField()
    sample_aspect = serializers.SerializerMethodField()

    class Meta:
        model = MediaStream
        exclude: ClassVar = ["id", "file", "frame_rate_num", "frame_rate_den", "sample_aspect_num", "sample_aspect_den"]

    def get_frame_rate(self, stream: MediaStream) -> str | None:
        """Frames per second, exact: `"30000/1001"`."""
        return ratio(stream.frame_rate_num, stream.frame_rate_den)

    def get_sample_aspect(self, stream: MediaStream) -> str | None:
        """Width by height of a pixel: `"4/3"`."""
        return ratio(stream.sample_aspect_num, stream.sample_aspect_den)


class FileSerializer(serializers.ModelSerializer[MediaFile]):
    """A file in a list."""

    path = serializers.CharField(read_only=True, help_text="Relative to the source's root, as the source spells it.")
    source = SourceReference(read_only=True)  # type: ignore[assignment]
    folder = FolderReference(read_only=True)
    content = ContentReference(read_only=True, allow_null=True)
    tags = TagReference(many=True, read_only=True)
    frame_rate = serializers.SerializerMethodField()
    modified_at = serializers.SerializerMethodField()
    page_url = serializers.SerializerMethodField()

    class Meta:
        model = MediaFile
        fields: ClassVar = [
            "id",
            "name",
            "title",
            "path",
            "source",
            "folder",
            "content",
            "part_number",
            "placement",
            "kind",
            "extension",
            "size_bytes",
            "modified_at",
            "first_seen_at",
            "presence",
            "probe_state",
            "probe_reason",
            "duration_ms",
            "width_px",
            "height_px",
            "frame_rate",
            "video_codec",
            "audio_codec",
            "tags",
            "page_url",
        ]
        read_only_fields: ClassVar = fields

    def get_frame_rate(self, file: MediaFile) -> str | None:
        """Frames per second of the first video stream, exact: `"30000/1001"`."""
        return ratio(file.frame_rate_num, file.frame_rate_den)

    def get_modified_at(self, file: MediaFile) -> datetime | None:
        """When the bytes last changed, as the source says; null for what no calendar holds."""
        return modified_at(file.mtime_ns)

    def get_page_url(self, file: MediaFile) -> str:
        """The file's page."""
        return reverse("catalog:file_detail", args=[file.pk])


class CollectionReference(serializers.ModelSerializer[Collection]):
    class Meta:
        model = Collection
        fields: ClassVar = ["id", "name"]


class FileDetailSerializer(FileSerializer):
    """A file in full."""

    streams = StreamSerializer(many=True, read_only=True)
    players = PlayerReference(many=True, read_only=True)
    collections = CollectionReference(many=True, read_only=True)
    duration = serializers.SerializerMethodField()

    class Meta(FileSerializer.Meta):
        fields: ClassVar = [
            *FileSerializer.Meta.fields,
            "description",
            "container",
            "duration",
            "bit_rate_bps",
            "recorded_at",
            "start_timecode",
            "is_drop_frame",
            "rotation",
            "chapters",
            "streams",
            "players",
            "collections",
            "last_viewed_at",
            "version",
        ]
        read_only_fields: ClassVar = fields

    def get_duration(self, file: MediaFile) -> str | None:
        """Seconds, exact: `"10010/1000"`; null when unknown."""
        if file.duration_ticks is None:
            return None
        return f"{file.duration_ticks * file.duration_base_num}/{file.duration_base_den}"


class FileWriteSerializer(serializers.Serializer[Any]):
    """What may be changed of a file; what is left out stays."""

    title = serializers.CharField(required=False, allow_blank=True, max_length=255, help_text="Empty: the file name.")
    description = serializers.CharField(required=False, allow_blank=True)
    part_number = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=32_767)
    content = serializers.PrimaryKeyRelatedField(
        queryset=Content.objects.select_related("series"), required=False, allow_null=True, help_text="null: out of every content."
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, max_length=100, help_text="Names; new ones are made."
    )
    players = serializers.PrimaryKeyRelatedField(queryset=Player.objects.all(), many=True, required=False)


class TagFilesSerializer(serializers.Serializer[Any]):
    """Tags to put on many files and to take off them, by name."""

    file_ids = FileIdsField(allow_empty=False)
    add = serializers.ListField(child=serializers.CharField(max_length=100), default=list, max_length=100)
    remove = serializers.ListField(child=serializers.CharField(max_length=100), default=list, max_length=100)


class MoveFilesSerializer(serializers.Serializer[Any]):
    """Where many files go: into one content, or into contents of one series, titled as before. Exactly one of both."""

    file_ids = FileIdsField(allow_empty=False)
    content = serializers.PrimaryKeyRelatedField(queryset=Content.objects.select_related("series"), required=False, allow_null=True)
    series = serializers.PrimaryKeyRelatedField(queryset=Series.objects.all(), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one target."""
        if ("content" in attrs) == ("series" in attrs):
            raise serializers.ValidationError({"content": ["Give either a content or a series."]})
        return attrs


class FolderSerializer(serializers.ModelSerializer[Folder]):
    """A folder with the totals of everything below it."""

    source = SourceReference(read_only=True)  # type: ignore[assignment]
    parent = serializers.PrimaryKeyRelatedField[Folder](read_only=True)  # type: ignore[assignment]

    class Meta:
        model = Folder
        fields: ClassVar = [
            "id",
            "source",
            "parent",
            "name",
            "path",
            "depth",
            "is_missing",
            "listed_at",
            "total_files",
            "total_bytes",
            "total_videos",
            "total_growing",
            "total_missing",
            "total_pending",
            "total_failed",
        ]
        read_only_fields: ClassVar = fields


def modified_at(mtime_ns: int) -> datetime | None:
    """A source's time stamp, in seconds; None for what no calendar holds."""
    try:
        return datetime.fromtimestamp(mtime_ns // 1_000_000_000, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return None


def ratio(numerator: int | None, denominator: int | None) -> str | None:
    """`"30000/1001"`, or None."""
    return None if numerator is None else f"{numerator}/{denominator}"
