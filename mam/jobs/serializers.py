"""The shapes of jobs and log lines, the same in the REST API and in live frames."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from mam.jobs.models import Job, JobLog


class ProgressSerializer(serializers.Serializer[Job]):
    """`percent` is null while `total` is."""

    done = serializers.IntegerField(source="progress_done")
    total = serializers.IntegerField(source="progress_total", allow_null=True)
    percent = serializers.IntegerField(source="progress_percent", allow_null=True)
    unit = serializers.CharField(source="progress_unit")
    note = serializers.CharField(source="progress_note")


class JobErrorSerializer(serializers.Serializer[Job]):
    """Why the last attempt failed."""

    code = serializers.CharField(source="error_code")
    message = serializers.CharField(source="error_text")
    params = serializers.JSONField(source="error_params")


class JobSerializer(serializers.ModelSerializer[Job]):
    """One job. `error` is null unless the last attempt failed."""

    kind_label = serializers.CharField(read_only=True)
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    progress = ProgressSerializer(source="*", read_only=True)
    error = serializers.SerializerMethodField()
    requested_by = serializers.CharField(source="requested_by.email", default=None, read_only=True, allow_null=True)

    class Meta:
        model = Job
        fields: ClassVar = [
            "id",
            "kind",
            "kind_label",
            "subject",
            "subject_url",
            "queue",
            "priority",
            "state",
            "state_label",
            "progress",
            "attempt",
            "max_attempts",
            "cancel_requested",
            "can_be_cancelled",
            "can_be_retried",
            "result",
            "error",
            "requested_by",
            "not_before",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields: ClassVar = fields

    def get_error(self, job: Job) -> dict[str, Any] | None:
        """`{code, message, params}` or null."""
        return dict(JobErrorSerializer(job).data) if job.error_code else None


class JobLogSerializer(serializers.ModelSerializer[JobLog]):
    """One line. `id` grows in the order in which lines become visible: give the last one back as `after`."""

    job = serializers.IntegerField(source="job_id", read_only=True)
    message = serializers.CharField(read_only=True)
    level_label = serializers.CharField(read_only=True)

    class Meta:
        model = JobLog
        fields: ClassVar = ["id", "job", "at", "level", "level_label", "code", "params", "message"]
        read_only_fields: ClassVar = fields
