"""Routes of the short API, under /api/."""

from django.urls import path

from streaming.api.videos import VideoListView, VideoSearchView, VideoStreamView

app_name = "videos_api"
urlpatterns = [
    path("videos", VideoListView.as_view(), name="list"),
    path("videos/search", VideoSearchView.as_view(), name="search"),
    path("videos/<int:file_id>/stream", VideoStreamView.as_view(), name="stream"),
]
