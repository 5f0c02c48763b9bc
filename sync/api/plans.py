"""Plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from sync.api.actions import started
from sync.api.base import PAGE_PARAMETERS, SyncView, target_of
from sync.selectors.plans import find_part, get_plan, list_plans
from sync.selectors.scope import RUN, VIEW
from sync.serializers.plans import (
    PlanDetailSerializer,
    PlanPageSerializer,
    PlanQuerySerializer,
    PlanSerializer,
    PlansQuerySerializer,
    StartedSerializer,
    TargetRequestSerializer,
    show_part,
)
from sync.services import syncing

if TYPE_CHECKING:
    from rest_framework.request import Request


class PlanListView(SyncView):
    """GET and POST /api/plans."""

    required_permissions: ClassVar = {"GET": VIEW, "POST": RUN}

    @extend_schema(operation_id="plans_list", parameters=[PlansQuerySerializer, *PAGE_PARAMETERS], responses=PlanPageSerializer)
    def get(self, request: Request) -> Response:
        """Plans, the newest first."""
        sent = self.asked(PlansQuerySerializer).validated_data
        plans = list_plans(user=self.user, target=target_of(sent["target"]))
        page = self.page_of(plans.filter(state=sent["state"]) if sent["state"] else plans)
        return Response({"items": PlanSerializer(page.items, many=True).data, "next": page.next, "previous": page.previous})

    @extend_schema(operation_id="plans_create", request=TargetRequestSerializer, responses={202: StartedSerializer})
    def post(self, request: Request) -> Response:
        """Have a plan made, and not applied. One that waits is out of date then."""
        target = target_of(self.sent(TargetRequestSerializer).validated_data["target"])
        return started(syncing.make_plan(target=target, user=self.user), gettext("A plan will be made."))


class PlanView(SyncView):
    """GET /api/plans/<id>."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="plans_retrieve", parameters=[PlanQuerySerializer], responses=PlanDetailSerializer)
    def get(self, request: Request, plan_id: int) -> Response:
        """A plan with one part of its actions."""
        plan = get_plan(user=self.user, plan_id=plan_id)
        number = self.asked(PlanQuerySerializer).validated_data["part"]
        part = find_part(user=self.user, plan=plan, number=number - 1)
        return Response({**PlanSerializer(plan).data, "part": show_part(part)})
