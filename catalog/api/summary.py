"""The library in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import selectors
from catalog.api.base import VIEW
from catalog.serializers.summary import SummaryRequestSerializer, SummarySerializer

if TYPE_CHECKING:
    from rest_framework.request import Request

    from catalog.selectors import SummaryRow
    from mam.accounts.models import User


class SummaryView(APIView):
    """GET /api/v1/summary."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="summary", parameters=[SummaryRequestSerializer], responses=SummarySerializer)
    def get(self, request: Request) -> Response:
        """Files, bytes and duration by catalog, year, extension and so on: kept while files change, never counted."""
        form = SummaryRequestSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        sent, user = form.validated_data, cast("User", request.user)
        by = sent.pop("by")
        rows = selectors.summary(user=user, by=by, only={name: values for name, values in sent.items() if values})
        ids = {row.key["catalog"] for row in rows} if "catalog" in by else set()
        names = selectors.catalog_names(user=user, catalog_ids=[pk for pk in ids if isinstance(pk, int)])
        sums = {name: sum(getattr(row, name) for row in rows) for name in ("files", "bytes", "duration_ms")}
        return Response({"items": [_item(row, names) for row in rows], **sums})


def _item(row: SummaryRow, names: dict[int, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {**row.key, "files": row.files, "bytes": row.bytes, "duration_ms": row.duration_ms}
    if shown.get("catalog") is not None:
        shown["catalog"] = {"id": shown["catalog"], "name": names.get(shown["catalog"], "")}
    return shown
