"""What the views of sync share: who asks, which target is meant, and how a request becomes arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotAuthenticated
from rest_framework.views import APIView

from catalog.errors import ObjectNotFoundError
from mam.accounts.models import User
from mam.lib.api import KeysetPagination
from sync.models import Target
from sync.services.settings import ensure_default_target

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.serializers import BaseSerializer

    from mam.lib.keyset import KeysetPage

    Form = TypeVar("Form", bound=BaseSerializer[Any])


PAGE_PARAMETERS = [
    OpenApiParameter("cursor", str, description="Of `next` or `previous`."),
    OpenApiParameter("limit", int, description=f"1 to {KeysetPagination.max_limit}; {KeysetPagination.default_limit} without it."),
]


class SyncView(APIView):
    """A view about one target. `ordering`, `ordering_fields`: of what it lists (`mam.lib.api.KeysetPagination`)."""

    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    ordering_fields: ClassVar[dict[str, str]] = {"id": "pk"}

    @property
    def user(self) -> User:
        """Who asks."""
        if not isinstance(self.request.user, User):
            raise NotAuthenticated
        return self.request.user

    def asked(self, form: type[Form]) -> Form:
        """The query of the address, checked."""
        return _valid(form(data=self.request.query_params))

    def page_of(self, rows: QuerySet[Any, Any]) -> KeysetPage[Any]:
        """The page of `rows` that is asked for. Errors of `KeysetPagination`."""
        pages = KeysetPagination()
        pages.paginate_queryset(rows, self.request, self)
        return pages.page

    def sent(self, form: type[Form]) -> Form:
        """The body, checked."""
        return _valid(form(data=self.request.data))


def target_of(target_id: int | None) -> Target:
    """The target with this id, the first one without. ObjectNotFoundError."""
    if target_id is None:
        return ensure_default_target()
    target = Target.objects.filter(pk=target_id).first()
    if target is None:
        raise ObjectNotFoundError
    return target


def _valid(form: Form) -> Form:
    form.is_valid(raise_exception=True)
    return form
