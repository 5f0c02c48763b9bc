"""What people and programs have done: each starts a job, or gives the one that does it already."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from mam.jobs.models import JobState
from sync.api.base import SyncView, target_of
from sync.selectors.plans import get_plan
from sync.selectors.scope import MANAGE, RUN
from sync.serializers.plans import ApprovalRequestSerializer, PlanSerializer, StartedSerializer, TargetRequestSerializer
from sync.services import syncing

if TYPE_CHECKING:
    from rest_framework.request import Request

    from mam.jobs.models import Job


def started(job: Job, message: str) -> Response:
    """202: StartedSerializer. `message`: of a job that was not there before."""
    if job.state == JobState.RUNNING:
        message = gettext("This is being done already.")
    return Response({"message": message, "job_id": job.pk}, status=202)


class SyncStartView(SyncView):
    """POST /api/sync."""

    required_permissions: ClassVar = {"POST": RUN}

    @extend_schema(operation_id="sync", request=TargetRequestSerializer, responses={202: StartedSerializer})
    def post(self, request: Request) -> Response:
        """Make the target equal to the archive, as far as the guard lets."""
        target = target_of(self.sent(TargetRequestSerializer).validated_data["target"])
        return started(syncing.request_sync(target=target, user=self.user), gettext("The sync has been requested."))


class PlanApproveView(SyncView):
    """POST /api/plans/<id>/approve."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="plans_approve", request=ApprovalRequestSerializer, responses={202: StartedSerializer})
    def post(self, request: Request, plan_id: int) -> Response:
        """Have a held plan applied; the reason is kept in the history."""
        plan = get_plan(user=self.user, plan_id=plan_id)
        reason = self.sent(ApprovalRequestSerializer).validated_data["reason"]
        return started(syncing.approve_plan(plan=plan, user=self.user, reason=reason), gettext("The plan is approved and will be applied."))


class PlanApplyView(SyncView):
    """POST /api/plans/<id>/apply."""

    required_permissions: ClassVar = {"POST": RUN}

    @extend_schema(operation_id="plans_apply", request=None, responses={202: StartedSerializer})
    def post(self, request: Request, plan_id: int) -> Response:
        """Have a plan applied that is ready, or go on with one that was stopped."""
        plan = get_plan(user=self.user, plan_id=plan_id)
        return started(syncing.apply_plan(plan=plan, user=self.user), gettext("The plan will be applied."))


class PlanUndoView(SyncView):
    """POST /api/plans/<id>/undo."""

    required_permissions: ClassVar = {"POST": RUN}

    @extend_schema(operation_id="plans_undo", request=None, responses={202: StartedSerializer})
    def post(self, request: Request, plan_id: int) -> Response:
        """Have the entries of the target made what they were before the plan. The schedule rests then."""
        plan = get_plan(user=self.user, plan_id=plan_id)
        return started(syncing.undo_plan(plan=plan, user=self.user), gettext("The plan will be undone."))


class PlanDiscardView(SyncView):
    """POST /api/plans/<id>/discard."""

    required_permissions: ClassVar = {"POST": RUN}

    @extend_schema(operation_id="plans_discard", request=None, responses=PlanSerializer)
    def post(self, request: Request, plan_id: int) -> Response:
        """Say that a plan shall not be applied."""
        plan = syncing.discard_plan(plan=get_plan(user=self.user, plan_id=plan_id), user=self.user)
        return Response(PlanSerializer(get_plan(user=self.user, plan_id=plan.pk)).data)
