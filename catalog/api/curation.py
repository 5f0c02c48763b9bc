"""Tags, players, collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog import filters, selectors
from catalog.api.base import CURATE, READ, VIEW, WRITE, LibraryViewSet
from catalog.errors import FilledBySearchError
from catalog.models import Collection, Player, Tag
from catalog.serializers.curation import (
    CollectionItemSerializer,
    CollectionOrderSerializer,
    CollectionSerializer,
    CollectionWriteSerializer,
    PlayerMergeSerializer,
    PlayerSerializer,
    PlayerWriteSerializer,
    TagMergeSerializer,
    TagSerializer,
    TagWriteSerializer,
)
from catalog.serializers.references import ChangedSerializer, FileIdsSerializer
from catalog.services import collections, players, tags
from mam.lib.api import KeysetPagination

if TYPE_CHECKING:
    from rest_framework.request import Request


class TagViewSet(LibraryViewSet[Tag]):
    """Tags. The files of one: `/files/?tag=ID`."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    filterset_class = filters.TagFilter
    ordering: ClassVar = ["name"]
    ordering_fields: ClassVar = {"id": "pk", "name": "key"}
    write_serializers: ClassVar = {"create": TagWriteSerializer, "partial_update": TagWriteSerializer, "merge": TagMergeSerializer}
    required_permissions: ClassVar = {**READ, **WRITE, "merge": CURATE}

    @extend_schema(request=TagWriteSerializer, responses={201: TagSerializer})
    def create(self, request: Request) -> Response:
        """A new tag."""
        return self.shown(tags.create_tag(user=self.user, **self.sent(request)).pk, status=201)

    @extend_schema(request=TagWriteSerializer, responses=TagSerializer)
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Rename or recolour a tag."""
        tag, sent = self.get_object(), self.sent(request, partial=True)
        with transaction.atomic():
            if "name" in sent:
                tags.rename_tag(tag=tag, name=sent["name"], user=self.user)
            if "color" in sent:
                tags.recolor_tag(tag=tag, color=sent["color"], user=self.user)
        return self.shown(tag.pk)

    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        """Take a tag off all files and delete it."""
        tags.delete_tag(tag=self.get_object(), user=self.user)
        return Response(status=204)

    @extend_schema(request=TagMergeSerializer, responses=TagSerializer)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, **_kwargs: Any) -> Response:
        """Put this tag on all files of another, which goes."""
        return self.shown(tags.merge_tags(into=self.get_object(), other=self.sent(request)["other"], user=self.user).pk)


class PlayerViewSet(LibraryViewSet[Player]):
    """Players. The files of one: `/files/?player=ID`; contents: `/contents/?player=ID`."""

    queryset = Player.objects.all()
    serializer_class = PlayerSerializer
    filterset_class = filters.PlayerFilter
    ordering: ClassVar = ["name"]
    ordering_fields: ClassVar = {"id": "pk", "name": "name"}
    write_serializers: ClassVar = {
        "create": PlayerWriteSerializer,
        "partial_update": PlayerWriteSerializer,
        "merge": PlayerMergeSerializer,
    }
    required_permissions: ClassVar = {**READ, **WRITE, "merge": CURATE}

    @extend_schema(request=PlayerWriteSerializer, responses={201: PlayerSerializer})
    def create(self, request: Request) -> Response:
        """A new player."""
        return self.shown(players.create_player(user=self.user, **self.sent(request)).pk, status=201)

    @extend_schema(request=PlayerWriteSerializer, responses=PlayerSerializer)
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Change names, spellings or country."""
        return self.shown(players.update_player(player=self.get_object(), user=self.user, **self.sent(request, partial=True)).pk)

    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        """Take a player off all files and contents and delete it."""
        players.delete_player(player=self.get_object(), user=self.user)
        return Response(status=204)

    @extend_schema(request=PlayerMergeSerializer, responses=PlayerSerializer)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, **_kwargs: Any) -> Response:
        """Let this player stand for another, who goes."""
        return self.shown(players.merge_players(into=self.get_object(), other=self.sent(request)["other"], user=self.user).pk)


class CollectionViewSet(LibraryViewSet[Collection]):
    """Collections of all levels; `?is_top=true` and `?parent=ID` walk the tree."""

    queryset = Collection.objects.all()
    serializer_class = CollectionSerializer
    filterset_class = filters.CollectionFilter
    ordering: ClassVar = ["position", "name"]
    ordering_fields: ClassVar = {"id": "pk", "name": "name", "position": "position"}
    write_serializers: ClassVar = {
        "create": CollectionWriteSerializer,
        "partial_update": CollectionWriteSerializer,
        "add": FileIdsSerializer,
        "remove": FileIdsSerializer,
        "order": FileIdsSerializer,
        "order_collections": CollectionOrderSerializer,
    }
    required_permissions: ClassVar = {
        **READ,
        **WRITE,
        "items": VIEW,
        "add": CURATE,
        "remove": CURATE,
        "order": CURATE,
        "order_collections": CURATE,
    }

    @extend_schema(request=CollectionWriteSerializer, responses={201: CollectionSerializer})
    def create(self, request: Request) -> Response:
        """A new collection at the end of its parent, or of the top."""
        return self.shown(collections.create_collection(user=self.user, **self.sent(request)).pk, status=201)

    @extend_schema(request=CollectionWriteSerializer, responses=CollectionSerializer)
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Rename or describe a collection, or move it into another one."""
        collection, sent = self.get_object(), self.sent(request, partial=True)
        with transaction.atomic():
            if "parent" in sent:
                collections.nest_collection(collection=collection, parent=sent.pop("parent"), user=self.user)
            collections.update_collection(collection=collection, user=self.user, **sent)
        return self.shown(collection.pk)

    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        """Delete a collection and those inside it; the files stay."""
        collections.delete_collection(collection=self.get_object(), user=self.user)
        return Response(status=204)

    @extend_schema(responses=CollectionItemSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None, ordering=["position"], ordering_fields={"position": "position"})
    def items(self, request: Request, **_kwargs: Any) -> Response:
        """The files of a collection, in order, page by page. Of one that is filled by a search: 409, ask `/search`."""
        collection = self.get_object()
        if collection.query:
            raise FilledBySearchError(name=collection.name)
        rows = selectors.list_collection_items(user=self.user, collection=collection)
        rows = rows.select_related("file__content__series__catalog").prefetch_related("file__tags")
        pages = KeysetPagination()
        return pages.get_paginated_response(CollectionItemSerializer(pages.paginate_queryset(rows, request, self), many=True).data)

    @extend_schema(request=FileIdsSerializer, responses=ChangedSerializer)
    @action(detail=True, methods=["post"], url_path="items/add")
    def add(self, request: Request, **_kwargs: Any) -> Response:
        """Put files at the end, in the given order."""
        changed = collections.add_files(collection=self.get_object(), user=self.user, **self.sent(request))
        return Response({"changed": len(changed)})

    @extend_schema(request=FileIdsSerializer, responses=ChangedSerializer)
    @action(detail=True, methods=["post"], url_path="items/remove")
    def remove(self, request: Request, **_kwargs: Any) -> Response:
        """Take files out."""
        changed = collections.remove_files(collection=self.get_object(), user=self.user, **self.sent(request))
        return Response({"changed": len(changed)})

    @extend_schema(request=FileIdsSerializer, responses={204: None})
    @action(detail=True, methods=["put"], url_path="items/order")
    def order(self, request: Request, **_kwargs: Any) -> Response:
        """Set the order of the files; all of them are named."""
        collections.order_files(collection=self.get_object(), user=self.user, **self.sent(request))
        return Response(status=204)

    @extend_schema(request=CollectionOrderSerializer, responses={204: None})
    @action(detail=False, methods=["put"], url_path="order")
    def order_collections(self, request: Request) -> Response:
        """Set the order of the collections in one parent; all of them are named."""
        collections.order_collections(user=self.user, **self.sent(request))
        return Response(status=204)
