"""Shapes of the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import BigIntegerField
from rest_framework import serializers

from sync.choices import HistoryEvent, HistorySide
from sync.models import HistoryRow
from sync.serializers.matching import TargetQuerySerializer

if TYPE_CHECKING:
    from sync.selectors.history import PastMatch

MAX_LIMIT = 200


class HistoryQuerySerializer(TargetQuerySerializer):
    """Which changes; or, with `as_of`, what there was at a time."""

    event = serializers.ChoiceField(choices=["", *HistoryEvent.values], default="")
    side = serializers.ChoiceField(choices=["", *HistorySide.values], default="")
    catalog = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=BigIntegerField.MAX_BIGINT, help_text="Id; 0: in no catalog."
    )
    subject = serializers.CharField(default="", allow_blank=True, max_length=32, help_text="`file:7`, `row:7`")
    since = serializers.DateTimeField(required=False, allow_null=True, default=None)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)
    q = serializers.CharField(default="", allow_blank=True, max_length=300, help_text="In the path.")
    as_of = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="The table as it was then.")
    kind = serializers.ChoiceField(choices=["file", "row"], default="file", help_text="With `as_of`: files, or entries of the target.")
    cursor = serializers.CharField(default="", allow_blank=True, max_length=100)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=MAX_LIMIT)


class HistoryRowSerializer(serializers.ModelSerializer[HistoryRow]):
    """One change: when, what, by whom or which job, before and after; and the hash that chains it to the one before."""

    target = serializers.IntegerField(source="target_id", read_only=True)
    event_label = serializers.CharField(source="get_event_display", read_only=True)
    side_label = serializers.CharField(source="get_side_display", read_only=True)

    class Meta:
        model = HistoryRow
        fields: ClassVar = [
            *("id", "target", "at", "event", "event_label", "side", "side_label", "subject", "path", "catalog_id", "catalog_name"),
            *("actor", "job_id", "request_id", "plan_id", "reason", "before", "after", "digest"),
        ]
        read_only_fields: ClassVar = fields


class PastMatchSerializer(serializers.Serializer[Any]):
    """A file or an entry of the target, as it was."""

    subject = serializers.CharField()
    path = serializers.CharField()
    status = serializers.CharField(allow_blank=True)
    catalog_id = serializers.IntegerField()
    catalog_name = serializers.CharField(allow_blank=True)
    after = serializers.JSONField(help_text="What it was, as the change left it.")
    history_id = serializers.IntegerField(help_text="Of that change.")
    at = serializers.DateTimeField()


class HistoryPageSerializer(serializers.Serializer[Any]):
    """Changes, the newest first. With `as_of` the items are those of PastMatch, in the order of `subject`."""

    items = HistoryRowSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    looked_to = serializers.DateTimeField(allow_null=True, help_text="A search that has not looked at everything yet got so far back.")
    is_partial = serializers.BooleanField(help_text="There may be more although the page is not full: go on with `next`.")


class PastPageSerializer(serializers.Serializer[Any]):
    """What there was."""

    items = PastMatchSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    looked_to = serializers.DateTimeField(allow_null=True)
    is_partial = serializers.BooleanField()


def show_past(found: PastMatch) -> dict[str, Any]:
    """What PastMatchSerializer reads."""
    return {
        "subject": found.subject,
        "path": found.path,
        "status": found.status,
        "catalog_id": found.catalog_id,
        "catalog_name": found.catalog_name,
        "after": found.after,
        "history_id": found.row_id,
        "at": found.at,
    }
