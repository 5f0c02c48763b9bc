"""Jobs under /api/v1/jobs/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from mam.jobs import selectors, services
from mam.jobs.models import Job, JobState
from mam.jobs.selectors import log_cursor
from mam.jobs.serializers import JobLogSerializer, JobSerializer

if TYPE_CHECKING:
    from rest_framework.request import Request

_LINES = 500


class JobFilter(filters.FilterSet):
    """`?state=failed&kind=ingest.scan&queue=fast`; `state` may be given several times."""

    state = filters.MultipleChoiceFilter(choices=JobState.choices)
    kind = filters.CharFilter()
    queue = filters.CharFilter()


class JobViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Job]):
    """Jobs: list, detail, log, cancel, retry."""

    queryset = Job.objects.select_related("requested_by")
    serializer_class = JobSerializer
    filterset_class = JobFilter
    ordering = ("-id",)
    ordering_fields: ClassVar = {"id": "pk", "priority": "priority", "created_at": "created_at", "finished_at": "finished_at"}
    required_permissions: ClassVar = {
        "list": "jobs.view_job",
        "retrieve": "jobs.view_job",
        "log": "jobs.view_job",
        "cancel": "jobs.control_job",
        "retry": "jobs.control_job",
    }

    @extend_schema(
        parameters=[OpenApiParameter("after", int, description="Only lines with a higher id; at most 500 are given.")],
        responses=JobLogSerializer(many=True),
        filters=False,
    )
    @action(detail=True, pagination_class=None, filterset_class=None)
    def log(self, request: Request, pk: str) -> Response:
        """The job's log, oldest line first."""
        lines = selectors.list_log(after=log_cursor(request.query_params.get("after", "")) or 0, job_id=self.get_object().pk, limit=_LINES)
        return Response({"items": JobLogSerializer(lines, many=True).data})

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel a waiting job; ask a running one to stop."""
        return self._answer(services.cancel(job=self.get_object(), user=self._user(request)))

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Put a failed or cancelled job back into its queue."""
        return self._answer(services.retry(job=self.get_object(), user=self._user(request)))

    def _answer(self, job: Job) -> Response:
        return Response(self.get_serializer(job).data)

    def _user(self, request: Request) -> Any:
        return request.user
