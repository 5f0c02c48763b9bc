"""Shapes of the search."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from catalog.search.facets import FACETS
from catalog.search.query import Field
from catalog.selectors import SORTS
from catalog.selectors.search import FacetValue  # noqa: TC001  (the schema reads the annotation)
from catalog.serializers.files import FileSerializer

MAX_LIMIT = 200


class SearchRequestSerializer(serializers.Serializer[Any]):
    """What is searched for."""

    q = serializers.CharField(max_length=300, help_text="Words and fields, as in the search box.")
    sort = serializers.ChoiceField(choices=SORTS, default="relevance")
    facets = serializers.CharField(default="", allow_blank=True, help_text="Names with commas between: `catalog,year`; `all`.")
    cursor = serializers.CharField(default="", allow_blank=True)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=MAX_LIMIT)

    def validate_facets(self, value: str) -> list[Field]:
        """Known names."""
        names = [name for name in value.split(",") if name]
        if names == ["all"]:
            return list(FACETS)
        if not set(names) <= set(FACETS):
            raise serializers.ValidationError("The facets are: " + ", ".join(FACETS))
        return [Field(name) for name in names]


class FacetValueSerializer(serializers.Serializer[Any]):
    """One value of a facet, and what narrows the search to it."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # of the value, not of the field
    count = serializers.IntegerField(help_text="Files that have it; beside another value of the same field in `q`, files it would add.")
    is_capped = serializers.BooleanField(help_text="Counted among the newest 10,001 matches: there may be more.")
    is_chosen = serializers.BooleanField(help_text="`q` names it.")
    term = serializers.CharField(help_text="As it stands in a search.")
    q = serializers.SerializerMethodField(help_text="The search with it; without it if it is chosen.")

    def get_q(self, value: FacetValue) -> str:
        """Needs the search as `query` in the context."""
        return str(value.toggled(self.context["query"]))


class SearchPageSerializer(serializers.Serializer[Any]):
    """A page of what was found."""

    items = FileSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    count = serializers.IntegerField(help_text="Counts stop at 10,001.")
    is_capped = serializers.BooleanField()
    sort = serializers.CharField()
    facets = serializers.DictField(child=FacetValueSerializer(many=True))
    problems = serializers.ListField(child=serializers.CharField())
    taken_for = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Words that hardly occur, each with those that were searched too.",
    )
    proposal = serializers.CharField(allow_null=True, help_text="When nothing was found: a search that finds something.")


class SuggestionsSerializer(serializers.Serializer[Any]):
    """What may be meant, by kind: words, players, tags, titles."""

    words = serializers.ListField(child=serializers.CharField())
    players = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(child=serializers.CharField())
    titles = serializers.ListField(child=serializers.CharField())
