"""Shapes of the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from sync.choices import MatchStatus
from sync.selectors.tree import MAX_DEPTH, MAX_PLACES, PLACES
from sync.serializers.matching import RemoteIdField, TargetQuerySerializer, read_statuses

if TYPE_CHECKING:
    from sync.selectors.rows import MatchRow
    from sync.selectors.tree import GonePage, Place, Tree

PATH_MAX = 4096


class TreeQuerySerializer(TargetQuerySerializer):
    """Which part of the tree."""

    path = serializers.CharField(default="", allow_blank=True, max_length=PATH_MAX, trim_whitespace=False, help_text="Empty: the top.")
    folder = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="`folder_id` of a place, instead of its path."
    )
    depth = serializers.IntegerField(default=1, min_value=1, max_value=MAX_DEPTH, help_text="Levels that are shown.")
    status = serializers.CharField(default="", allow_blank=True, help_text="Only what has one of: " + ", ".join(MatchStatus.values))
    cursor = serializers.CharField(default="", allow_blank=True, help_text="`next` of the same place.")
    limit = serializers.IntegerField(default=PLACES, min_value=1, max_value=MAX_PLACES, help_text="Folders, and files, of each place.")
    only_target = serializers.BooleanField(default=False, help_text="List the entries that no file has, instead of folders.")

    def validate_status(self, value: str) -> tuple[str, ...]:
        """Known ones, in their order."""
        return read_statuses(value)


class TreeFileSerializer(serializers.Serializer[Any]):
    """A file in its folder."""

    name = serializers.CharField()
    type = serializers.ChoiceField(choices=["file"])
    path = serializers.CharField()
    source_id = serializers.IntegerField(allow_null=True)
    target_id = RemoteIdField(allow_null=True)
    match_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=MatchStatus.choices)
    size_bytes = serializers.IntegerField()
    reason = serializers.CharField(allow_null=True)
    reason_code = serializers.CharField(allow_null=True)
    duplicates_total = serializers.IntegerField()


class TreePlaceSerializer(serializers.Serializer[Any]):
    """A folder, with what lies in it and below. Its `children` and `files` are those of a page if it is opened."""

    name = serializers.CharField()
    type = serializers.ChoiceField(choices=["directory"])
    path = serializers.CharField()
    folder_id = serializers.IntegerField()
    total_files = serializers.IntegerField()
    synced = serializers.IntegerField()
    not_synced = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    is_opened = serializers.BooleanField()
    children = serializers.ListField(child=serializers.DictField(), help_text="Folders, each in this shape.")
    files = TreeFileSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Give it back as `cursor`, with the same `path`.")


class OnlyTargetSerializer(serializers.Serializer[Any]):
    """Entries of the target that no file has."""

    total_files = serializers.IntegerField()
    files = TreeFileSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class TreeSerializer(serializers.Serializer[Any]):
    """The top of the tree, or the places at a path: one, unless folders of several sources have it."""

    path = serializers.CharField()
    catalogs = TreePlaceSerializer(many=True)
    files = TreeFileSerializer(many=True, help_text="Of the top: those that lie in no folder.")
    next = serializers.CharField(allow_null=True, help_text="Of the top.")
    only_target = OnlyTargetSerializer(allow_null=True, help_text="Of the top.")


def show_tree(tree: Tree, path: str) -> dict[str, Any]:
    """TreeSerializer."""
    return {
        "path": path,
        "catalogs": [_show_place(place) for place in tree.places],
        "files": [show_file(row) for row in tree.files],
        "next": tree.next,
        "only_target": None if path else {"total_files": tree.gone, "files": [], "next": None},
    }


def show_gone(page: GonePage) -> dict[str, Any]:
    """TreeSerializer, of the entries that no file has."""
    only_target = {"total_files": page.total, "files": [show_file(row) for row in page.files], "next": page.next}
    return {"path": "", "catalogs": [], "files": [], "next": None, "only_target": only_target}


def show_file(row: MatchRow) -> dict[str, Any]:
    """TreeFileSerializer."""
    return {
        "name": row.name,
        "type": "file",
        "path": row.path,
        "source_id": row.file_id,
        "target_id": row.shown_remote_id,
        "match_id": row.id,
        "status": row.status,
        "size_bytes": row.size_bytes,
        "reason": row.reason_text or None,
        "reason_code": row.reason or None,
        "duplicates_total": row.copies,
    }


def _show_place(place: Place) -> dict[str, Any]:
    return {
        "name": place.name,
        "type": "directory",
        "path": place.path,
        "folder_id": place.folder_id,
        "total_files": place.total,
        "synced": place.synced,
        "not_synced": place.total - place.synced,
        "by_status": dict(place.counts),
        "is_opened": place.is_opened,
        "children": [_show_place(folder) for folder in place.folders],
        "files": [show_file(row) for row in place.files],
        "next": place.next,
    }
