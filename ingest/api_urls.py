"""REST routes of ingest, under /api/v1/."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from ingest import api

router = SimpleRouter()
router.register("scans", api.ScanViewSet, basename="scan")
router.register("holds", api.HoldViewSet, basename="hold")

urlpatterns = [
    path("scan/trigger", api.ScanTriggerView.as_view(), name="scan_trigger"),
    path("webhook/file-event", api.FileEventView.as_view(), name="file_event"),
    path("", include(router.urls)),
]
