"""The notes of what has to be matched anew (`sync.matching.touches`), as they are worked off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import F, Sum

from catalog.models import MediaFile
from mam.lib.bulk import among
from sync.choices import Side
from sync.models import Touch

if TYPE_CHECKING:
    from collections.abc import Iterable

AT_ONCE = 20_000  # ids that are looked at together
_SHARE = 5  # more than this part of all files: everything is looked at


@dataclass(slots=True)
class Notes:
    """Some notes. `file_ids` and `row_ids` are None when everything has to be looked at."""

    pks: list[int] = field(default_factory=list)
    file_ids: set[int] | None = field(default_factory=set)
    row_ids: set[int] | None = field(default_factory=set)

    @property
    def is_all(self) -> bool:
        return self.file_ids is None

    def forget(self) -> None:
        """Take them away, and none that has come since."""
        Touch.objects.filter(pk__in=among(self.pks)).delete()


def is_behind() -> bool:
    """Whether anything waits to be matched."""
    return Touch.objects.exists()


def take() -> Notes:
    """The oldest notes, of AT_ONCE ids or little more; or all, if they name a large part of what there is. Nothing is taken away."""
    last = MediaFile.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    noted = Touch.objects.aggregate(ids=Sum(F("last_id") - F("first_id") + 1))["ids"] or 0
    if noted > max(AT_ONCE, last // _SHARE):
        return Notes(list(Touch.objects.values_list("pk", flat=True)), None, None)
    return _some(Touch.objects.order_by("pk").values_list("pk", "side", "first_id", "last_id").iterator())


def _some(rows: Iterable[tuple[int, str, int, int]]) -> Notes:
    notes, file_ids, row_ids = Notes(), set[int](), set[int]()
    for pk, side, first, last in rows:
        notes.pks.append(pk)
        (file_ids if side == Side.FILE else row_ids).update(range(first, last + 1))
        if len(file_ids) + len(row_ids) >= AT_ONCE:
            break
    notes.file_ids, notes.row_ids = file_ids, row_ids
    return notes
