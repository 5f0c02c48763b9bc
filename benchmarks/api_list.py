"""Requests a second of `GET /api/v1/files/`, its first page of 50, against a bare Django view that answers the same data from memory.

MAM_BENCH_FILES files (100,000) of `manage.py generate_catalog`. Both sides are asked through Django's WSGI handler in one process: the
same middleware, the same session of the same viewer. The reference is a view without the REST framework and without a permission: a
JsonResponse of the list's answer, which it holds as Python data. So of ours counts what the list itself costs: permission, filters,
queries and rendering. The two take turns; the best of many short rounds of each counts, for other work on the machine only ever makes a
round slower. On both databases; the worse ratio counts.
"""

from __future__ import annotations

import json
import os
import sys
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

from benchmarks.databases import analyse, compare_on_each, set_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, JsonResponse

FILES = int(os.environ.get("MAM_BENCH_FILES", "100000"))
PATH, REFERENCE = "/api/v1/files/", "/bench/from-memory/"
ROUNDS = 30
ROUND_S = 0.4
_answer: dict[str, Any] = {}


def from_memory(_request: HttpRequest) -> JsonResponse:
    """The reference."""
    from django.http import JsonResponse  # noqa: PLC0415

    return JsonResponse(_answer)


def measure() -> None:
    """In a process of its own: print requests a second of both sides, the best round of each."""
    set_up()
    from catalog.services.generating import generate  # noqa: PLC0415

    generate(files=FILES, seed=1)
    analyse()
    ask = _asker()
    _answer.update(_json(ask(PATH)))
    if _json(ask(REFERENCE)) != _answer or len(_answer["items"]) != 50:
        raise RuntimeError("the two sides do not answer the same")
    best = {PATH: 0.0, REFERENCE: 0.0}
    for _ in range(ROUNDS):
        for path in best:
            best[path] = max(best[path], _rate(ask, path))
    sys.stdout.write(f"ours {best[PATH]}\nreference {best[REFERENCE]}\n")


def _asker() -> Callable[[str], bytes]:
    """GET a path as a viewer who is logged in; gives the body. RuntimeError for anything but a success."""
    from django.conf import settings  # noqa: PLC0415
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.urls import path  # noqa: PLC0415

    import mam.urls  # noqa: PLC0415
    from tests.factories import make_user  # noqa: PLC0415

    mam.urls.urlpatterns.append(path(REFERENCE[1:], from_memory))
    client = Client()
    client.force_login(make_user("viewer"))
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    application = get_wsgi_application()
    base = {"REQUEST_METHOD": "GET", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_HOST": "localhost", "HTTP_COOKIE": cookie}
    wsgi = {"wsgi.url_scheme": "http", "wsgi.version": (1, 0), "wsgi.errors": sys.stderr, "wsgi.multithread": False}

    def ask(address: str) -> bytes:
        statuses: list[str] = []
        environ = {**base, **wsgi, "wsgi.input": BytesIO(), "PATH_INFO": address}
        response: Any = application(environ, lambda status, *_headers: statuses.append(status))  # type: ignore[arg-type]
        body = b"".join(response)
        response.close()
        if not statuses[0].startswith("200"):
            raise RuntimeError(f"{statuses[0]} for {address}: {body[:500]!r}")
        return body

    return ask


def _json(body: bytes) -> dict[str, Any]:
    return dict(json.loads(body))


def _rate(ask: Callable[[str], bytes], path: str) -> float:
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < ROUND_S:
        ask(path)
        count += 1
    return count / (time.perf_counter() - started)


def main() -> int:
    ratio = compare_on_each("api_list", "from memory", "requests/s")
    sys.stdout.write(f"api_list ratio {ratio:.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        sys.exit(main())
