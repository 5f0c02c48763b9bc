"""JSON shapes of ingest."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers

from ingest.models import MissingHold, Scan


class ScanTriggerSerializer(serializers.Serializer[object]):
    """What to scan: a source by name or id; `full` lists every directory."""

    source = serializers.CharField()  # type: ignore[assignment]  # a field of that name; the base keeps its own in instances
    full = serializers.BooleanField(default=False)


class JobStartedSerializer(serializers.Serializer[object]):
    """The job that does it."""

    job_id = serializers.IntegerField()


class FileEventSerializer(serializers.Serializer[object]):
    """What a script on the NAS saw. `path` is relative to the source's root, or absolute on the NAS."""

    action = serializers.ChoiceField(["create", "modify", "delete", "move"])
    path = serializers.CharField(max_length=4096, trim_whitespace=False)
    destination = serializers.CharField(max_length=4096, required=False, trim_whitespace=False)  # of a move
    source = serializers.CharField(required=False, default="")  # type: ignore[assignment]  # as above


class EventAcceptedSerializer(serializers.Serializer[object]):
    """Names of the sources that will be looked at."""

    sources = serializers.ListField(child=serializers.CharField())


class ScanSerializer(serializers.ModelSerializer[Scan]):
    class Meta:
        model = Scan
        fields: ClassVar = [
            "id",
            "source",
            "job",
            "mode",
            "state",
            "started_at",
            "finished_at",
            "directories",
            "skipped_directories",
            "unreadable_directories",
            "files",
            "added",
            "changed",
            "moved",
            "absent",
            "missing",
            "restored",
            "error_code",
            "error_params",
        ]


class HoldSerializer(serializers.ModelSerializer[MissingHold]):
    class Meta:
        model = MissingHold
        fields: ClassVar = [
            "id",
            "source",
            "scan",
            "folder",
            "files",
            "total_bytes",
            "share_percent",
            "created_at",
            "decision",
            "decided_by",
            "decided_at",
        ]
