"""Static files, in front of Django.

The watch page alone asks for some eighty of them when a browser sees it first. Through all middleware each costs 2 ms of processor and
three changes of thread; here a hundredth of that. What they are, how they are compressed and how long they are kept WhiteNoise knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from whitenoise.middleware import WhiteNoiseMiddleware

if TYPE_CHECKING:
    from mam.lib.asgi import Application, Receive, Scope, Send

_ASKED = {  # header -> what WhiteNoise calls it
    b"accept-encoding": "HTTP_ACCEPT_ENCODING",
    b"if-modified-since": "HTTP_IF_MODIFIED_SINCE",
    b"if-none-match": "HTTP_IF_NONE_MATCH",
    b"range": "HTTP_RANGE",
}
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class StaticFiles:
    """The ASGI application; what is no static file is for `inner`. Reads the settings as WhiteNoise's middleware does."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner
        self._files = WhiteNoiseMiddleware()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; see the ASGI specification. Files are small and in the memory of the system, so they are read at once."""
        path = scope["path"]
        find = self._files.find_file if self._files.autorefresh else self._files.files.get
        found = find(path) if path.startswith(self._files.static_prefix) else None
        if found is None:
            await self._inner(scope, receive, send)
            return
        asked = {_ASKED[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _ASKED}
        response = found.get_response(scope["method"], asked)
        body = b""
        if response.file is not None:
            with response.file:
                body = response.file.read()
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        await send({"type": "http.response.start", "status": int(response.status), "headers": [*headers, _NOSNIFF]})
        await send({"type": "http.response.body", "body": body})
