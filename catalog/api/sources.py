"""Sources and path rules: read by all, written by administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog import filters
from catalog.api.base import READ, LibraryViewSet
from catalog.models import PathRule, Source
from catalog.rules import compile_rule, preview
from catalog.selectors import rules
from catalog.serializers.references import JobReferenceSerializer
from catalog.serializers.sources import (
    ConnectionReportSerializer,
    PathRuleSerializer,
    PathRuleWriteSerializer,
    PreviewedPathSerializer,
    RuleEffectRequestSerializer,
    RuleEffectSerializer,
    RulePreviewSerializer,
    SourceSerializer,
    SourceWriteSerializer,
)
from catalog.services import path_rules, sources
from catalog.services.common import MANAGE_RULE, MANAGE_SOURCE
from catalog.services.file_systems import Credentials

if TYPE_CHECKING:
    from rest_framework.request import Request


class SourceViewSet(LibraryViewSet[Source]):
    """Sources and how they are. Credentials can be set and never read."""

    queryset = Source.objects.all()
    serializer_class = SourceSerializer
    filterset_class = filters.SourceFilter
    ordering: ClassVar = ["name"]
    ordering_fields: ClassVar = {"id": "pk", "name": "name"}
    write_serializers: ClassVar = {"create": SourceWriteSerializer, "partial_update": SourceWriteSerializer}
    required_permissions: ClassVar = {
        **READ,
        "create": MANAGE_SOURCE,
        "partial_update": MANAGE_SOURCE,
        "destroy": MANAGE_SOURCE,
        "test": MANAGE_SOURCE,
    }

    @extend_schema(request=SourceWriteSerializer, responses={201: SourceSerializer})
    def create(self, request: Request) -> Response:
        """A new source; nothing is asked of it before it is tested or scanned."""
        settings, credentials = self._sent_settings(request, partial=False)
        return self.shown(sources.create_source(user=self.user, credentials=credentials, **settings).pk, status=201)

    @extend_schema(request=SourceWriteSerializer, responses=SourceSerializer)
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Change settings or credentials."""
        source = self.get_object()
        settings, credentials = self._sent_settings(request, partial=True)
        with transaction.atomic():
            sources.update_source(source=source, user=self.user, **settings)
            if credentials is not None:
                sources.set_credentials(source=source, credentials=credentials, user=self.user)
        return self.shown(source.pk)

    @extend_schema(
        parameters=[OpenApiParameter("name", str, required=True, description="The source's name again, by who means it.")],
        responses={202: JobReferenceSerializer},
    )
    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        """Take a source with all its files out of the catalog, by a job. Nothing on the source itself is touched."""
        name = request.query_params.get("name", "")
        return Response({"job_id": sources.delete_source(source=self.get_object(), confirm_name=name, user=self.user).pk}, status=202)

    @extend_schema(request=None, responses=ConnectionReportSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **_kwargs: Any) -> Response:
        """Connect anew and look at the root. Answers 200 also when that fails: the report says why."""
        return Response(ConnectionReportSerializer(sources.test_connection(source=self.get_object(), user=self.user)).data)

    def _sent_settings(self, request: Request, *, partial: bool) -> tuple[dict[str, Any], Credentials | None]:
        sent = self.sent(request, partial=partial)
        parts = {name: sent.pop(name) for name in ("username", "password", "domain") if name in sent}
        return sent, Credentials(**parts) if parts else None


class PathRuleViewSet(LibraryViewSet[PathRule]):
    """Path rules, in the order they are tried. A change is applied to all files by a job."""

    queryset = PathRule.objects.all()
    serializer_class = PathRuleSerializer
    filterset_class = filters.PathRuleFilter
    ordering: ClassVar = ["position"]
    ordering_fields: ClassVar = {"id": "pk", "position": "position"}
    write_serializers: ClassVar = {
        "create": PathRuleWriteSerializer,
        "partial_update": PathRuleWriteSerializer,
        "preview": RulePreviewSerializer,
        "effect": RuleEffectRequestSerializer,
    }
    required_permissions: ClassVar = {
        "list": MANAGE_RULE,
        "retrieve": MANAGE_RULE,
        "create": MANAGE_RULE,
        "partial_update": MANAGE_RULE,
        "destroy": MANAGE_RULE,
        "preview": MANAGE_RULE,
        "effect": MANAGE_RULE,
        "apply": MANAGE_RULE,
    }

    @extend_schema(request=PathRuleWriteSerializer, responses={201: PathRuleSerializer})
    def create(self, request: Request) -> Response:
        """A new rule."""
        return self.shown(path_rules.create_rule(user=self.user, **self.sent(request)).pk, status=201)

    @extend_schema(request=PathRuleWriteSerializer, responses=PathRuleSerializer)
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Change a rule."""
        return self.shown(path_rules.update_rule(rule=self.get_object(), user=self.user, **self.sent(request, partial=True)).pk)

    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        """Delete a rule."""
        path_rules.delete_rule(rule=self.get_object(), user=self.user)
        return Response(status=204)

    @extend_schema(request=RulePreviewSerializer, responses=PreviewedPathSerializer(many=True), filters=False)
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def preview(self, request: Request) -> Response:
        """Where a rule would put paths; nothing is stored or moved."""
        sent = self.sent(request)
        paths = sent.pop("paths")
        places = [{"path": path, "place": place} for path, place in preview(compile_rule(name="", **sent), paths)]
        return Response(PreviewedPathSerializer(places, many=True).data)

    @extend_schema(request=RuleEffectRequestSerializer, responses=RuleEffectSerializer, filters=False)
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def effect(self, request: Request) -> Response:
        """What a rule, new or changed, would do to the files there are; nothing is stored or moved."""
        sent = self.sent(request)
        sample = {name: sent.pop(name) for name in ("words", "show", "limit")}
        return Response(RuleEffectSerializer(rules.preview_rule(user=self.user, **sent, **sample)).data)

    @extend_schema(request=None, responses={202: JobReferenceSerializer})
    @action(detail=False, methods=["post"])
    def apply(self, request: Request) -> Response:
        """Apply all rules to all files again, by a job."""
        return Response({"job_id": path_rules.request_placement(user=self.user).pk}, status=202)
