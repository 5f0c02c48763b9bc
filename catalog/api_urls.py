"""REST routes of the catalog, under /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from catalog.api.curation import CollectionViewSet, PlayerViewSet, TagViewSet
from catalog.api.edits import BulkEditViewSet
from catalog.api.files import FileViewSet, FolderViewSet
from catalog.api.search import SearchView, SuggestView
from catalog.api.sources import PathRuleViewSet, SourceViewSet
from catalog.api.summary import SummaryView
from catalog.api.works import CatalogViewSet, ContentViewSet, SeriesViewSet

router = SimpleRouter()
router.register("files", FileViewSet, basename="file")
router.register("folders", FolderViewSet, basename="folder")
router.register("catalogs", CatalogViewSet, basename="catalog")
router.register("series", SeriesViewSet, basename="series")
router.register("contents", ContentViewSet, basename="content")
router.register("collections", CollectionViewSet, basename="collection")
router.register("bulk-edits", BulkEditViewSet, basename="bulk-edit")
router.register("tags", TagViewSet, basename="tag")
router.register("players", PlayerViewSet, basename="player")
router.register("sources", SourceViewSet, basename="source")
router.register("path-rules", PathRuleViewSet, basename="path-rule")

urlpatterns = [
    *router.urls,
    path("search/", SearchView.as_view(), name="search"),
    path("suggest/", SuggestView.as_view(), name="suggest"),
    path("summary/", SummaryView.as_view(), name="summary"),
]
