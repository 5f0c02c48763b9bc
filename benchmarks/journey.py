"""What a new user does with a large archive, step by step: for `benchmarks.search`, which has one. Whole answers of the pages, as HTML."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from mam.accounts.models import User

MISSPELT = "필 아이뷔 2024"
NARROWED = f"{MISSPELT} ext:mxf"


def walk(user: User) -> dict[str, float]:
    """Seconds of each step. Pages of the search are asked the second time, with no answer kept: the first waits for templates and disk.

    What is changed is in the search only when the index job has read it; that is not in these times.
    """
    from django.core.cache import caches  # noqa: PLC0415  (Django is set up by now)
    from django.core.management import call_command  # noqa: PLC0415
    from django.test import Client, override_settings  # noqa: PLC0415

    call_command("collectstatic", interactive=False, verbosity=0)
    client = Client()
    client.force_login(user)
    with override_settings(ALLOWED_HOSTS=["testserver"]):
        steps: dict[str, Callable[[], object]] = {
            "misspelt": lambda: _read(client, "/search/", q=MISSPELT),
            "facets": lambda: _read(client, "/search/facets/", q=MISSPELT),
            "narrowed": lambda: _read(client, "/search/", q=NARROWED),
        }
        taken = {}
        for name, step in steps.items():
            step()
            caches["answers"].clear()
            taken[name] = _time(step)
        first = re.search(r'href="(/files/\d+/)"', _read(client, "/search/", q=NARROWED))
        if first is None:
            raise RuntimeError("the archive has no file of that player")
        taken["file"] = _time(lambda: _read(client, first[1]))
        return taken | _collect_and_undo(client, user)


def _collect_and_undo(client: Client, user: User) -> dict[str, float]:
    from django.db import transaction  # noqa: PLC0415

    from catalog.models import BulkEdit, CollectionItem  # noqa: PLC0415
    from catalog.services import bulk_edits  # noqa: PLC0415

    def settle(edit: BulkEdit) -> None:
        bulk_edits.settle(edit_id=edit.pk, publish=transaction.atomic, on_progress=lambda _done, _total: None)

    address = f"/search/edit/?{urlencode({'q': NARROWED, 'kind': 'collect'})}"
    asked = _time(lambda: client.post(address, {"new_name": "아이비 모음"}))
    edit = BulkEdit.objects.latest("pk")
    taken = {"asked": asked, "collected": _time(lambda: settle(edit))}
    if CollectionItem.objects.count() != edit.total_files:
        raise RuntimeError("not all files were collected")
    bulk_edits.undo_edit(edit=edit, user=user)
    taken["undone"] = _time(lambda: settle(edit))
    if CollectionItem.objects.exists():
        raise RuntimeError("not all files were given back")
    return taken


def _read(client: Client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return answer.content.decode()


def _time(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started
