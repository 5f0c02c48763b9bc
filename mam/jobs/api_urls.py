"""Routes of the jobs API, included under /api/v1/."""

from rest_framework.routers import SimpleRouter

from mam.jobs.api import JobViewSet

router = SimpleRouter()
router.register("jobs", JobViewSet, basename="job")

urlpatterns = router.urls
