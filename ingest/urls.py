"""Pages of ingest: sources and what scans found wrong with them."""

from django.urls import path

from ingest import views

app_name = "ingest"

urlpatterns = [
    path("sources/", views.source_manage, name="source_manage"),
    path("sources/add/", views.source_add, name="source_add"),
    path("sources/<int:source_id>/", views.source_edit, name="source_edit"),
    path("sources/<int:source_id>/test/", views.source_test, name="source_test"),
    path("sources/<int:source_id>/scan/", views.source_scan, name="source_scan"),
    path("sources/<int:source_id>/accept-root/", views.source_accept_root, name="source_accept_root"),
    path("sources/<int:source_id>/delete/", views.source_delete, name="source_delete"),
    path("holds/<int:hold_id>/gone/", views.hold_gone, name="hold_gone"),
    path("files/<int:file_id>/analyse/", views.file_probe, name="file_probe"),
]
