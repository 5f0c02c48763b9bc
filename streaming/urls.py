"""Routes of streaming. What lies under /stream/ never comes to Django: `streaming.delivery` answers it."""

from django.urls import path

from streaming.views import hls, media, pages, posters, renditions

app_name = "streaming"
urlpatterns = [
    path("watch/<int:file_id>/", pages.watch, name="watch"),
    path("watch/<int:file_id>/player/", pages.file_player, name="file_player"),
    path("watch/<int:file_id>/viewed/", pages.viewed, name="viewed"),
    path("watch/<int:file_id>/position/", pages.position, name="position"),
    path("watch/<int:file_id>/fault/", pages.fault, name="fault"),
    path("watch/<int:file_id>/retry/", pages.retry, name="retry"),
    path("watch/<int:file_id>/renditions/", renditions.file_renditions, name="file_renditions"),
    path("watch/<int:file_id>/renditions/<slug:kind>/make/", renditions.make, name="rendition_make"),
    path("watch/<int:file_id>/renditions/<slug:kind>/purge/", renditions.purge, name="rendition_purge"),
    path("renditions/effort/", renditions.effort_page, name="effort"),
    path("posters/<int:file_id>.jpg", posters.poster, name="poster"),
    path("media/<int:file_id>/<str:name>", media.media, name="media"),
    path("hls/<str:token>/main.m3u8", hls.main, name="hls_main"),
    path("hls/<str:token>/storyboard.vtt", hls.storyboard_cues, name="storyboard"),
    path("hls/<str:token>/<slug:name>.m3u8", hls.track, name="hls_track"),
]
