"""Catalogs, series, contents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from django.db.models import Sum
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog import filters
from catalog.api.base import CURATE, READ, WRITE, LibraryViewSet
from catalog.models import Catalog, Content, Series
from catalog.serializers.works import (
    CatalogSerializer,
    CatalogWriteSerializer,
    ContentCreateSerializer,
    ContentMergeSerializer,
    ContentSerializer,
    ContentSplitSerializer,
    ContentWriteSerializer,
    SeriesCreateSerializer,
    SeriesSerializer,
    SeriesWriteSerializer,
)
from catalog.services import arranging, works

if TYPE_CHECKING:
    from rest_framework.request import Request


class CatalogViewSet(LibraryViewSet[Catalog]):
    """Catalogs, in the order of curators."""

    queryset = Catalog.objects.annotate(total_contents=Sum("series__total_contents", default=0))
    serializer_class = CatalogSerializer
    filterset_class = filters.CatalogFilter
    ordering: ClassVar = ["position", "name"]
    ordering_fields: ClassVar = {"id": "pk", "name": "name", "position": "position"}
    write_serializers: ClassVar = {"create": CatalogWriteSerializer, "partial_update": CatalogWriteSerializer}
    required_permissions: ClassVar = {**READ, **WRITE}

    @extend_schema(request=CatalogWriteSerializer, responses={201: CatalogSerializer})
    def create(self, request: Request) -> Response:
        """A new, empty catalog."""
        return self.shown(works.create_catalog(user=self.user, **self.sent(request)).pk, status=201)

    @extend_schema(request=CatalogWriteSerializer, responses=CatalogSerializer)
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Rename, describe or order a catalog."""
        return self.shown(works.update_catalog(catalog=self.get_object(), user=self.user, **self.sent(request, partial=True)).pk)

    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        """Delete an empty catalog."""
        works.delete_catalog(catalog=self.get_object(), user=self.user)
        return Response(status=204)


class SeriesViewSet(LibraryViewSet[Series]):
    """Series of all catalogs; `?catalog=ID` for those of one."""

    queryset = Series.objects.select_related("catalog")
    serializer_class = SeriesSerializer
    filterset_class = filters.SeriesFilter
    ordering: ClassVar = ["position", "-year", "name"]
    ordering_fields: ClassVar = {"id": "pk", "name": "name", "year": "year", "position": "position"}
    write_serializers: ClassVar = {"create": SeriesCreateSerializer, "partial_update": SeriesWriteSerializer}
    required_permissions: ClassVar = {**READ, **WRITE}

    @extend_schema(request=SeriesCreateSerializer, responses={201: SeriesSerializer})
    def create(self, request: Request) -> Response:
        """A new, empty series."""
        return self.shown(works.create_series(user=self.user, **self.sent(request)).pk, status=201)

    @extend_schema(request=SeriesWriteSerializer, responses=SeriesSerializer)
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Rename, date, describe or order a series."""
        return self.shown(works.update_series(series=self.get_object(), user=self.user, **self.sent(request, partial=True)).pk)

    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        """Delete an empty series."""
        works.delete_series(series=self.get_object(), user=self.user)
        return Response(status=204)


class ContentViewSet(LibraryViewSet[Content]):
    """Contents; `?series=ID` for those of one series."""

    queryset = Content.objects.select_related("series__catalog").prefetch_related("players")
    serializer_class = ContentSerializer
    filterset_class = filters.ContentFilter
    ordering: ClassVar = ["-id"]
    ordering_fields: ClassVar = {"id": "pk", "key": "key"}
    write_serializers: ClassVar = {
        "create": ContentCreateSerializer,
        "partial_update": ContentWriteSerializer,
        "merge": ContentMergeSerializer,
        "split": ContentSplitSerializer,
    }
    required_permissions: ClassVar = {**READ, **WRITE, "merge": CURATE, "split": CURATE}

    @extend_schema(request=ContentCreateSerializer, responses={201: ContentSerializer})
    def create(self, request: Request) -> Response:
        """A new, empty content; files are moved into it."""
        return self.shown(works.create_content(user=self.user, **self.sent(request)).pk, status=201)

    @extend_schema(request=ContentWriteSerializer, responses=ContentSerializer)
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Rename or describe a content, name its players, or move it to another series."""
        content, sent = self.get_object(), self.sent(request, partial=True)
        with transaction.atomic():
            if "series" in sent:
                arranging.move_content(content=content, series=sent.pop("series"), user=self.user)
            works.update_content(content=content, user=self.user, **sent)
        return self.shown(content.pk)

    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        """Delete a content; its files stay, outside of every content."""
        works.delete_content(content=self.get_object(), user=self.user)
        return Response(status=204)

    @extend_schema(request=ContentMergeSerializer, responses=ContentSerializer)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, **_kwargs: Any) -> Response:
        """Take the files and players of other contents, which go."""
        return self.shown(arranging.merge_contents(into=self.get_object(), others=self.sent(request)["others"], user=self.user).pk)

    @extend_schema(request=ContentSplitSerializer, responses={201: ContentSerializer})
    @action(detail=True, methods=["post"])
    def split(self, request: Request, **_kwargs: Any) -> Response:
        """Take some files out into a content of their own, beside this one."""
        return self.shown(arranging.split_content(content=self.get_object(), user=self.user, **self.sent(request)).pk, status=201)
