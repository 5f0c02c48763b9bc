"""Tells a target what its files belong to: catalogs, series, contents and players, whenever one of them is not as it was told."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from catalog.models import Catalog, Content, MediaFile, Player, Series
from mam.lib.bulk import among, chunks
from sync.choices import MatchStatus
from sync.models import Match, TargetWork
from sync.targets.base import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mam.jobs.context import JobContext
    from sync.models import Target
    from sync.targets.base import OttTarget

_AT_ONCE = 5_000
_FEATURED = Content.players.through
_PUBLISHED = (MatchStatus.SYNCED, MatchStatus.SYNCED_WITH_DUPLICATES, MatchStatus.NEW, MatchStatus.MOVED)


def publish_works(*, target: Target, adapter: OttTarget, ctx: JobContext) -> int:
    """Write those that have changed, each after what it belongs to; how many. A content counts when a file of it is, or will be, there."""
    if not adapter.keeps_works:
        return 0
    told = {(kind, work_id): digest for kind, work_id, digest in target.works.values_list("kind", "work_id", "digest").iterator()}
    changed = (work for work in _works(target) if told.get((work.kind, work.id)) != _digest(work))
    count = 0
    for part in chunks(changed, min(adapter.batch_rows, _AT_ONCE)):
        ctx.check()
        adapter.put_works(part)
        with ctx.publish():
            _note(target, part)
        count += len(part)
    return count


def _note(target: Target, works: Sequence[Work]) -> None:
    rows = [TargetWork(target=target, kind=work.kind, work_id=work.id, digest=_digest(work)) for work in works]
    TargetWork.objects.bulk_create(rows, update_conflicts=True, update_fields=["digest"], unique_fields=["target", "kind", "work_id"])


def _digest(work: Work) -> str:
    return hashlib.blake2b(repr(work).encode(), digest_size=16).hexdigest()


def _works(target: Target) -> Iterator[Work]:
    return chain(_catalogs(), _series(), _players(), _contents(target))


def _catalogs() -> Iterator[Work]:
    for one in Catalog.objects.order_by("pk").iterator():
        yield Work("catalog", str(one.pk), (), one.name, {"description": one.description, "position": one.position})


def _series() -> Iterator[Work]:
    for one in Series.objects.order_by("pk").iterator():
        details: dict[str, str | int | list[str] | None] = {"description": one.description, "position": one.position, "year": one.year}
        yield Work("series", str(one.pk), (str(one.catalog_id),), one.name, details)


def _players() -> Iterator[Work]:
    for one in Player.objects.order_by("pk").iterator():
        details: dict[str, str | int | list[str] | None] = {
            "name_ko": one.name_ko,
            "name_en": one.name_en,
            "aliases": list(one.aliases),
            "country": one.country,
        }
        yield Work("player", str(one.pk), (), one.name, details)


def _contents(target: Target) -> Iterator[Work]:
    published = Match.objects.filter(target=target, status__in=_PUBLISHED, file=OuterRef("pk"))
    files = MediaFile.objects.filter(Exists(published), content__isnull=False)
    ids = files.order_by("content_id").values_list("content_id", flat=True).distinct()
    for part in chunks(ids.iterator(_AT_ONCE), _AT_ONCE):
        players: defaultdict[int, list[str]] = defaultdict(list)
        for content_id, player_id in (
            _FEATURED.objects.filter(content__in=among(part)).order_by("player_id").values_list("content_id", "player_id")
        ):
            players[content_id].append(str(player_id))
        rows = Content.objects.filter(pk__in=among(part)).order_by("pk")
        for pk, series_id, catalog_id, title, description in rows.values_list(
            "pk", "series_id", "series__catalog_id", "title", "description"
        ):
            yield Work("content", str(pk), (str(catalog_id), str(series_id)), title, {"description": description, "players": players[pk]})
