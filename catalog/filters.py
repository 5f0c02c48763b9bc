"""What lists of the REST API can be narrowed by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db.models import BigIntegerField, Q
from django_filters import fields
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from catalog import text
from catalog.choices import FileKind, Placement, Presence, ProbeState
from catalog.models import Catalog, Collection, Content, Folder, MediaFile, Player, Series, Source, Tag
from catalog.selectors.conditions import lies_below, lies_in
from catalog.selectors.search import matching

if TYPE_CHECKING:
    from django.db.models import QuerySet


def _chosen(model: Any, **options: Any) -> Any:
    return filters.ModelChoiceFilter(queryset=model.objects.all(), **options)


class WholeNumberFilter(filters.NumberFilter):
    """A number that a column may hold: SQLite cannot even be asked for one that it cannot."""

    def get_max_validator(self) -> MaxValueValidator:
        """In the place of the library's 10^50."""
        return MaxValueValidator(BigIntegerField.MAX_BIGINT)


class _KnownField(fields.ModelMultipleChoiceField):
    """Rows by their ids; one that is beyond all ids is as unknown as any other."""

    def _check_values(self, value: Any) -> Any:
        try:
            return super()._check_values(value)  # type: ignore[misc]  # unknown to the stubs
        except OverflowError as error:  # of SQLite
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice", params={"value": value[0]}) from error


class _KnownFilter(filters.ModelMultipleChoiceFilter):
    field_class = _KnownField


class FileFilter(filters.FilterSet):
    """`?q=words&folder=3&kind=video&kind=audio&min_duration_ms=60000`. All conditions together; repeated ones are alternatives.

    No condition finds a file twice, so none asks for distinct rows: those would all be read and sorted for a page of them.
    """

    q = filters.CharFilter(method="by_words", help_text="Words and fields as in the search box.")
    source = _chosen(Source, method="by_source")
    folder = _chosen(Folder, help_text="Directly in this folder.")
    below = _chosen(Folder, method="by_subtree", help_text="In this folder or anywhere below it.")
    catalog = _chosen(Catalog, field_name="content__series__catalog")
    series = _chosen(Series, field_name="content__series")
    content = _chosen(Content)
    tag = _KnownFilter(
        queryset=Tag.objects.all(), field_name="tags", conjoined=True, distinct=False, help_text="Repeated: files that have all of them."
    )
    player = _chosen(Player, field_name="players")
    collection = _chosen(Collection, field_name="collections")
    kind = filters.MultipleChoiceFilter(choices=FileKind.choices, distinct=False)
    presence = filters.MultipleChoiceFilter(choices=Presence.choices, distinct=False)
    probe_state = filters.MultipleChoiceFilter(choices=ProbeState.choices, distinct=False)
    placement = filters.ChoiceFilter(choices=Placement.choices)
    extension = filters.CharFilter(method="by_extension")
    video_codec = filters.CharFilter()
    is_placed = filters.BooleanFilter(field_name="content", lookup_expr="isnull", exclude=True)
    min_size_bytes = WholeNumberFilter(field_name="size_bytes", lookup_expr="gte")
    max_size_bytes = WholeNumberFilter(field_name="size_bytes", lookup_expr="lte")
    min_duration_ms = WholeNumberFilter(field_name="duration_ms", lookup_expr="gte")
    max_duration_ms = WholeNumberFilter(field_name="duration_ms", lookup_expr="lte")
    min_height_px = WholeNumberFilter(field_name="height_px", lookup_expr="gte")
    found_after = filters.IsoDateTimeFilter(field_name="first_seen_at", lookup_expr="gte")
    found_before = filters.IsoDateTimeFilter(field_name="first_seen_at", lookup_expr="lt")

    @extend_schema_field(int)
    def by_source(self, queryset: QuerySet[MediaFile], _name: str, source: Source) -> QuerySet[MediaFile]:
        """All of it."""
        return queryset.filter(lies_in(source.pk))

    def by_extension(self, queryset: QuerySet[MediaFile], _name: str, value: str) -> QuerySet[MediaFile]:
        """Whatever its case: it is kept in lower case."""
        return queryset.filter(extension=value.lower())

    def by_words(self, queryset: QuerySet[MediaFile], _name: str, value: str) -> QuerySet[MediaFile]:
        """As the search page does."""
        return matching(queryset, value)

    @extend_schema_field(int)
    def by_subtree(self, queryset: QuerySet[MediaFile], _name: str, folder: Folder) -> QuerySet[MediaFile]:
        """The folder and everything below."""
        return queryset.filter(lies_below(folder))


class FolderFilter(filters.FilterSet):
    """`?source=1&parent=7`; `is_root=true` for the roots."""

    source = _chosen(Source)
    parent = _chosen(Folder)
    is_root = filters.BooleanFilter(field_name="parent", lookup_expr="isnull")
    is_missing = filters.BooleanFilter()
    name = filters.CharFilter(method="by_name", help_text="Part of the name, whatever its case.")

    def by_name(self, queryset: QuerySet[Folder], _name: str, value: str) -> QuerySet[Folder]:
        """Compared as keys are."""
        return queryset.filter(name_key__contains=text.fold(value))


class CatalogFilter(filters.FilterSet):
    """`?is_curated=true`."""

    is_curated = filters.BooleanFilter()


class SeriesFilter(filters.FilterSet):
    """`?catalog=1&year=2024`."""

    catalog = _chosen(Catalog)
    year = WholeNumberFilter()
    is_curated = filters.BooleanFilter()


class ContentFilter(filters.FilterSet):
    """`?series=1&title=final`."""

    catalog = _chosen(Catalog, field_name="series__catalog")
    series = _chosen(Series)
    player = _chosen(Player, field_name="players")
    is_curated = filters.BooleanFilter()
    title = filters.CharFilter(method="by_title", help_text="Part of the title the content was found by.")

    def by_title(self, queryset: QuerySet[Content], _name: str, value: str) -> QuerySet[Content]:
        """In the title as it is now, or in the key it was made with."""
        return queryset.filter(Q(title__icontains=text.nfc(value)) | Q(key__contains=text.fold(value)))


class TagFilter(filters.FilterSet):
    """`?name=bluff`."""

    name = filters.CharFilter(method="by_name", help_text="Part of the name, whatever its case.")

    def by_name(self, queryset: QuerySet[Tag], _name: str, value: str) -> QuerySet[Tag]:
        """Compared as keys are."""
        return queryset.filter(key__contains=text.fold(value))


class PlayerFilter(filters.FilterSet):
    """`?name=ivey&country=US`."""

    name = filters.CharFilter(method="by_name", help_text="Part of any of the names.")
    country = filters.CharFilter(lookup_expr="iexact")

    def by_name(self, queryset: QuerySet[Player], _name: str, value: str) -> QuerySet[Player]:
        """In any spelling that has a column of its own."""
        words = text.tidy(value)
        return queryset.filter(Q(name__icontains=words) | Q(name_ko__icontains=words) | Q(name_en__icontains=words))


class CollectionFilter(filters.FilterSet):
    """`?parent=3`; `is_top=true` for those in no other."""

    parent = _chosen(Collection)
    is_top = filters.BooleanFilter(field_name="parent", lookup_expr="isnull")


class SourceFilter(filters.FilterSet):
    """`?state=offline`."""

    state = filters.CharFilter()
    is_enabled = filters.BooleanFilter()


class PathRuleFilter(filters.FilterSet):
    """`?source=1`."""

    source = _chosen(Source)
    is_enabled = filters.BooleanFilter()
