"""What the archive holds. Written only by `catalog.services`; knows neither how a file was found nor how it is played."""

from catalog.models.curation import Collection, CollectionItem, Player, Tag
from catalog.models.edits import BulkEdit, BulkEditPart
from catalog.models.imports import ImportedRecord
from catalog.models.media import MediaFile, MediaStream
from catalog.models.metadata_imports import MetadataImport, MetadataImportPart
from catalog.models.search import SearchBlock, SearchChange, SearchEntry, SearchPosting, SearchWord
from catalog.models.source import Folder, Source
from catalog.models.summary import CubeRow, SummaryCell
from catalog.models.work import Catalog, Content, PathRule, Series

__all__ = [
    "BulkEdit",
    "BulkEditPart",
    "Catalog",
    "Collection",
    "CollectionItem",
    "Content",
    "CubeRow",
    "Folder",
    "ImportedRecord",
    "MediaFile",
    "MediaStream",
    "MetadataImport",
    "MetadataImportPart",
    "PathRule",
    "Player",
    "SearchBlock",
    "SearchChange",
    "SearchEntry",
    "SearchPosting",
    "SearchWord",
    "Series",
    "Source",
    "SummaryCell",
    "Tag",
]
