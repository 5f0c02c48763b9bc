"""Files and folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog import filters, selectors
from catalog.api.base import CURATE, READ, VIEW, LibraryViewSet
from catalog.models import Folder, MediaFile
from catalog.serializers.files import (
    FileDetailSerializer,
    FileSerializer,
    FileWriteSerializer,
    FolderSerializer,
    MoveFilesSerializer,
    TagFilesSerializer,
)
from catalog.serializers.references import ChangedSerializer, FileIdsSerializer
from catalog.services import arranging, players, tags
from catalog.services.files import update_file

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.serializers import BaseSerializer


class FileViewSet(LibraryViewSet[MediaFile]):
    """Files. Orders are those with an index: any depth of a million files answers at once."""

    queryset = MediaFile.objects.select_related("source", "folder", "content__series__catalog").prefetch_related("tags")
    filterset_class = filters.FileFilter
    ordering: ClassVar = ["-id"]
    ordering_fields: ClassVar = {"id": "pk", "name": "name_key", "first_seen_at": "first_seen_at"}
    write_serializers: ClassVar = {
        "partial_update": FileWriteSerializer,
        "tag": TagFilesSerializer,
        "move": MoveFilesSerializer,
        "release": FileIdsSerializer,
    }
    required_permissions: ClassVar = {
        **READ,
        "duplicates": VIEW,
        "partial_update": CURATE,
        "tag": CURATE,
        "move": CURATE,
        "release": CURATE,
    }

    def get_queryset(self) -> QuerySet[MediaFile]:
        """Streams, players and collections only where they are shown."""
        files = super().get_queryset()
        return files if self.action in {"list", "duplicates"} else files.prefetch_related("streams", "players", "collections")

    def get_serializer_class(self) -> type[BaseSerializer[MediaFile]]:
        """Short in lists, full alone."""
        return FileSerializer if self.action in {"list", "duplicates"} else FileDetailSerializer

    @extend_schema(request=FileWriteSerializer, responses=FileDetailSerializer)
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Change title, description, part, content, tags or players. All of it or, on an error, nothing."""
        file, sent = self.get_object(), self.sent(request, partial=True)
        with transaction.atomic():
            if "content" in sent:  # first: it locks catalogs, which come before files
                arranging.move_files(file_ids=[file.pk], content=sent.pop("content"), user=self.user)
            if "tags" in sent:
                tags.set_tags(file=file, tags=tags.get_or_create_tags(names=sent.pop("tags"), user=self.user), user=self.user)
            if "players" in sent:
                players.set_players(file=file, players=sent.pop("players"), user=self.user)
            update_file(file=file, user=self.user, **sent)
        return self.shown(file.pk)

    @extend_schema(responses=FileSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def duplicates(self, request: Request, **_kwargs: Any) -> Response:
        """Files that have, most likely, the same bytes; 50 at most."""
        copies = selectors.list_duplicates(user=self.user, file=self.get_object())
        return Response(self.get_serializer(copies, many=True).data)

    @extend_schema(request=TagFilesSerializer, responses=ChangedSerializer)
    @action(detail=False, methods=["post"])
    def tag(self, request: Request) -> Response:
        """Put tags on many files, or take them off. `changed` counts taggings."""
        sent = self.sent(request)
        with transaction.atomic():
            added = tags.get_or_create_tags(names=sent["add"], user=self.user)
            removed = selectors.find_tags(user=self.user, names=sent["remove"])
            changed = tags.add_tags(file_ids=sent["file_ids"], tags=added, user=self.user)
            changed += tags.remove_tags(file_ids=sent["file_ids"], tags=removed, user=self.user)
        return Response({"changed": changed})

    @extend_schema(request=MoveFilesSerializer, responses=ChangedSerializer)
    @action(detail=False, methods=["post"])
    def move(self, request: Request) -> Response:
        """Put many files into a content (null: out of every content), or into contents of a series."""
        sent = self.sent(request)
        if "series" in sent:
            changed = arranging.move_files_to_series(file_ids=sent["file_ids"], series=sent["series"], user=self.user)
        else:
            changed = arranging.move_files(file_ids=sent["file_ids"], content=sent["content"], user=self.user)
        return Response({"changed": changed})

    @extend_schema(request=FileIdsSerializer, responses=ChangedSerializer)
    @action(detail=False, methods=["post"])
    def release(self, request: Request) -> Response:
        """Give files back to the path rules."""
        return Response({"changed": arranging.release_files(file_ids=self.sent(request)["file_ids"], user=self.user).changed})


class FolderViewSet(LibraryViewSet[Folder]):
    """Folders, with totals of everything below them. The files in one: `/files/?folder=ID`."""

    queryset = Folder.objects.select_related("source")
    serializer_class = FolderSerializer
    filterset_class = filters.FolderFilter
    ordering_fields: ClassVar = {"id": "pk", "name": "name_key"}
