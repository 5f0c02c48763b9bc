"""Pages under /jobs/ and live connections under /ws/."""

from django.urls import path

from mam.jobs import consumers, views

app_name = "jobs"

urlpatterns = [
    path("", views.job_list, name="job_list"),
    path("<int:job_id>/", views.job_detail, name="job_detail"),
    path("<int:job_id>/cancel/", views.job_cancel, name="job_cancel"),
    path("<int:job_id>/retry/", views.job_retry, name="job_retry"),
]

websocket_urlpatterns = [
    path("ws/jobs", consumers.JobConsumer.as_asgi()),  # type: ignore[arg-type]  # routed by channels, not by Django
    path("ws/logs", consumers.LogConsumer.as_asgi()),  # type: ignore[arg-type]
]
