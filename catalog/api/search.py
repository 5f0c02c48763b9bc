"""The search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import selectors
from catalog.api.base import VIEW
from catalog.search.query import parse
from catalog.serializers.file_rows import show_files
from catalog.serializers.search import FacetValueSerializer, SearchPageSerializer, SearchRequestSerializer, SuggestionsSerializer

if TYPE_CHECKING:
    from rest_framework.request import Request

    from mam.accounts.models import User


class SearchView(APIView):
    """GET /api/v1/search."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="search", parameters=[SearchRequestSerializer], responses=SearchPageSerializer)
    def get(self, request: Request) -> Response:
        """Files by words and fields. `count` and the counts of facets stop at 10,001."""
        form = SearchRequestSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        sent, user = form.validated_data, cast("User", request.user)
        query = parse(sent["q"])
        found = selectors.search(
            user=user, query=query, sort=sent["sort"], cursor=sent["cursor"] or None, limit=sent["limit"], facets=sent["facets"]
        )
        proposal = None if found.count else selectors.propose(query, found.resolved)
        answer: dict[str, Any] = {
            "items": show_files(found.ids),
            "next": found.next,
            "previous": found.previous,
            "count": found.count,
            "is_capped": found.is_capped,
            "sort": found.sort,
            "facets": {
                facet: FacetValueSerializer(values, many=True, context={"query": query}).data for facet, values in found.facets.items()
            },
            "problems": [gettext(problem.why) % problem.params for problem in found.resolved.problems],
            "taken_for": found.resolved.meant,
            "proposal": str(proposal) if proposal else None,
        }
        return Response(answer)


class SuggestView(APIView):
    """GET /api/v1/suggest."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="suggest", parameters=[OpenApiParameter("q", str)], responses=SuggestionsSerializer)
    def get(self, request: Request) -> Response:
        """What the words typed so far may become."""
        return Response(selectors.suggest(user=cast("User", request.user), typed=request.query_params.get("q", "")[:300]))
