"""Shapes of the match table."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from sync.choices import Action, MatchReason, MatchStatus
from sync.selectors.filters import WORDS_MAX, MatchFilter, find_catalog_id, known_statuses, read_extension
from sync.selectors.matching import MAX_PER_PAGE, NEWEST, ORDERS, PER_PAGE

# Choices that say something; settings.SPECTACULAR_SETTINGS names them.
REASONS = [choice for choice in MatchReason.choices if choice[0]]
ACTIONS = [choice for choice in Action.choices if choice[0]]
ROW_STATES = [("active", "active"), ("deleted", "deleted")]


def read_statuses(value: str) -> tuple[str, ...]:
    """Those named, with commas between, in their order; all of them are as good as none. ValidationError for one that there is not."""
    named = {name.strip() for name in value.split(",") if name.strip()}
    if not named <= set(MatchStatus.values):
        raise serializers.ValidationError("The statuses are: " + ", ".join(MatchStatus.values))
    return known_statuses(value)


class TargetQuerySerializer(serializers.Serializer[Any]):
    """Which target is meant."""

    target = serializers.IntegerField(required=False, allow_null=True, default=None, help_text="Without it the first one.")


class FilterQuerySerializer(TargetQuerySerializer):
    """What matches are narrowed by."""

    status = serializers.CharField(default="", allow_blank=True, help_text="With commas between: " + ", ".join(MatchStatus.values))
    catalog = serializers.CharField(default="", allow_blank=True, help_text="Id or name; `none`: in no catalog.")
    ext = serializers.CharField(default="", allow_blank=True, help_text="File type: `mp4`.")
    q = serializers.CharField(default="", allow_blank=True, max_length=WORDS_MAX, help_text="Words and fields, as in the search box.")

    def validate_status(self, value: str) -> tuple[str, ...]:
        """Known ones, in their order."""
        return read_statuses(value)

    def validate_catalog(self, value: str) -> int | None:
        """The id of one that is there."""
        if not value.strip():
            return None
        found = find_catalog_id(value.strip())
        if found is None:
            raise serializers.ValidationError("There is no such catalog.")
        return found

    @property
    def wanted(self) -> MatchFilter:
        """What was asked for. After `is_valid`."""
        sent = self.validated_data
        return MatchFilter(sent["status"], sent["catalog"], read_extension(sent["ext"]), sent["q"].strip())


class MatchingQuerySerializer(FilterQuerySerializer):
    """A page of the match table."""

    sort = serializers.ChoiceField(choices=list(ORDERS), default=NEWEST)
    page = serializers.IntegerField(default=1, min_value=1)
    per_page = serializers.IntegerField(default=PER_PAGE, min_value=1, max_value=MAX_PER_PAGE)
    cursor = serializers.CharField(default="", allow_blank=True, help_text="Of `next` or `previous`; then `page` says nothing.")


class ExportQuerySerializer(FilterQuerySerializer):
    """The match table as a file."""

    sort = serializers.ChoiceField(choices=list(ORDERS), default=NEWEST)


# --- what is shown ----------------------------------------------------------------------------------------------------
@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class RemoteIdField(serializers.CharField):
    """A target's own id: a number where it has numbers, else text."""


class MatchSourceSerializer(serializers.Serializer[Any]):
    """The file. Its path as it is, or would be, at the target."""

    id = serializers.IntegerField()
    path = serializers.CharField()
    size_bytes = serializers.IntegerField()
    codec = serializers.CharField(allow_null=True, help_text="Of the picture.")
    resolution = serializers.CharField(allow_null=True, help_text="`1920x1080`.")
    duration_sec = serializers.FloatField(allow_null=True)


class MatchTargetSerializer(serializers.Serializer[Any]):
    """The entry of the target."""

    id = RemoteIdField()
    nas_path = serializers.CharField()
    size_bytes = serializers.IntegerField()
    hls_compatible = serializers.BooleanField()
    status = serializers.ChoiceField(choices=ROW_STATES)
    error = serializers.CharField(allow_null=True, help_text="Why it cannot be read, in the reader's language.")


class CopySerializer(serializers.Serializer[Any]):
    """Another file of the same name and size. Of all of them the one syncs that is no `duplicate`."""

    id = serializers.IntegerField(help_text="Of the file.")
    path = serializers.CharField()
    status = serializers.ChoiceField(choices=MatchStatus.choices)
    match_id = serializers.IntegerField()


class MatchCatalogSerializer(serializers.Serializer[Any]):
    """Where curators have the file."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class MatchSerializer(serializers.Serializer[Any]):
    """A file, an entry of the target, or both."""

    id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=MatchStatus.choices)
    source = MatchSourceSerializer(allow_null=True)  # type: ignore[assignment]
    target = MatchTargetSerializer(allow_null=True)
    duplicates = CopySerializer(many=True, help_text="The first 20; all of them under `/api/matching/{id}/duplicates`.")
    duplicates_total = serializers.IntegerField()
    reason = serializers.CharField(allow_null=True, help_text="In the reader's language.")
    reason_code = serializers.ChoiceField(choices=REASONS, allow_null=True)
    action = serializers.ChoiceField(choices=ACTIONS, allow_null=True, help_text="What the next sync would do.")
    catalog = MatchCatalogSerializer(allow_null=True)


class MatchSummarySerializer(serializers.Serializer[Any]):
    """Of all matches of the target."""

    synced = serializers.IntegerField()
    not_synced = serializers.IntegerField()
    duplicates_excluded = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())


class MatchingPageSerializer(serializers.Serializer[Any]):
    """A page of the match table."""

    total = serializers.IntegerField(help_text="Of all pages.")
    page = serializers.IntegerField(allow_null=True, help_text="null: asked for by a cursor.")
    per_page = serializers.IntegerField()
    items = MatchSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Give it back as `cursor`.")
    previous = serializers.CharField(allow_null=True)
    is_capped = serializers.BooleanField(help_text="A search found more than it shows.")
    summary = MatchSummarySerializer()


class CopyPageSerializer(serializers.Serializer[Any]):
    """Copies, page by page."""

    items = CopySerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
