"""Live connections: who gets one, and who loses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.sessions.models import Session
from django.test import Client
from rest_framework_simplejwt.tokens import RefreshToken

from mam.accounts import services, websocket
from mam.accounts.models import ApiKey
from mam.accounts.websocket import CLOSE_LOGGED_OUT, WebSocketAuthMiddleware
from tests.factories import make_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)


class EchoConsumer(AsyncWebsocketConsumer):
    """Accepts, says who it talks to, and sends back what it gets."""

    async def connect(self) -> None:
        await self.accept()
        await self.send(str(self.scope["user"]))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "RECHECK_S", 0.02)


class Socket:
    """The client's end. (channels' own wants a server that is not installed.)"""

    def __init__(self, headers: dict[str, str]) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "websocket", "path": "/ws/x", "query_string": b"", "headers": raw, "subprotocols": []}
        self._end: Any = ApplicationCommunicator(WebSocketAuthMiddleware(EchoConsumer.as_asgi()), scope)  # type: ignore[no-untyped-call]

    async def connect(self) -> tuple[bool, int | None]:
        """Whether it was accepted, and the code it was refused with."""
        await self._end.send_input({"type": "websocket.connect"})
        answer = await self._end.receive_output(timeout=5)
        return answer["type"] == "websocket.accept", answer.get("code")

    async def send(self, text: str) -> None:
        await self._end.send_input({"type": "websocket.receive", "text": text})

    async def receive(self) -> str:
        return str((await self._end.receive_output(timeout=5))["text"])

    async def closed_with(self) -> int:
        """The code of the close that comes, and no later than the consumer's end."""
        answer = await self._end.receive_output(timeout=5)
        await self._end.wait(timeout=5)
        assert answer["type"] == "websocket.close"
        return int(answer["code"])

    async def disconnect(self) -> None:
        await self._end.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._end.wait(timeout=5)


def connection(**headers: str) -> Socket:
    return Socket(headers)


def session_cookie(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


def make_key(user: User) -> str:
    return services.create_api_key(actor=None, user=user, name="x", scopes=["catalog.view_library"])[1]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cookie": "sessionid=nothing"},
        {"cookie": "sessionid="},
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Bearer"},
        {"authorization": "Api-Key x.y"},
        {"authorization": "Basic eDp5"},
    ],
)
async def test_a_stranger_gets_no_connection(headers: dict[str, str]) -> None:
    is_connected, code = await connection(**headers).connect()
    assert not is_connected
    assert code == CLOSE_LOGGED_OUT


@pytest.mark.parametrize("way", ["session", "token", "key"])
async def test_a_member_gets_one(way: str) -> None:
    user = await sync_to_async(make_user)()
    headers = {
        "session": lambda: {"cookie": session_cookie(user)},
        "token": lambda: {"authorization": f"Bearer {RefreshToken.for_user(user).access_token}"},
        "key": lambda: {"authorization": f"Api-Key {make_key(user)}"},
    }[way]
    socket = connection(**await sync_to_async(headers)())
    assert (await socket.connect())[0]
    assert await socket.receive() == user.email
    await socket.send("still here")
    assert await socket.receive() == "still here"
    await socket.disconnect()


async def test_a_refresh_token_is_not_an_access_token() -> None:
    user = await sync_to_async(make_user)()
    token = await sync_to_async(RefreshToken.for_user)(user)
    assert not (await connection(authorization=f"Bearer {token}").connect())[0]


async def test_a_disabled_user_gets_none() -> None:
    user = await sync_to_async(make_user)()
    cookie = await sync_to_async(session_cookie)(user)
    await sync_to_async(disable)(user)
    assert not (await connection(cookie=cookie).connect())[0]


def disable(user: User) -> None:
    services.update_user(actor=None, user=user, email=user.email, name="", role="viewer", is_active=False)


def change_password(user: User) -> None:
    services.set_password(actor=None, user=user, password="a much better password 1")


def log_out(user: User) -> None:
    Session.objects.all().delete()


@pytest.mark.parametrize("end", [disable, change_password, log_out])
async def test_a_connection_ends_with_its_login(end: Callable[[User], None]) -> None:
    user = await sync_to_async(make_user)()
    socket = connection(cookie=await sync_to_async(session_cookie)(user))
    await socket.connect()
    await socket.receive()
    await sync_to_async(end)(user)
    assert await socket.closed_with() == CLOSE_LOGGED_OUT


async def test_a_connection_ends_with_its_key() -> None:
    user = await sync_to_async(make_user)()
    socket = connection(authorization=f"Api-Key {await sync_to_async(make_key)(user)}")
    await socket.connect()
    await socket.receive()
    await ApiKey.objects.aupdate(revoked_at="2020-01-01T00:00:00Z")
    assert await socket.closed_with() == CLOSE_LOGGED_OUT


async def test_no_message_is_lost_between_two_looks() -> None:
    user = await sync_to_async(make_user)()
    socket = connection(cookie=await sync_to_async(session_cookie)(user))
    await socket.connect()
    await socket.receive()
    for number in range(100):
        await socket.send(str(number))
    assert [await socket.receive() for _ in range(100)] == [str(number) for number in range(100)]
    await socket.disconnect()
