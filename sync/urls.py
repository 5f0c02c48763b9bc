"""Pages of sync. Names are kept: links and other apps use them."""

from django.urls import path

from sync.views import dashboard, history, log, matches, plans, reports, settings, tree

app_name = "sync"

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("run/", dashboard.run, name="run"),
    path("reconcile/", dashboard.reconcile, name="reconcile"),
    path("scan/", dashboard.scan, name="scan"),
    path("matches/", matches.match_list, name="match_list"),
    path("matches/export.csv", matches.match_export, name="match_export"),
    path("matches/<int:match_id>/copies/", matches.match_copies, name="match_copies"),
    path("tree/", tree.match_tree, name="match_tree"),
    path("tree/branch/", tree.tree_branch, name="tree_branch"),
    path("tree/gone/", tree.tree_gone, name="tree_gone"),
    path("history/", history.history, name="history"),
    path("history/<int:row_id>/", history.history_row, name="history_row"),
    path("plans/", plans.plan_list, name="plan_list"),
    path("plans/make/", plans.plan_make, name="plan_make"),
    path("plans/<int:plan_id>/", plans.plan_detail, name="plan_detail"),
    path("plans/<int:plan_id>/approve/", plans.plan_approve, name="plan_approve"),
    path("plans/<int:plan_id>/apply/", plans.plan_apply, name="plan_apply"),
    path("plans/<int:plan_id>/discard/", plans.plan_discard, name="plan_discard"),
    path("plans/<int:plan_id>/undo/", plans.plan_undo, name="plan_undo"),
    path("reports/", reports.report_list, name="report_list"),
    path("reports/<int:report_id>/", reports.report_detail, name="report_detail"),
    path("reports/<int:report_id>/lines.txt", reports.report_download, name="report_download"),
    path("log/", log.log, name="log"),
    path("settings/", settings.settings, name="settings"),
    path("settings/alert-test/", settings.alert_test, name="alert_test"),
    path("settings/webhook-secret/", settings.webhook_secret, name="webhook_secret"),
]
