"""Files and folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from django.http import HttpResponse
from django.utils.encoding import force_bytes
from django.utils.timezone import get_current_timezone_name
from django_filters.utils import translate_validation
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog import filters, selectors
from catalog.api.base import CURATE, READ, VIEW, LibraryViewSet
from catalog.models import Folder, MediaFile
from catalog.selectors import kept
from catalog.selectors.conditions import narrow
from catalog.selectors.narrowing import list_page
from catalog.selectors.scope import visible
from catalog.selectors.similar import find_similar
from catalog.serializers.file_rows import show_files
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
from mam.lib.api import KeysetPagination

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.serializers import BaseSerializer

    from mam.lib.keyset import KeysetPage


class FilePagination(KeysetPagination):
    """Pages of files that meet conditions (`FileFilter`), found by what these say of them."""

    def __init__(self, conditions: Mapping[str, Any]) -> None:
        self._conditions = conditions

    def make_page(self, queryset: QuerySet[Any], ordering: list[str], cursor: str | None, limit: int) -> KeysetPage[Any]:
        """Rows with ids and what orders them."""
        return list_page(queryset, narrow(self._conditions), ordering, cursor, limit)


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
        "similar": VIEW,
        "partial_update": CURATE,
        "tag": CURATE,
        "move": CURATE,
        "release": CURATE,
    }

    def list(self, request: Request, *_args: Any, **_kwargs: Any) -> HttpResponse:  # type: ignore[override]  # rendered
        """A page of files, as bytes. The first one of all files is kept: programs ask for it again and again, for what is new."""
        asked = request.query_params
        version = None if self.is_narrowed or "cursor" in asked else kept.library_version()
        about = ("files", asked.get("ordering"), asked.get("limit"), request.accepted_media_type, get_current_timezone_name())
        body = kept.keep(lambda: self._rendered_page(request), version=version, user=self.user, about=about, cache="pages")
        return HttpResponse(body, content_type=request.accepted_renderer.media_type)

    def _rendered_page(self, request: Request) -> bytes:
        """First which files, from the narrowest rows that tell, then what is shown of those."""
        files = visible(MediaFile.objects.all(), self.user)
        conditions: dict[str, Any] = {}
        if self.is_narrowed:
            asked = filters.FileFilter(request.query_params, files, request=request)
            if not asked.is_valid():
                raise translate_validation(asked.errors)  # type: ignore[misc]  # an exception, though its type says nothing
            files, conditions = asked.qs, asked.form.cleaned_data
        pages = FilePagination(conditions)
        page = pages.paginate_queryset(files, request, self)
        answer = pages.get_paginated_response(show_files([row["id"] for row in page]))
        return force_bytes(request.accepted_renderer.render(answer.data, request.accepted_media_type, self.get_renderer_context()))

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

    @extend_schema(responses=FileSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def similar(self, request: Request, **_kwargs: Any) -> Response:
        """Files with similar names, the most alike first; 12 at most. Neither copies nor files of the same content."""
        return Response(FileSerializer(find_similar(user=self.user, file=self.get_object()).files, many=True).data)

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
