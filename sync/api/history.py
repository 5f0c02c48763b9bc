"""The history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.response import Response

from sync.api.base import SyncView, target_of
from sync.selectors.history import list_history, list_matches_as_of
from sync.selectors.scope import VIEW
from sync.serializers.history import HistoryPageSerializer, HistoryQuerySerializer, PastPageSerializer, show_past

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request

    from sync.models import Target

_PAGES: Any = PolymorphicProxySerializer(
    component_name="HistoryAnswer", serializers=[HistoryPageSerializer, PastPageSerializer], resource_type_field_name=None
)


class HistoryView(SyncView):
    """GET /api/history."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="history", parameters=[HistoryQuerySerializer], responses=_PAGES)
    def get(self, request: Request) -> Response:
        """All changes on either side, the newest first; with `as_of` the files, or the entries, that there were at that time."""
        sent = dict(self.asked(HistoryQuerySerializer).validated_data)
        target, at, kind = target_of(sent.pop("target")), sent.pop("as_of"), sent.pop("kind")
        if at is not None:
            return self._as_of(target, at, kind, sent)
        page = list_history(user=self.user, target=target, **sent)
        shown = {"items": page.items, "next": page.next, "previous": page.previous, "looked_to": page.looked_to}
        return Response(HistoryPageSerializer({**shown, "is_partial": page.looked_to is not None}).data)

    def _as_of(self, target: Target, at: datetime, kind: Any, sent: dict[str, Any]) -> Response:
        page = list_matches_as_of(
            user=self.user, target=target, at=at, kind=kind, catalog=sent["catalog"], cursor=sent["cursor"] or None, limit=sent["limit"]
        )
        shown = {"items": [show_past(one) for one in page.items], "next": page.next, "previous": None, "looked_to": None}
        return Response(PastPageSerializer({**shown, "is_partial": page.is_partial}).data)
