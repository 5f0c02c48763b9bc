"""All routes. Each app has its own `urls.py` (pages) and `api_urls.py` (REST under /api/v1/)."""

from typing import Any

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from mam.accounts.urls import allauth_urlpatterns
from mam.accounts.views import api_docs
from mam.jobs.urls import websocket_urlpatterns as jobs_websockets

urlpatterns = [
    path("", include("mam.accounts.urls")),
    path("", include(allauth_urlpatterns)),
    path("auth/", include("mam.accounts.api_urls")),
    path("", include("catalog.urls")),
    path("jobs/", include("mam.jobs.urls")),
    path("", include("ingest.urls")),
    path("", include("streaming.urls")),
    path("sync/", include("sync.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("catalog.api_urls")),
    path("api/v1/", include("ingest.api_urls")),
    path("api/v1/", include("mam.jobs.api_urls")),
    path("api/v1/", include("streaming.api_urls")),
    path("api/", include("streaming.videos_urls")),
    path("api/", include("sync.api_urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", api_docs, name="api_docs"),
]

websocket_urlpatterns: list[Any] = [*jobs_websockets]  # channels names a type of its own for the routes that Django makes

handler400 = "mam.accounts.error_pages.bad_request"
handler403 = "mam.accounts.error_pages.permission_denied"
handler404 = "mam.accounts.error_pages.page_not_found"
handler500 = "mam.accounts.error_pages.server_error"
