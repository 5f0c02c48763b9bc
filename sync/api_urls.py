"""REST routes of sync, under /api/."""

from django.urls import path

from sync.api.actions import PlanApplyView, PlanApproveView, PlanDiscardView, PlanUndoView, SyncStartView
from sync.api.dashboard import DashboardView
from sync.api.history import HistoryView
from sync.api.matching import DuplicatesView, MatchingExportView, MatchingView, TreeView
from sync.api.plans import PlanListView, PlanView
from sync.api.reconcile import ReconcileReportView, ReconcileView

app_name = "sync_api"
urlpatterns = [
    path("dashboard", DashboardView.as_view(), name="dashboard"),
    path("matching", MatchingView.as_view(), name="matching"),
    path("matching/export", MatchingExportView.as_view(), name="matching_export"),
    path("matching/tree", TreeView.as_view(), name="matching_tree"),
    path("matching/<int:match_id>/duplicates", DuplicatesView.as_view(), name="matching_duplicates"),
    path("history", HistoryView.as_view(), name="history"),
    path("plans", PlanListView.as_view(), name="plans"),
    path("plans/<int:plan_id>", PlanView.as_view(), name="plan"),
    path("plans/<int:plan_id>/approve", PlanApproveView.as_view(), name="plan_approve"),
    path("plans/<int:plan_id>/apply", PlanApplyView.as_view(), name="plan_apply"),
    path("plans/<int:plan_id>/undo", PlanUndoView.as_view(), name="plan_undo"),
    path("plans/<int:plan_id>/discard", PlanDiscardView.as_view(), name="plan_discard"),
    path("sync", SyncStartView.as_view(), name="sync"),
    path("reconcile", ReconcileView.as_view(), name="reconcile"),
    path("reconcile/<int:report_id>", ReconcileReportView.as_view(), name="reconcile_report"),
]
