"""Requests to this very process, through Django's WSGI handler and all its middleware. Django is set up by who calls."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def asker() -> Callable[..., bytes]:
    """GET a path, and perhaps a query string, as a viewer who is logged in; gives the body. RuntimeError for anything but a success."""
    from django.conf import settings  # noqa: PLC0415
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from tests.factories import make_user  # noqa: PLC0415

    client = Client()
    client.force_login(make_user("viewer"))
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    application = get_wsgi_application()
    base = {"REQUEST_METHOD": "GET", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_HOST": "localhost", "HTTP_COOKIE": cookie}
    wsgi = {"wsgi.url_scheme": "http", "wsgi.version": (1, 0), "wsgi.errors": sys.stderr, "wsgi.multithread": False}

    def ask(address: str, query: str = "") -> bytes:
        statuses: list[str] = []
        environ = {**base, **wsgi, "wsgi.input": BytesIO(), "PATH_INFO": address, "QUERY_STRING": query}
        response: Any = application(environ, lambda status, *_headers: statuses.append(status))  # type: ignore[arg-type]
        body = b"".join(response)
        response.close()
        if not statuses[0].startswith("200"):
            raise RuntimeError(f"{statuses[0]} for {address}: {body[:500]!r}")
        return body

    return ask
