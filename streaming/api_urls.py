"""REST routes of streaming, under /api/v1/."""

from django.urls import path

from streaming.api import PlaybackView

app_name = "streaming_api"
urlpatterns = [
    path("files/<int:file_id>/playback", PlaybackView.as_view(), name="playback"),
]
