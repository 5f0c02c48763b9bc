"""`/auth/`: tokens for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from mam.accounts import tokens
from mam.accounts.models import User
from mam.accounts.selectors import list_permissions

if TYPE_CHECKING:
    from rest_framework.request import Request


class LoginSerializer(serializers.Serializer[Any]):
    """Who wants in. `code` is of the authenticator app, or a recovery code; needed where the account has one."""

    email = serializers.EmailField()
    password = serializers.CharField(trim_whitespace=False, max_length=1024)
    code = serializers.CharField(required=False, default="", allow_blank=True, max_length=64)


class RefreshSerializer(serializers.Serializer[Any]):
    """A refresh token."""

    refresh = serializers.CharField(max_length=4096)


class TokenPairSerializer(serializers.Serializer[Any]):
    """`access` goes into `Authorization: Bearer`; `refresh` gets the next pair, once."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)


class MeSerializer(serializers.ModelSerializer[User]):
    """Who the caller is and what they may do; with an API key, within its scopes."""

    role = serializers.CharField(read_only=True)
    permissions = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields: ClassVar = ["id", "email", "name", "role", "permissions"]
        read_only_fields = fields

    def get_permissions(self, user: User) -> list[str]:
        """Names such as "catalog.curate"."""
        return list_permissions(user)


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error."""

    code = serializers.CharField()
    message = serializers.CharField()
    params = serializers.DictField()


DENIED = OpenApiResponse(ErrorSerializer, description="Wrong, used up, or too many tries.")


class _OpenView(APIView):
    """Reached without a login; takes no session, so there is nothing to forge a request for."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class LoginView(_OpenView):
    """Get a first pair of tokens."""

    @extend_schema(request=LoginSerializer, responses={200: TokenPairSerializer, 401: DENIED, 429: DENIED}, operation_id="auth_login")
    def post(self, request: Request) -> Response:
        """E-mail address, password and, where the account has an authenticator app, its code."""
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(asdict(tokens.log_in(request._request, **serializer.validated_data)))


class RefreshView(_OpenView):
    """Get the next pair of tokens."""

    @extend_schema(request=RefreshSerializer, responses={200: TokenPairSerializer, 401: DENIED}, operation_id="auth_refresh")
    def post(self, request: Request) -> Response:
        """The token given is used up; keep the new one."""
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(asdict(tokens.refresh(serializer.validated_data["refresh"])))


class LogoutView(_OpenView):
    """Use up a refresh token."""

    @extend_schema(request=RefreshSerializer, responses={204: None, 401: DENIED}, operation_id="auth_logout")
    def post(self, request: Request) -> Response:
        """The access token of the pair lives on for its last minutes."""
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        tokens.log_out(serializer.validated_data["refresh"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class ValidateView(APIView):
    """Whether the credentials of this request are good."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses={200: MeSerializer, 401: DENIED}, operation_id="auth_validate")
    def get(self, request: Request) -> Response:
        """By token, API key or session."""
        assert isinstance(request.user, User)  # noqa: S101  (IsAuthenticated lets nobody else in)
        return Response(MeSerializer(request.user).data)
