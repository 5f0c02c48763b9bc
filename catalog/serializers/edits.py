"""Shapes of changes of many files."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from catalog.choices import EDIT_TARGETS, EditKind, EditState
from catalog.models import BulkEdit, Collection, Player, Series, Tag
from catalog.selectors import SORTS
from catalog.serializers.references import FileIdsField

_MODELS: dict[str, Any] = {"collection": Collection, "tag": Tag, "player": Player, "series": Series}


class BulkEditSerializer(serializers.ModelSerializer[BulkEdit]):
    """A change of many files, and how far it is."""

    state = serializers.ChoiceField(choices=EditState.choices, read_only=True)

    class Meta:
        model = BulkEdit
        fields: ClassVar = [
            "id",
            "kind",
            "target_ids",
            "target_label",
            "query",
            "state",
            "has_stopped",
            "total_files",
            "changed_files",
            "total_parts",
            "done_parts",
            "requested_at",
            "job",
        ]
        read_only_fields: ClassVar = fields


class BulkEditWriteSerializer(serializers.Serializer[Any]):
    """What is to be done with which files: those of a search, or those named."""

    kind = serializers.ChoiceField(choices=EditKind.choices)
    target_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        min_length=1,
        max_length=100,
        help_text="Of a collection or series, of tags or players.",
    )
    query = serializers.CharField(max_length=300, default="", allow_blank=True, help_text="Words and fields, as in the search box.")
    sort = serializers.ChoiceField(choices=SORTS, default="relevance")
    file_ids = FileIdsField(default=list)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Known targets, and one way of naming files."""
        if bool(attrs["query"]) == bool(attrs["file_ids"]):
            raise serializers.ValidationError("Give either a query or file_ids.")
        found = _MODELS[EDIT_TARGETS[EditKind(attrs["kind"])]]._default_manager.in_bulk(attrs.pop("target_ids"))
        if not found:
            raise serializers.ValidationError({"target_ids": "None of them exists."})
        if attrs["kind"] in {EditKind.COLLECT.value, EditKind.PLACE.value} and len(found) > 1:
            raise serializers.ValidationError({"target_ids": "One is enough."})
        return {**attrs, "targets": list(found.values())}
