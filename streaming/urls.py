"""Routes of streaming."""

from django.urls import path

from streaming.views import media, pages, posters

app_name = "streaming"
urlpatterns = [
    path("watch/<int:file_id>/", pages.watch, name="watch"),
    path("watch/<int:file_id>/player/", pages.file_player, name="file_player"),
    path("watch/<int:file_id>/viewed/", pages.viewed, name="viewed"),
    path("posters/<int:file_id>.jpg", posters.poster, name="poster"),
    path("media/<int:file_id>/<str:name>", media.media, name="media"),
]
