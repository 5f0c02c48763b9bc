"""The door for live connections: who is not logged in does not get one, who is thrown out loses it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.sessions import CookieMiddleware
from django.conf import settings
from django.utils.module_loading import import_string
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import TokenError

from mam.accounts.authentication import SCHEME, authenticate_api_key
from mam.accounts.errors import InvalidApiKeyError
from mam.accounts.models import User

if TYPE_CHECKING:
    from mam.lib.asgi import Application, Message, Receive, Scope, Send

# Application-defined close code (RFC 6455, 7.4.2: 4000-4999): log in again, do not just reconnect.
CLOSE_LOGGED_OUT = 4401
# How long a connection may outlive its login (logout, new password, disabled user, revoked key).
RECHECK_S = 5.0


class WebSocketAuthMiddleware:
    """Puts `user` into the scope: by the session cookie, `Authorization: Bearer` or `Authorization: Api-Key`.

    Without a user the handshake is refused. While the connection lives the login is looked up again every RECHECK_S
    seconds; when it is gone the connection closes with CLOSE_LOGGED_OUT.
    """

    def __init__(self, inner: Application) -> None:
        self.inner = inner
        self._with_cookies: Any = CookieMiddleware(self._serve)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._with_cookies(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = await _find_user(scope)
        if user is None:
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": CLOSE_LOGGED_OUT})
            return
        guarded = _GuardedReceive(scope, receive, send)
        try:
            await self.inner({**scope, "user": user}, guarded, send)
        finally:
            guarded.stop()


class _GuardedReceive:
    """`receive` that turns into a disconnect once the login is gone."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._pending: asyncio.Task[Message] | None = None

    async def __call__(self) -> Message:
        # The task outlives a cancelled call, so that no message of the client is lost between two calls.
        self._pending = self._pending or asyncio.ensure_future(_as_coroutine(self._receive))
        while not (await asyncio.wait({self._pending}, timeout=RECHECK_S))[0]:
            if await _find_user(self._scope) is None:
                await self._send({"type": "websocket.close", "code": CLOSE_LOGGED_OUT})
                return {"type": "websocket.disconnect", "code": CLOSE_LOGGED_OUT}
        done, self._pending = self._pending, None
        return done.result()

    def stop(self) -> None:
        """Let go of the read that nobody waits for any more."""
        if self._pending is not None:
            self._pending.cancel()


async def _as_coroutine(receive: Receive) -> Message:
    return await receive()


async def _find_user(scope: Scope) -> User | None:
    header = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"), "")
    if header:
        return await _find_user_by_header(header)
    session_key = scope["cookies"].get(settings.SESSION_COOKIE_NAME)
    if not session_key:
        return None
    session_store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    part: Any = {"session": session_store(session_key)}
    user = await get_user(part)  # looks at the password's hash and is_active too
    return user if isinstance(user, User) else None


@database_sync_to_async
def _find_user_by_header(header: str) -> User | None:
    scheme, _, credential = header.partition(" ")
    try:
        if scheme.casefold() == SCHEME.casefold():
            return authenticate_api_key(credential.strip()).user
        jwt = JWTAuthentication()
        raw_token = jwt.get_raw_token(header.encode("latin-1"))
        found = jwt.get_user(jwt.get_validated_token(raw_token)) if raw_token else None
    except (InvalidApiKeyError, AuthenticationFailed, TokenError):
        return None
    return found if isinstance(found, User) else None
