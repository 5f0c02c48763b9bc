"""The match table and the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from mam.lib.downloads import CSV, download
from sync.api.base import PAGE_PARAMETERS, SyncView, target_of
from sync.selectors.csv_export import write_table
from sync.selectors.matching import get_match, list_copies, list_matches
from sync.selectors.rows import Copy
from sync.selectors.scope import VIEW
from sync.selectors.tree import list_gone, list_tree
from sync.serializers.match_rows import show_copy, show_page
from sync.serializers.matching import CopyPageSerializer, ExportQuerySerializer, MatchingPageSerializer, MatchingQuerySerializer
from sync.serializers.tree import TreeQuerySerializer, TreeSerializer, show_gone, show_tree

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request


class MatchingView(SyncView):
    """GET /api/matching."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="matching", parameters=[MatchingQuerySerializer], responses=MatchingPageSerializer)
    def get(self, request: Request) -> Response:
        """Files and entries of the target, each beside its counterpart: by page number, or by cursor."""
        form = self.asked(MatchingQuerySerializer)
        sent = form.validated_data
        page = list_matches(
            user=self.user,
            target=target_of(sent["target"]),
            wanted=form.wanted,
            sort=sent["sort"],
            number=sent["page"],
            cursor=sent["cursor"] or None,
            limit=sent["per_page"],
        )
        return Response(show_page(page, sent["per_page"]))


class MatchingExportView(SyncView):
    """GET /api/matching/export."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="matching_export", parameters=[ExportQuerySerializer], responses={(200, "text/csv"): OpenApiTypes.BINARY})
    def get(self, request: Request) -> HttpResponseBase:
        """The same, all of it, as CSV: UTF-8 with a byte order mark, heads in the reader's language."""
        form = self.asked(ExportQuerySerializer)
        sent = form.validated_data
        parts = write_table(user=self.user, target=target_of(sent["target"]), wanted=form.wanted, sort=sent["sort"])
        return download(parts, name="matching", suffix="csv", content_type=CSV)


class DuplicatesView(SyncView):
    """GET /api/matching/<id>/duplicates."""

    ordering: ClassVar = ("id",)
    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="matching_duplicates", parameters=PAGE_PARAMETERS, responses=CopyPageSerializer)
    def get(self, request: Request, match_id: int) -> Response:
        """All other files of the same name and size, in the order in which they were seen first."""
        copies = list_copies(user=self.user, match=get_match(user=self.user, match_id=match_id))
        page = self.page_of(copies.only("id", "file_id", "path", "status"))
        items = [show_copy(Copy(row.pk, row.file_id, row.path, row.status)) for row in page.items]
        return Response({"items": items, "next": page.next, "previous": page.previous})


class TreeView(SyncView):
    """GET /api/matching/tree."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="matching_tree", parameters=[TreeQuerySerializer], responses=TreeSerializer)
    def get(self, request: Request) -> Response:
        """The matches as they lie: folders with what is below them, and their files."""
        sent = self.asked(TreeQuerySerializer).validated_data
        target, cursor = target_of(sent["target"]), sent["cursor"] or None
        if sent["only_target"]:
            return Response(show_gone(list_gone(user=self.user, target=target, cursor=cursor, limit=sent["limit"])))
        found = list_tree(
            user=self.user,
            target=target,
            path=sent["path"],
            folder_id=sent["folder"],
            depth=sent["depth"],
            statuses=sent["status"],
            cursor=cursor,
            limit=sent["limit"],
        )
        return Response(show_tree(found, sent["path"].strip("/") or (found.places[0].path if sent["folder"] else "")))
