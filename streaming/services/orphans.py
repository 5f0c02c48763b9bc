"""Objects without a row: left by killed workers, failed deletions and deleted files."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from django.utils import timezone

from streaming.models import StoredObject
from streaming.stores import objects as store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta


_CHUNK = 500


def purge_orphans(*, older_than: timedelta) -> int:
    """Delete objects that no row names; return how many. Young ones are left: somebody may be about to publish them."""
    deleted = 0
    stored = _stored_names()
    while names := list(islice(stored, _CHUNK)):
        known = set(StoredObject.objects.filter(name__in=names).values_list("name", flat=True))
        for name in set(names) - known:
            if store.storage().get_modified_time(name) < timezone.now() - older_than:
                store.storage().delete(name)
                deleted += 1
    return deleted


def _stored_names() -> Iterator[str]:
    for folder in sorted(set(store.FOLDERS.values())):
        yield from _names_below(folder)


def _names_below(folder: str) -> Iterator[str]:
    try:
        folders, names = store.storage().listdir(folder)
    except FileNotFoundError:  # nothing was ever stored, or deleted meanwhile
        return
    yield from (f"{folder}/{name}" for name in names)
    for inner in folders:
        yield from _names_below(f"{folder}/{inner}")
