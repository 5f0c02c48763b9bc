"""How many matches of each status lie in each folder and below it: kept by differences, compared with a rebuild at night."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, F

from catalog.models import Folder
from mam.lib.bulk import among, chunks, insert_rows, update_rows
from sync.models import FolderMatches, Match, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Counts = Counter[str]  # status -> matches


def add(target: Target, deltas: Mapping[int, Counts], moved: Iterable[int] = ()) -> None:
    """Add to what lies directly in folders, and carry it to those above. `moved`: folders that may have others above them now.

    Inside the transaction that changes the matches, which holds the target's row.
    """
    folder_ids = set(deltas) | set(moved)
    if not folder_ids:
        return
    stored = _load(target, folder_ids)
    lineages = dict(Folder.objects.filter(pk__in=among(folder_ids)).values_list("pk", "lineage"))
    totals: defaultdict[int, Counts] = defaultdict(Counter)
    own: dict[int, Counts] = {}
    for pk in folder_ids:
        row = stored.get(pk)
        before = Counter(row.own) if row else Counter()
        lineage = lineages.get(pk, row.lineage if row else "/")
        own[pk] = _plus(before, deltas.get(pk, Counter()))
        for above in _above(row.lineage if row else lineage, pk):
            totals[above].subtract(before)
        for above in _above(lineage, pk):
            totals[above].update(own[pk])
    _write(target, own, lineages, {pk: total for pk, total in totals.items() if any(total.values()) or pk in own})


def _write(target: Target, own: Mapping[int, Counts], lineages: Mapping[int, str], totals: Mapping[int, Counts]) -> None:
    stored = _load(target, totals)
    missing = [pk for pk in totals if pk not in stored]
    lineages = dict(lineages) | dict(Folder.objects.filter(pk__in=among(missing)).values_list("pk", "lineage"))
    changed, gone, made = [], [], []
    for pk, delta in totals.items():
        row = stored.get(pk)
        total = _plus(Counter(row.total) if row else Counter(), delta)
        mine = own[pk] if pk in own else Counter(row.own) if row else Counter()
        lineage = lineages.get(pk, row.lineage if row else "/")
        values = (lineage, json.dumps(mine), json.dumps(total))
        if row is None:
            made.append((target.pk, pk, *values))
        elif total or mine:
            changed.append((*values, row.pk))
        else:
            gone.append(row.pk)
    columns = ["lineage", "own", "total"]
    insert_rows(FolderMatches, ["target_id", "folder_id", *columns], made)
    update_rows(FolderMatches, columns, changed)
    FolderMatches.objects.filter(pk__in=among(gone)).delete()


def _load(target: Target, folder_ids: Iterable[int]) -> dict[int, FolderMatches]:
    return {row.folder_id: row for row in FolderMatches.objects.filter(target=target, folder__in=among(folder_ids))}


def _above(lineage: str, pk: int) -> list[int]:
    """The ids in a lineage, and the folder's own."""
    return [*(int(part) for part in lineage.split("/") if part), pk]


def _plus(counts: Counts, delta: Counts) -> Counts:
    """The sum, without what is nothing."""
    return Counter({status: n for status in {*counts, *delta} if (n := counts[status] + delta[status])})


def verify(target: Target) -> dict[int, dict[str, int]]:
    """Compare with a rebuild and repair what differs: folder -> status -> what was missing below it."""
    with transaction.atomic():
        Target.objects.filter(pk=target.pk).update(match_version=F("match_version") + 1)  # nobody else writes meanwhile
        own: defaultdict[int, Counts] = defaultdict(Counter)
        rows = Match.objects.filter(target=target, folder__isnull=False).order_by().values_list("folder", "status").annotate(n=Count("pk"))
        for folder_id, status, count in rows.iterator():
            own[folder_id][status] = count
        lineages = dict(Folder.objects.filter(pk__in=Match.objects.filter(target=target).values("folder")).values_list("pk", "lineage"))
        totals: defaultdict[int, Counts] = defaultdict(Counter)
        for pk, counts in own.items():
            for above in _above(lineages.get(pk, "/"), pk):
                totals[above].update(counts)
        return _repair(target, own, totals)


def _repair(target: Target, own: Mapping[int, Counts], totals: Mapping[int, Counts]) -> dict[int, dict[str, int]]:
    wrong: dict[int, dict[str, int]] = {}
    right: list[int] = []
    for row in FolderMatches.objects.filter(target=target).iterator():
        want, mine = totals.get(row.folder_id, Counter()), own.get(row.folder_id, Counter())
        if Counter(row.total) == want and Counter(row.own) == mine:
            right.append(row.folder_id)
        else:
            wrong[row.folder_id] = _difference(want, Counter(row.total))
    known = {*right, *wrong}
    wrong |= {pk: dict(counts) for pk, counts in totals.items() if pk not in known and counts}
    FolderMatches.objects.filter(target=target, folder__in=among(wrong)).delete()
    for part in chunks(wrong):
        lineages = dict(Folder.objects.filter(pk__in=part).values_list("pk", "lineage"))
        made = [pk for pk in part if pk in totals]
        rows = [(target.pk, pk, lineages.get(pk, "/"), json.dumps(own.get(pk, Counter())), json.dumps(totals[pk])) for pk in made]
        insert_rows(FolderMatches, ["target_id", "folder_id", "lineage", "own", "total"], rows)
    return wrong


def _difference(want: Counts, found: Counts) -> dict[str, int]:
    return {status: want[status] - found[status] for status in sorted({*want, *found}) if want[status] != found[status]}
