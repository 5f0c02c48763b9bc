"""Requests a second of `GET /api/v1/files/`, its first page of 50, against a bare Django view that answers the same data from memory.

MAM_BENCH_FILES files (100,000) of `manage.py generate_catalog`, all of them indexed; nothing changes meanwhile, so that the page is one
that is kept. Both sides are asked through Django's WSGI handler in one process: the same middleware, the same session of the same viewer.
The reference is a view without the REST framework and without a permission: a JsonResponse of the list's answer, which it holds as Python
data. The two take turns; the best of many short rounds of each counts, for other work on the machine only ever makes a round slower. On
both databases; the worse ratio counts. "Made anew": what is kept is forgotten before each request, so queries and rendering count too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.asking import asker
from benchmarks.databases import analyse, compare_on_each, set_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, JsonResponse

FILES = int(os.environ.get("MAM_BENCH_FILES", "100000"))
PATH, REFERENCE = "/api/v1/files/", "/bench/from-memory/"
ANEW = "anew"  # the page, after what was kept is forgotten
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
    from django.core.cache import caches  # noqa: PLC0415
    from django.urls import path as url  # noqa: PLC0415

    import mam.urls  # noqa: PLC0415
    from catalog.search import index  # noqa: PLC0415
    from catalog.services.generating import generate  # noqa: PLC0415

    generate(files=FILES, seed=1)
    index.refresh_all()
    analyse()
    mam.urls.urlpatterns.append(url(REFERENCE[1:], from_memory))
    ask = asker()
    _answer.update(_json(ask(PATH)))
    if _json(ask(REFERENCE)) != _answer or len(_answer["items"]) != 50:
        raise RuntimeError("the two sides do not answer the same")

    def anew() -> bytes:
        caches["pages"].clear()
        return ask(PATH)

    asked = {PATH: lambda: ask(PATH), REFERENCE: lambda: ask(REFERENCE), ANEW: anew}
    best = dict.fromkeys(asked, 0.0)
    for _ in range(ROUNDS):
        for name, request in asked.items():
            best[name] = max(best[name], _rate(request))
    sys.stdout.write(f"ours {best[PATH]}\nreference {best[REFERENCE]}\nanew {best[ANEW]}\n")


def _json(body: bytes) -> dict[str, Any]:
    return dict(json.loads(body))


def _rate(request: Callable[[], bytes]) -> float:
    started, asked = time.perf_counter(), 0
    while time.perf_counter() - started < ROUND_S:
        request()
        asked += 1
    return asked / (time.perf_counter() - started)


def main() -> int:
    ratio = compare_on_each("api_list", "from memory", "requests/s", lambda found: f"; made anew {found['anew']:,.0f} requests/s")
    sys.stdout.write(f"api_list ratio {ratio:.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        sys.exit(main())
