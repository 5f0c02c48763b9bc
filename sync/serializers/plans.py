"""Shapes of plans, reconciliations and what is asked of sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext
from rest_framework import serializers

from mam.lib import messages
from mam.lib.messages import fill
from sync.choices import Drift, HoldReason, PartState
from sync.models import DriftLine, DriftReport, Plan
from sync.selectors.plans import list_actions
from sync.selectors.rows import shown_remote_id
from sync.serializers.match_rows import seconds
from sync.serializers.matching import ACTIONS, ROW_STATES, RemoteIdField, TargetQuerySerializer
from sync.services.syncing import REASON_MAX

if TYPE_CHECKING:
    from sync.models import PlanPart
    from sync.services.documents import Planned


class StoredReasonSerializer(serializers.Serializer[Any]):
    """Why something is so."""

    code = serializers.CharField()
    message = serializers.CharField(help_text="In the reader's language.")
    params = serializers.JSONField()


class TargetRequestSerializer(serializers.Serializer[Any]):
    """Which target is meant."""

    target = serializers.IntegerField(required=False, allow_null=True, default=None, help_text="Without it the first one.")


class StartedSerializer(serializers.Serializer[Any]):
    """The job that does what was asked for; of what is being done already the one that does it."""

    message = serializers.CharField(help_text="In the reader's language.")
    job_id = serializers.IntegerField()


class ApprovalRequestSerializer(serializers.Serializer[Any]):
    """Why a held plan shall be applied."""

    reason = serializers.CharField(max_length=REASON_MAX)


# --- plans ------------------------------------------------------------------------------------------------------------
class PlanSerializer(serializers.ModelSerializer[Plan]):
    """A plan: what a sync would do, or has done."""

    target = serializers.IntegerField(source="target_id", read_only=True)
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True, help_text="Action -> entries of the target.")
    holds = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    job_id = serializers.IntegerField(read_only=True, allow_null=True)
    requested_by = serializers.CharField(source="requested_by.email", default=None, read_only=True, allow_null=True)
    approved_by = serializers.CharField(source="approved_by.email", default=None, read_only=True, allow_null=True)
    undo_of = serializers.IntegerField(source="undo_of_id", read_only=True, allow_null=True)
    undone_by = serializers.SerializerMethodField()

    class Meta:
        model = Plan
        fields: ClassVar = [
            *("id", "target", "state", "state_label", "counts", "total_rows", "total_bytes", "total_parts", "done_parts", "parked_parts"),
            *("digest", "holds", "error", "job_id", "requested_by", "approved_by", "approved_at", "approval_reason", "created_at"),
            *("started_at", "finished_at", "undo_of", "undone_by"),
        ]
        read_only_fields: ClassVar = fields

    def get_holds(self, plan: Plan) -> list[dict[str, Any]]:
        """Why it waits or waited for an approval: `[{code, message, params}]`."""
        return [{**hold, "message": hold_text(hold["code"], hold["params"])} for hold in plan.holds]

    def get_error(self, plan: Plan) -> dict[str, Any] | None:
        """What stopped it, or put parts of it aside: `{code, message, params}` or null."""
        return show_error(plan.error_code, plan.error_params)

    def get_undone_by(self, plan: Plan) -> int | None:
        """The plan that takes it back."""
        undo = getattr(plan, "undone_by", None)
        return undo.pk if undo else None


class PlannedRowSerializer(serializers.Serializer[Any]):
    """What an entry of the target says."""

    nas_path = serializers.CharField()
    size_bytes = serializers.IntegerField()
    extension = serializers.CharField()
    hls_compatible = serializers.BooleanField()
    codec = serializers.CharField()
    width_px = serializers.IntegerField(allow_null=True)
    height_px = serializers.IntegerField(allow_null=True)
    duration_sec = serializers.FloatField(allow_null=True)
    content_id = serializers.CharField()
    status = serializers.ChoiceField(choices=ROW_STATES)


class PlannedSerializer(serializers.Serializer[Any]):
    """One action: what the entry says before and after it."""

    action = serializers.ChoiceField(choices=ACTIONS)
    source_id = serializers.IntegerField(allow_null=True)
    target_id = RemoteIdField(allow_null=True)
    before = PlannedRowSerializer(allow_null=True)
    after = PlannedRowSerializer(allow_null=True)


class PlanPartSerializer(serializers.Serializer[Any]):
    """Some actions, which become true together."""

    number = serializers.IntegerField(help_text="From 1.")
    state = serializers.ChoiceField(choices=PartState.choices)
    error = StoredReasonSerializer(allow_null=True)
    actions = PlannedSerializer(many=True)


class PlanDetailSerializer(PlanSerializer):
    """A plan and one part of it."""

    part = PlanPartSerializer(allow_null=True, read_only=True)

    class Meta(PlanSerializer.Meta):
        fields: ClassVar = [*PlanSerializer.Meta.fields, "part"]
        read_only_fields: ClassVar = fields


class PlanPageSerializer(serializers.Serializer[Any]):
    """Plans, the newest first."""

    items = PlanSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class PlanQuerySerializer(serializers.Serializer[Any]):
    """Which part of a plan is shown."""

    part = serializers.IntegerField(default=1, min_value=1, help_text="From 1 to `total_parts`.")


class PlansQuerySerializer(TargetQuerySerializer):
    """Plans of a target."""

    state = serializers.CharField(default="", allow_blank=True, help_text="Only those in this state.")


def show_part(part: PlanPart | None) -> dict[str, Any] | None:
    """PlanPartSerializer."""
    if part is None:
        return None
    return {
        "number": part.number + 1,
        "state": part.state,
        "error": show_error(part.error_code, part.error_params),
        "actions": [_show_action(planned) for planned in list_actions(part)],
    }


def hold_text(code: str, params: dict[str, Any]) -> str:
    """Why a plan waits, in the reader's language."""
    return fill(str(HoldReason(code).label) if code in HoldReason.values else code, params)


def show_error(code: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """A stored error: StoredReasonSerializer; None without one."""
    return {"code": code, "message": messages.render(code, params, gettext), "params": params} if code else None


def _show_action(planned: Planned) -> dict[str, Any]:
    return {
        "action": planned.action,
        "source_id": planned.file_id,
        "target_id": shown_remote_id(planned.remote_id),
        "before": _show_row(planned.before),
        "after": _show_row(planned.after),
    }


def _show_row(packed: list[Any] | None) -> dict[str, Any] | None:
    if packed is None:
        return None
    path, size_bytes, extension, is_hls, codec, width_px, height_px, duration_ms, content_id, is_deleted, _deleted_at = packed
    return {
        "nas_path": path,
        "size_bytes": size_bytes,
        "extension": extension,
        "hls_compatible": is_hls,
        "codec": codec,
        "width_px": width_px,
        "height_px": height_px,
        "duration_sec": None if duration_ms is None else seconds(duration_ms),
        "content_id": content_id,
        "status": "deleted" if is_deleted else "active",
    }


# --- reconciliations --------------------------------------------------------------------------------------------------
class DriftLineSerializer(serializers.ModelSerializer[DriftLine]):
    """A path that is not equal on both sides."""

    source_id = serializers.IntegerField(source="file_id", read_only=True, allow_null=True)
    target_id = serializers.SerializerMethodField()
    sign_label = serializers.CharField(source="get_sign_display", read_only=True)

    class Meta:
        model = DriftLine
        fields: ClassVar = ["id", "sign", "sign_label", "path", "source_id", "target_id", "details"]
        read_only_fields: ClassVar = fields

    def get_target_id(self, line: DriftLine) -> int | str | None:
        """The target's own id."""
        return shown_remote_id(line.remote_id)


class DriftReportSerializer(serializers.ModelSerializer[DriftReport]):
    """A reconciliation. `counts`: sign of `rclone check --combined` -> paths."""

    target = serializers.IntegerField(source="target_id", read_only=True)
    job_id = serializers.IntegerField(read_only=True, allow_null=True)
    requested_by = serializers.CharField(source="requested_by.email", default=None, read_only=True, allow_null=True)
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = DriftReport
        fields: ClassVar = ["id", "target", "job_id", "requested_by", "counts", "created_at", "finished_at"]
        read_only_fields: ClassVar = fields


class DriftPageSerializer(DriftReportSerializer):
    """A reconciliation with some of what it found."""

    items = DriftLineSerializer(many=True, read_only=True)
    next = serializers.CharField(allow_null=True, read_only=True)
    previous = serializers.CharField(allow_null=True, read_only=True)

    class Meta(DriftReportSerializer.Meta):
        fields: ClassVar = [*DriftReportSerializer.Meta.fields, "items", "next", "previous"]
        read_only_fields: ClassVar = fields


class DriftReportPageSerializer(serializers.Serializer[Any]):
    """Reconciliations, the newest first."""

    items = DriftReportSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class ReportsQuerySerializer(TargetQuerySerializer):
    """Reconciliations of a target."""

    job = serializers.IntegerField(required=False, allow_null=True, default=None, help_text="Only that of this job.")


class DriftQuerySerializer(serializers.Serializer[Any]):
    """Which lines of a reconciliation."""

    sign = serializers.ChoiceField(choices=["", *Drift.values], default="", help_text="Only lines with this sign.")
