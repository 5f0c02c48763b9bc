"""Pages of REST lists, and the one shape of every error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.utils import translation
from rest_framework import exceptions, serializers, viewsets
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from mam.jobs.models import Job
from mam.lib.api import KeysetPagination
from mam.lib.errors import MamError
from tests.factories import make_job, make_user

if TYPE_CHECKING:
    from rest_framework.request import Request

    from mam.accounts.models import User


class JobSerializer(serializers.ModelSerializer[Job]):
    class Meta:
        model = Job
        fields: ClassVar = ["kind"]


class JobViewSet(viewsets.ReadOnlyModelViewSet[Job]):
    required_permissions: ClassVar = {"list": "jobs.view_job", "POST": "jobs.control_job"}
    serializer_class = JobSerializer
    queryset = Job.objects.all()
    ordering_fields: ClassVar = {"kind": "kind", "size": "progress_total"}
    ordering = "kind"


def ask(view: Any = None, user: User | None = None, method: str = "get", **query: str) -> Response:
    request = getattr(APIRequestFactory(), method)("/api/v1/x", query)
    if user is not None:
        force_authenticate(request, user)
    response = (view or JobViewSet.as_view({"get": "list"}))(request)
    response.render()
    return response


# --- lists ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def member(db: None) -> User:
    for kind in "dbac":
        make_job(kind, progress_total={"a": 3, "b": None, "c": 1, "d": 2}[kind])
    return make_user("operator")


def kinds(response: Response) -> str:
    return "".join(item["kind"] for item in response.data["items"])


def test_a_list_is_paged_by_cursor_both_ways(member: User) -> None:
    first = ask(user=member, limit="3")
    assert (kinds(first), first.data["previous"]) == ("abc", None)
    second = ask(user=member, limit="3", cursor=first.data["next"])
    assert (kinds(second), second.data["next"]) == ("d", None)
    assert kinds(ask(user=member, limit="3", cursor=second.data["previous"])) == "abc"


@pytest.mark.parametrize(
    ("ordering", "expected"), [("", "abcd"), ("-kind", "dcba"), ("size", "cdab"), ("-size", "adcb"), ("size,-kind", "cdab")]
)
def test_a_list_is_ordered_by_public_names_with_nothing_last(member: User, ordering: str, expected: str) -> None:
    assert kinds(ask(user=member, ordering=ordering)) == expected


@pytest.mark.parametrize("ordering", ["progress_total", "nothing", "kind,nothing", "--kind", "requested_by__password", ","])
def test_only_declared_orders_are_orders(member: User, ordering: str) -> None:
    response = ask(user=member, ordering=ordering)
    assert (response.status_code, response.data["code"]) == (400, "invalid_ordering")


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "1.5", "", "９", "99999999999999999999"])
def test_a_limit_is_between_1_and_200(member: User, limit: str) -> None:
    response = ask(user=member, limit=limit)
    assert (response.status_code, response.data["code"], response.data["params"]) == (400, "invalid_limit", {"max": 200})


@pytest.mark.parametrize(("change", "code"), [({"cursor": "x.y"}, "invalid_cursor"), ({"ordering": "-kind"}, "cursor_mismatch")])
def test_a_cursor_that_does_not_fit_is_named(member: User, change: dict[str, str], code: str) -> None:
    cursor = ask(user=member, limit="1").data["next"]
    response = ask(user=member, **{"cursor": cursor, **change})
    assert (response.status_code, response.data["code"]) == (400, code)


def test_the_newest_come_first_where_a_view_says_nothing(member: User) -> None:
    class PlainViewSet(viewsets.ReadOnlyModelViewSet[Job]):
        required_permissions: ClassVar = {"list": "jobs.view_job"}
        serializer_class = JobSerializer
        queryset = Job.objects.all()

    assert kinds(ask(PlainViewSet.as_view({"get": "list"}), user=member)) == "cabd"


def test_the_schema_of_a_page() -> None:
    schema = KeysetPagination().get_paginated_response_schema({"type": "array"})
    assert schema["required"] == ["items", "next", "previous"]
    parameters = KeysetPagination().get_schema_operation_parameters(JobViewSet())
    assert [parameter["name"] for parameter in parameters] == ["cursor", "limit", "ordering"]
    assert "kind, size" in parameters[2]["schema"]["description"]


# --- permissions ----------------------------------------------------------------------------------------------------
def test_what_a_view_does_not_declare_is_closed_even_to_a_superuser(db: None) -> None:
    class ForgetfulView(APIView):
        def get(self, request: Request) -> Response:
            return Response({})

    superuser = make_user("administrator", is_superuser=True)
    response = ask(ForgetfulView.as_view(), user=superuser)
    assert (response.status_code, response.data["code"]) == (403, "permission_denied")
    assert ask(JobViewSet.as_view({"get": "retrieve"}), user=superuser).status_code == 403


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 200), ("administrator", 200), (None, 403)])
def test_a_permission_is_named_by_action(db: None, role: str | None, status: int) -> None:
    assert ask(user=make_user(role)).status_code == status


def test_a_stranger_is_asked_who_they_are(db: None) -> None:
    response = ask()
    assert (response.status_code, response.data["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Api-Key"


def test_a_permission_is_named_by_method_and_head_is_get(db: None) -> None:
    class MethodView(APIView):
        required_permissions: ClassVar = {"GET": "jobs.view_job"}

        def get(self, request: Request) -> Response:
            return Response({})

        def post(self, request: Request) -> Response:
            return Response({})

    operator = make_user("operator")
    view = MethodView.as_view()
    assert ask(view, user=operator).status_code == 200
    assert ask(view, user=operator, method="head").status_code == 200
    assert ask(view, user=operator, method="post").status_code == 403
    assert ask(view, user=operator, method="options").status_code == 403


# --- errors ---------------------------------------------------------------------------------------------------------
class TeapotForTestError(MamError):
    code = "teapot_for_test"
    template = "The pot %(name)s is short."
    http_status = 418


def raised(error: Exception) -> Response:
    class RaisingView(APIView):
        permission_classes = ()

        def get(self, request: Request) -> Response:
            raise error

    return ask(RaisingView.as_view())


SHAPES: list[tuple[Exception, int, str, dict[str, Any]]] = [
    (TeapotForTestError(name="A"), 418, "teapot_for_test", {"name": "A"}),
    (Http404("secret detail"), 404, "not_found", {}),
    (PermissionDenied("secret detail"), 403, "permission_denied", {}),
    (exceptions.ValidationError({"name": ["too long"]}), 400, "invalid", {"name": ["too long"]}),
    (exceptions.ValidationError("wrong"), 400, "invalid", {"non_field_errors": ["wrong"]}),
    (exceptions.ValidationError([{"name": ["x"]}, {}]), 400, "invalid", {"non_field_errors": [{"name": ["x"]}, {}]}),
    (DjangoValidationError({"name": ["too long"]}), 400, "invalid", {"name": ["too long"]}),
    (DjangoValidationError("wrong"), 400, "invalid", {"non_field_errors": ["wrong"]}),
    (exceptions.ParseError(), 400, "parse_error", {}),
    (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed", {}),
    (exceptions.UnsupportedMediaType("text/x"), 415, "unsupported_media_type", {}),
    (exceptions.Throttled(wait=2.2), 429, "throttled", {"wait_s": 3}),
    (exceptions.AuthenticationFailed(), 401, "authentication_failed", {}),
]


@pytest.mark.parametrize(("error", "status", "code", "params"), SHAPES, ids=lambda value: type(value).__name__)
def test_every_error_has_the_one_shape(error: Exception, status: int, code: str, params: dict[str, Any]) -> None:
    response = raised(error)
    assert (response.status_code, response.data["code"], response.data["params"]) == (status, code, params)
    assert response.data.keys() == {"code", "message", "params"}
    assert response.data["message"]
    assert "secret" not in response.data["message"]


def test_messages_are_filled_and_in_the_readers_language() -> None:
    assert raised(TeapotForTestError(name="A")).data["message"] == "The pot A is short."
    texts = set()
    for language in ("ko", "en"):
        with translation.override(language):
            texts.add(raised(exceptions.NotAuthenticated()).data["message"])
    assert len(texts) == 2


def test_headers_say_when_and_how_to_come_again() -> None:
    assert raised(exceptions.Throttled(wait=2.2))["Retry-After"] == "3"
    assert raised(exceptions.AuthenticationFailed())["WWW-Authenticate"] == "Api-Key"


def test_a_defect_is_not_dressed_up_as_an_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        raised(ZeroDivisionError())
