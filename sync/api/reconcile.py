"""Reconciliations: asking for one, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from mam.lib.downloads import download
from sync.api.actions import started
from sync.api.base import PAGE_PARAMETERS, SyncView, target_of
from sync.selectors.plans import get_report, list_drift, list_reports, write_combined
from sync.selectors.scope import RUN, VIEW
from sync.serializers.plans import (
    DriftLineSerializer,
    DriftPageSerializer,
    DriftQuerySerializer,
    DriftReportPageSerializer,
    DriftReportSerializer,
    ReportsQuerySerializer,
    StartedSerializer,
    TargetRequestSerializer,
)
from sync.services import syncing

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request


class TextRenderer(JSONRenderer):
    """For `Accept: text/plain` and `?format=txt`. The view writes the text itself; an error is JSON also then."""

    media_type = "text/plain"
    format = "txt"
    charset = "utf-8"


class ReconcileView(SyncView):
    """GET and POST /api/reconcile."""

    required_permissions: ClassVar = {"GET": VIEW, "POST": RUN}

    @extend_schema(
        operation_id="reconcile_list", parameters=[ReportsQuerySerializer, *PAGE_PARAMETERS], responses=DriftReportPageSerializer
    )
    def get(self, request: Request) -> Response:
        """Reconciliations, the newest first."""
        sent = self.asked(ReportsQuerySerializer).validated_data
        reports = list_reports(user=self.user, target=target_of(sent["target"]))
        page = self.page_of(reports if sent["job"] is None else reports.filter(job=sent["job"]))
        return Response({"items": DriftReportSerializer(page.items, many=True).data, "next": page.next, "previous": page.previous})

    @extend_schema(operation_id="reconcile", request=TargetRequestSerializer, responses={202: StartedSerializer})
    def post(self, request: Request) -> Response:
        """Compare both sides row by row. Nothing is changed on either; what was found is in the report of the job."""
        target = target_of(self.sent(TargetRequestSerializer).validated_data["target"])
        return started(syncing.request_reconcile(target=target, user=self.user), gettext("The reconciliation has been requested."))


class ReconcileReportView(SyncView):
    """GET /api/reconcile/<id>."""

    ordering: ClassVar = ("id",)
    renderer_classes = (JSONRenderer, TextRenderer)
    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(
        operation_id="reconcile_retrieve",
        parameters=[DriftQuerySerializer, *PAGE_PARAMETERS],
        responses={(200, "application/json"): DriftPageSerializer, (200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request, report_id: int) -> HttpResponseBase:
        """What a reconciliation found; as text all of it, a line a path, in the form of `rclone check --combined`."""
        report = get_report(user=self.user, report_id=report_id)
        if isinstance(request.accepted_renderer, TextRenderer):
            parts = write_combined(user=self.user, report=report)
            return download(parts, name=f"reconcile-{report.pk}", suffix="txt", content_type="text/plain; charset=utf-8")
        page = self.page_of(list_drift(user=self.user, report=report, sign=self.asked(DriftQuerySerializer).validated_data["sign"]))
        lines = DriftLineSerializer(page.items, many=True).data
        return Response({**DriftReportSerializer(report).data, "items": lines, "next": page.next, "previous": page.previous})
