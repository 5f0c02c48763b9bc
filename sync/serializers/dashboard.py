"""Shapes of the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.timezone import localtime
from django.utils.translation import gettext
from rest_framework import serializers

from mam.jobs.serializers import JobSerializer
from sync.selectors.dashboard import SyncState

if TYPE_CHECKING:
    from sync.selectors.dashboard import Dashboard

SYNC_STATES = [(state.value, state.value) for state in SyncState]  # settings.SPECTACULAR_SETTINGS names them
_MEBIBYTE = 1 << 20


class SourceSideSerializer(serializers.Serializer[Any]):
    """The archive."""

    name = serializers.CharField()
    db_path = serializers.CharField(help_text="The name of the database, without its place.")
    total_files = serializers.IntegerField()
    total_bytes = serializers.IntegerField()
    by_type = serializers.DictField(child=serializers.IntegerField(), help_text="Kind of file -> files.")
    db_size_mb = serializers.FloatField()


class ExcludedSerializer(serializers.Serializer[Any]):
    """Files that get no entry."""

    non_hls = serializers.IntegerField()
    duplicates = serializers.IntegerField()


class TargetSideSerializer(serializers.Serializer[Any]):
    """The OTT platform: entries that are not marked as deleted."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    db_path = serializers.CharField()
    total_files = serializers.IntegerField()
    total_bytes = serializers.IntegerField()
    by_format = serializers.DictField(child=serializers.IntegerField(), help_text="File type -> entries.")
    excluded = ExcludedSerializer()
    db_size_mb = serializers.FloatField(allow_null=True)


class ResultSerializer(serializers.Serializer[Any]):
    """What a sync did."""

    added = serializers.IntegerField()
    updated = serializers.IntegerField()
    deleted = serializers.IntegerField()
    restored = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # a count
    state = serializers.CharField(allow_blank=True, help_text="Of its plan: applied, partial, failed, held; empty before the first.")


class HeldFilesSerializer(serializers.Serializer[Any]):
    """Files that vanished at once; an administrator decides about them."""

    source = serializers.CharField()  # type: ignore[assignment]
    files = serializers.IntegerField()


class SyncStatusSerializer(serializers.Serializer[Any]):
    """How syncing goes."""

    is_running = serializers.BooleanField()
    last_sync_time = serializers.DateTimeField(allow_null=True)
    last_result = ResultSerializer()
    next_sync_time = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(choices=SYNC_STATES, help_text="The most pressing of `states`.")
    states = serializers.ListField(child=serializers.ChoiceField(choices=SYNC_STATES))
    held_plan_id = serializers.IntegerField(allow_null=True)
    offline_sources = serializers.ListField(child=serializers.CharField())
    held_files = HeldFilesSerializer(many=True)
    growing_files = serializers.IntegerField(help_text="Still being written: they come with a later sync.")
    waiting = serializers.DictField(child=serializers.IntegerField(), help_text="Action -> what the next sync would do.")


class CatalogCountSerializer(serializers.Serializer[Any]):
    """The files of a catalog. Of the files in none both ids are null."""

    id = serializers.CharField(allow_null=True, help_text="Its name.")
    catalog_id = serializers.IntegerField(allow_null=True)
    count = serializers.IntegerField()
    synced = serializers.IntegerField()


class FormatCountSerializer(serializers.Serializer[Any]):
    """Videos of a type."""

    extension = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()
    bytes = serializers.IntegerField()
    is_hls = serializers.BooleanField()


class HlsShareSerializer(serializers.Serializer[Any]):
    """Videos that can be streamed as they are, by their type."""

    compatible = serializers.IntegerField()
    other = serializers.IntegerField()
    percent = serializers.FloatField()


class DashboardSerializer(serializers.Serializer[Any]):
    """Both sides, in numbers."""

    source = SourceSideSerializer()  # type: ignore[assignment]
    target = TargetSideSerializer()
    sync_status = SyncStatusSerializer()
    catalogs = CatalogCountSerializer(many=True)
    formats = FormatCountSerializer(many=True)
    hls = HlsShareSerializer()
    by_status = serializers.DictField(child=serializers.IntegerField(), help_text="Status of matches -> matches.")
    jobs = JobSerializer(many=True, help_text="That work on the target, or will.")


def show_dashboard(found: Dashboard) -> dict[str, Any]:
    """DashboardSerializer."""
    target = found.target
    return {
        "source": {
            "name": gettext("NAS archive"),
            "db_path": found.source_side.location,
            "total_files": found.source_side.files,
            "total_bytes": found.source_side.bytes,
            "by_type": found.source_side.by_type,
            "db_size_mb": _mebibytes(found.source_side.database_bytes),
        },
        "target": {
            "id": target.pk,
            "name": target.name,
            "db_path": found.target_side.location,
            "total_files": found.target_side.files,
            "total_bytes": found.target_side.bytes,
            "by_format": found.target_side.by_format,
            "excluded": {"non_hls": found.target_side.non_hls, "duplicates": found.target_side.duplicates},
            "db_size_mb": _mebibytes(found.target_side.database_bytes),
        },
        "sync_status": _sync_status(found),
        "catalogs": [
            {"id": one.name if one.catalog_id else None, "catalog_id": one.catalog_id, "count": one.files, "synced": one.synced}
            for one in found.catalogs
        ],
        "formats": [{"extension": one.extension, "count": one.files, "bytes": one.bytes, "is_hls": one.is_hls} for one in found.formats],
        "hls": _hls_share(found),
        "by_status": found.by_status,
        "jobs": JobSerializer(found.jobs, many=True).data if found.jobs else [],
    }


def _sync_status(found: Dashboard) -> dict[str, Any]:
    target = found.target
    return {
        "is_running": SyncState.RUNNING in found.states,
        "last_sync_time": localtime(target.last_sync_at).isoformat() if target.last_sync_at else None,
        "last_result": found.last_result,
        "next_sync_time": localtime(target.next_sync_at).isoformat() if target.is_automatic and target.next_sync_at else None,
        "state": found.state,
        "states": list(found.states),
        "held_plan_id": found.held_plan_id,
        "offline_sources": found.offline_sources,
        "held_files": [{"source": one.name, "files": one.held_files} for one in found.troubles if one.held_files],
        "growing_files": found.target_side.growing,
        "waiting": found.waiting,
    }


def _hls_share(found: Dashboard) -> dict[str, Any]:
    videos, compatible = found.video_files, found.hls_files
    return {"compatible": compatible, "other": videos - compatible, "percent": round(100 * compatible / videos, 1) if videos else 0.0}


def _mebibytes(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else round(size_bytes / _MEBIBYTE, 2)
