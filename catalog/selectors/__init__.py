"""Reads of the catalog. `user=` is checked here, once: who may not see the library gets PermissionDeniedError.

`get_` raises ObjectNotFoundError, `list_` gives a list or an ordered queryset for keyset pages, `count_` never counts past a cap.
No page counts files one by one: totals come from the roll-ups of folders and series.
"""

from catalog.selectors.curation import (
    CollectionNode,
    collection_ancestors,
    find_players,
    find_tags,
    get_collection,
    get_player,
    get_tag,
    list_collection_items,
    list_collection_tree,
    list_player_contents,
    list_players,
    list_tagged_files,
    list_tags,
)
from catalog.selectors.edits import get_edit, list_edits
from catalog.selectors.files import (
    FILE_ORDER,
    NEWEST_FIRST,
    get_file,
    list_duplicates,
    list_files,
    list_recent_files,
)
from catalog.selectors.history import explain, get_history, page_of
from catalog.selectors.places import SourceCard, folder_ancestors, get_folder, get_root, list_folder_files, list_sources, list_subfolders
from catalog.selectors.search import SORTS, FacetValue, Found, list_facets, list_matching_ids, matching, propose, search
from catalog.selectors.stats import LibraryTotals, library_totals
from catalog.selectors.suggestions import Completion, complete, suggest
from catalog.selectors.works import (
    CatalogCard,
    ContentCard,
    SeriesCard,
    content_cards,
    get_catalog,
    get_content,
    get_series,
    list_catalog_cards,
    list_contents,
    list_parts,
    list_series_cards,
)

__all__ = [
    "FILE_ORDER",
    "NEWEST_FIRST",
    "SORTS",
    "CatalogCard",
    "CollectionNode",
    "Completion",
    "ContentCard",
    "FacetValue",
    "Found",
    "LibraryTotals",
    "SeriesCard",
    "SourceCard",
    "collection_ancestors",
    "complete",
    "content_cards",
    "explain",
    "find_players",
    "find_tags",
    "folder_ancestors",
    "get_catalog",
    "get_collection",
    "get_content",
    "get_edit",
    "get_file",
    "get_folder",
    "get_history",
    "get_player",
    "get_root",
    "get_series",
    "get_tag",
    "library_totals",
    "list_catalog_cards",
    "list_collection_items",
    "list_collection_tree",
    "list_contents",
    "list_duplicates",
    "list_edits",
    "list_facets",
    "list_files",
    "list_folder_files",
    "list_matching_ids",
    "list_parts",
    "list_player_contents",
    "list_players",
    "list_recent_files",
    "list_series_cards",
    "list_sources",
    "list_subfolders",
    "list_tagged_files",
    "list_tags",
    "matching",
    "page_of",
    "propose",
    "search",
    "suggest",
]
