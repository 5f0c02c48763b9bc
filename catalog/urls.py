"""Pages of the library."""

from django.urls import path

from catalog import metadata_views, rule_views, views

app_name = "catalog"

urlpatterns = [
    path("", views.home, name="home"),
    path("library/<int:catalog_id>/", views.catalog_detail, name="catalog_detail"),
    path("library/series/<int:series_id>/", views.series_detail, name="series_detail"),
    path("library/contents/<int:content_id>/", views.content_detail, name="content_detail"),
    path("folders/", views.source_list, name="source_list"),
    path("folders/<int:folder_id>/", views.folder_detail, name="folder_detail"),
    path("files/<int:file_id>/", views.file_detail, name="file_detail"),
    path("files/<int:file_id>/players/", views.file_players, name="file_players"),
    path("files/<int:file_id>/tags/", views.file_tags, name="file_tags"),
    path("files/<int:file_id>/similar/", views.file_similar, name="file_similar"),
    path("search/", views.search, name="search"),
    path("search/ways-out/", views.search_ways_out, name="search_ways_out"),
    path("search/facets/", views.search_facets, name="search_facets"),
    path("search/suggestions/", views.search_suggestions, name="search_suggestions"),
    path("search/edit/", views.search_edit, name="search_edit"),
    path("search/export.csv", metadata_views.metadata_export, name="metadata_export"),
    path("curation/import/", metadata_views.metadata_import, name="metadata_import"),
    path("curation/import/<int:import_id>/", metadata_views.metadata_import_detail, name="metadata_import_detail"),
    path("curation/import/<int:import_id>/problems.csv", metadata_views.metadata_import_problems, name="metadata_import_problems"),
    path("curation/import/<int:import_id>/apply/", metadata_views.metadata_import_apply, name="metadata_import_apply"),
    path("curation/import/<int:import_id>/undo/", metadata_views.metadata_import_undo, name="metadata_import_undo"),
    path("curation/import/<int:import_id>/resume/", metadata_views.metadata_import_resume, name="metadata_import_resume"),
    path("curation/rules/", rule_views.rule_list, name="rule_list"),
    path("curation/rules/new/", rule_views.rule_new, name="rule_new"),
    path("curation/rules/move/", rule_views.rule_move, name="rule_move"),
    path("curation/rules/order/", rule_views.rule_order, name="rule_order"),
    path("curation/rules/apply/", rule_views.rule_apply, name="rule_apply"),
    path("curation/rules/progress/", rule_views.rule_progress, name="rule_progress"),
    path("curation/rules/<int:rule_id>/", rule_views.rule_detail, name="rule_detail"),
    path("curation/rules/<int:rule_id>/delete/", rule_views.rule_delete, name="rule_delete"),
    path("search/save/", views.search_save, name="search_save"),
    path("edits/", views.edit_list, name="edit_list"),
    path("edits/<int:edit_id>/", views.edit_detail, name="edit_detail"),
    path("edits/<int:edit_id>/undo/", views.edit_undo, name="edit_undo"),
    path("edits/<int:edit_id>/redo/", views.edit_redo, name="edit_redo"),
    path("history/<str:kind>/<int:object_id>/", views.object_history, name="object_history"),
    path("collections/", views.collection_list, name="collection_list"),
    path("collections/<int:collection_id>/", views.collection_detail, name="collection_detail"),
    path("collections/<int:collection_id>/move/", views.collection_move, name="collection_move"),
    path("tags/<int:tag_id>/", views.tag_detail, name="tag_detail"),
    path("players/<int:player_id>/", views.player_detail, name="player_detail"),
]
