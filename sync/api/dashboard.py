"""The dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from sync.api.base import SyncView, target_of
from sync.selectors.dashboard import get_dashboard
from sync.selectors.scope import VIEW
from sync.serializers.dashboard import DashboardSerializer, show_dashboard
from sync.serializers.matching import TargetQuerySerializer

if TYPE_CHECKING:
    from rest_framework.request import Request


class DashboardView(SyncView):
    """GET /api/dashboard."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="dashboard", parameters=[TargetQuerySerializer], responses=DashboardSerializer)
    def get(self, request: Request) -> Response:
        """Archive and target in numbers, and how syncing goes: kept while things change, never counted."""
        sent = self.asked(TargetQuerySerializer).validated_data
        return Response(show_dashboard(get_dashboard(user=self.user, target=target_of(sent["target"]))))
