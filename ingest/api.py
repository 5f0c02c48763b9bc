"""REST: start scans, take file events, read scans, decide over holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from catalog.models import Source
from ingest.errors import SourceUnknownError
from ingest.models import MissingHold, Scan, ScanMode
from ingest.serializers import (
    EventAcceptedSerializer,
    FileEventSerializer,
    HoldSerializer,
    JobStartedSerializer,
    ScanSerializer,
    ScanTriggerSerializer,
)
from ingest.services import events, holds, scans

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

    from mam.accounts.models import User

SIGNATURE_HEADER = "X-MAM-Signature"


def find_source(name_or_id: str) -> Source:
    """The source of that name, or else of that id. Raises SourceUnknownError."""
    source = Source.objects.filter(name=name_or_id).first()
    if source is None and name_or_id.isascii() and name_or_id.isdigit():
        source = Source.objects.filter(pk=int(name_or_id)).first()
    if source is None:
        raise SourceUnknownError(source=name_or_id)
    return source


class ScanTriggerView(APIView):
    """Start a scan of a source."""

    required_permissions: ClassVar = {"POST": "ingest.scan_source"}

    @extend_schema(request=ScanTriggerSerializer, responses={202: JobStartedSerializer})
    def post(self, request: Request) -> Response:
        """`{source, full}` -> 202 `{job_id}`; the job that waits already is shared."""
        form = ScanTriggerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        mode = ScanMode.FULL if form.validated_data["full"] else ScanMode.GATED
        job = scans.request_scan(source=find_source(form.validated_data["source"]), mode=mode, user=cast("User", request.user))
        return Response({"job_id": job.pk}, status=status.HTTP_202_ACCEPTED)


class SignedOrPermitted(BasePermission):
    """A valid signature of the body, or a user (API key) who may start scans. Raises BadSignatureError for a wrong signature."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        signature = request.headers.get(SIGNATURE_HEADER)
        if signature is not None:
            events.verify_signature(header=signature, body=request._request.body, now=timezone.now())
            return True
        return request.user.has_perm("ingest.scan_source")


class FileEventView(APIView):
    """What scripts on the NAS report: a hint that a folder changed."""

    permission_classes = (SignedOrPermitted,)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "webhook"

    @extend_schema(
        request=FileEventSerializer,
        responses={202: EventAcceptedSerializer},
        parameters=[
            OpenApiParameter(SIGNATURE_HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER, description="t=unix seconds,v1=HMAC-SHA256")
        ],
    )
    def post(self, request: Request) -> Response:
        """202 with the sources that will be looked at within seconds."""
        form = FileEventSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        paths = [form.validated_data[name] for name in ("path", "destination") if name in form.validated_data]
        hinted = events.accept_event(paths=paths, source_name=form.validated_data["source"])
        return Response({"sources": [source.name for source in hinted]}, status=status.HTTP_202_ACCEPTED)


class ScanViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Scan]):
    """Past and running scans."""

    queryset = Scan.objects.all()
    serializer_class = ScanSerializer
    required_permissions: ClassVar = {"list": "ingest.scan_source", "retrieve": "ingest.scan_source"}
    filterset_fields: ClassVar = ["source", "mode", "state"]
    ordering_fields: ClassVar = {"id": "pk"}
    ordering: ClassVar = ["-id"]


class HoldViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[MissingHold]):
    """Vanished files that wait for a decision."""

    queryset = MissingHold.objects.all()
    serializer_class = HoldSerializer
    required_permissions: ClassVar = {"list": "ingest.scan_source", "retrieve": "ingest.scan_source", "gone": "ingest.decide_hold"}
    filterset_fields: ClassVar = ["source", "decision"]
    ordering_fields: ClassVar = {"id": "pk"}
    ordering: ClassVar = ["-id"]

    def get_queryset(self) -> QuerySet[MissingHold]:
        return MissingHold.objects.select_related("folder")

    @extend_schema(request=None, responses=HoldSerializer)
    @action(detail=True, methods=["post"])
    def gone(self, request: Request, **_kwargs: Any) -> Response:
        """The files are gone: they become missing."""
        hold = self.get_object()
        holds.declare_gone(hold=hold, user=cast("User", request.user))
        hold.refresh_from_db()
        return Response(self.get_serializer(hold).data)
