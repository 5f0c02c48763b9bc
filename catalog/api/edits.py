"""Changes of many files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action

from catalog import selectors
from catalog.api.base import CURATE, LibraryViewSet
from catalog.choices import EditKind
from catalog.models import BulkEdit
from catalog.search.query import parse
from catalog.serializers.edits import BulkEditSerializer, BulkEditWriteSerializer
from catalog.services import bulk_edits

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response


class BulkEditViewSet(LibraryViewSet[BulkEdit]):
    """Changes of many files: asked for, watched, undone."""

    queryset = BulkEdit.objects.select_related("job")
    serializer_class = BulkEditSerializer
    ordering: ClassVar = ["-id"]
    write_serializers: ClassVar = {"create": BulkEditWriteSerializer}
    required_permissions: ClassVar = dict.fromkeys(["list", "retrieve", "create", "undo", "redo"], CURATE)

    @extend_schema(request=BulkEditWriteSerializer, responses={201: BulkEditSerializer})
    def create(self, request: Request) -> Response:
        """Have something done with all files of a search, 100,000 at most, or with those named."""
        sent = self.sent(request)
        ids = sent["file_ids"] or selectors.list_matching_ids(
            user=self.user, query=parse(sent["query"]), sort=sent["sort"], limit=bulk_edits.MAX_FILES + 1
        )
        edit = bulk_edits.start_edit(
            kind=EditKind(sent["kind"]), targets=sent["targets"], file_ids=ids, user=self.user, query=sent["query"]
        )
        return self.shown(edit.pk, status=201)

    @extend_schema(request=None, responses=BulkEditSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, **_kwargs: Any) -> Response:
        """Have it taken back, also while it is being done."""
        return self.shown(bulk_edits.undo_edit(edit=self.get_object(), user=self.user).pk)

    @extend_schema(request=None, responses=BulkEditSerializer)
    @action(detail=True, methods=["post"])
    def redo(self, request: Request, **_kwargs: Any) -> Response:
        """Have it done again, or further."""
        return self.shown(bulk_edits.redo_edit(edit=self.get_object(), user=self.user).pk)
