"""Shapes of the summary."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from catalog.choices import FileKind, Presence, ProbeState
from catalog.selectors.stats import DIMENSIONS
from catalog.serializers.references import CatalogReference

MAX_DIMENSIONS = 3  # more are rather a list of files


class SummaryRequestSerializer(serializers.Serializer[Any]):
    """By what files are counted, and which."""

    by = serializers.CharField(default="", allow_blank=True, help_text=f"{MAX_DIMENSIONS} at most, with commas: " + ", ".join(DIMENSIONS))
    catalog = serializers.ListField(child=serializers.IntegerField(), required=False, help_text="Ids; 0: in no content.")
    year = serializers.ListField(child=serializers.IntegerField(), required=False, help_text="0: of no year.")
    kind = serializers.MultipleChoiceField(choices=FileKind.choices, required=False)
    extension = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False)
    presence = serializers.MultipleChoiceField(choices=Presence.choices, required=False, help_text="Default: files that are there.")
    probe_state = serializers.MultipleChoiceField(choices=ProbeState.choices, required=False)
    hls = serializers.MultipleChoiceField(choices=["yes", "no"], required=False)

    def validate_by(self, value: str) -> list[str]:
        """Known names, each once."""
        names = [name for name in value.split(",") if name]
        if not set(names) <= set(DIMENSIONS) or len(set(names)) < len(names) or len(names) > MAX_DIMENSIONS:
            raise serializers.ValidationError(f"Each once, {MAX_DIMENSIONS} at most, of: " + ", ".join(DIMENSIONS))
        return names


class SummaryItemSerializer(serializers.Serializer[Any]):
    """How much there is of files that are alike. Of the dimensions those asked for; null where a file has none."""

    catalog = CatalogReference(required=False, allow_null=True)
    year = serializers.IntegerField(required=False, allow_null=True)
    kind = serializers.CharField(required=False)
    extension = serializers.CharField(required=False, allow_null=True)
    presence = serializers.CharField(required=False)
    probe_state = serializers.CharField(required=False)
    hls = serializers.CharField(required=False, allow_null=True, help_text="Plays without encoding: yes, no; null: no understood video.")
    files = serializers.IntegerField()
    bytes = serializers.IntegerField()
    duration_ms = serializers.IntegerField()


class SummarySerializer(serializers.Serializer[Any]):
    """Counts, and what they add up to."""

    items = SummaryItemSerializer(many=True)
    files = serializers.IntegerField()
    bytes = serializers.IntegerField()
    duration_ms = serializers.IntegerField()
