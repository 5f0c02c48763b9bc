"""What the catalog's views share: who asks, what they may, and how a request becomes arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rest_framework import mixins, viewsets
from rest_framework.exceptions import NotAuthenticated
from rest_framework.response import Response

from catalog.selectors import scope
from catalog.selectors.scope import visible
from mam.accounts.models import User

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from rest_framework.request import Request
    from rest_framework.serializers import BaseSerializer

VIEW = scope.VIEW_LIBRARY
CURATE = scope.CURATE
READ: dict[str, str] = {"list": VIEW, "retrieve": VIEW}
WRITE: dict[str, str] = {"create": CURATE, "partial_update": CURATE, "destroy": CURATE}

Row = TypeVar("Row", bound="Model")


class LibraryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Row]):
    """List and detail of what the user may see. `write_serializers`: action -> the shape of what is sent."""

    write_serializers: ClassVar[dict[str, type[BaseSerializer[Any]]]] = {}
    ordering: ClassVar[list[str]] = ["id"]
    ordering_fields: ClassVar[dict[str, str]] = {"id": "pk"}
    required_permissions: ClassVar[dict[str, str]] = READ

    def get_queryset(self) -> QuerySet[Row]:
        """The rows of `queryset` that the user may see."""
        rows: QuerySet[Row] = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):  # drawing the schema: nobody asks
            return rows.none()
        return visible(rows, self.user)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrowed to what is asked for."""
        return super().filter_queryset(queryset) if self.is_narrowed else queryset

    @property
    def is_narrowed(self) -> bool:
        """Whether any condition is asked for. None is, as a rule, and making the form of all conditions takes as long as the list."""
        known = getattr(getattr(self, "filterset_class", None), "base_filters", {})
        return any(name in known for name in self.request.query_params)

    @property
    def user(self) -> User:
        """Who asks."""
        if not isinstance(self.request.user, User):
            raise NotAuthenticated
        return self.request.user

    def sent(self, request: Request, *, partial: bool = False) -> dict[str, Any]:
        """The request's body, checked against the action's shape; with `partial` fields may be left out."""
        serializer = self.write_serializers[self.action](data=request.data, partial=partial, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def shown(self, pk: int, status: int = 200) -> Response:
        """A row as `retrieve` shows it, read anew."""
        return Response(self.get_serializer(self.get_queryset().get(pk=pk)).data, status=status)
