"""REST routes of streaming, under /api/v1/."""

from django.urls import path

from streaming.api.playback import PlaybackView, RenditionListView, RenditionView

app_name = "streaming_api"
urlpatterns = [
    path("files/<int:file_id>/playback", PlaybackView.as_view(), name="playback"),
    path("files/<int:file_id>/renditions", RenditionListView.as_view(), name="renditions"),
    path("files/<int:file_id>/renditions/<slug:kind>", RenditionView.as_view(), name="rendition"),
]
