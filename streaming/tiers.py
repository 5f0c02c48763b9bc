"""What lies in which tier, in numbers: hot (this machine's cache), warm (the store of renditions), cold (the sources)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Count, Min, Q, Sum

from catalog.models import Folder
from mam.jobs.models import Job, JobState
from streaming.choices import ObjectState, RenditionKind
from streaming.models import Rendition, StoredObject
from streaming.services import purging, upkeep
from streaming.stores import hot

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class KindUse:
    """One kind of rendition in the store, and the policy for it."""

    kind: RenditionKind
    folder: str
    ttl_days: int  # 0: never deleted for want of use
    renditions: int
    size_bytes: int
    cpu_ms: int  # spent on what is there
    unused: int  # would be deleted now
    unused_bytes: int
    oldest_use_at: datetime | None


@dataclass(frozen=True, slots=True)
class TierUse:
    """All tiers. `last_tidy`: the last nightly look that ended well, with its numbers in `result`."""

    hot_bytes: int
    hot_budget_bytes: int
    kinds: list[KindUse]
    cold_files: int
    cold_bytes: int
    damaged: int  # stored objects that are missing or changed
    last_tidy: Job | None

    @property
    def warm_bytes(self) -> int:
        """All kinds together."""
        return sum(kind.size_bytes for kind in self.kinds)


def get_tier_use() -> TierUse:
    """The numbers of now. Reads every rendition's row: for a staff page, not for viewers."""
    cache = hot.cache()
    cold = Folder.objects.filter(parent=None).aggregate(files=Sum("total_files"), size=Sum("total_bytes"))
    done = Job.objects.filter(kind=upkeep.TIDY_KIND, state=JobState.SUCCEEDED)
    return TierUse(
        hot_bytes=cache.used_bytes(),
        hot_budget_bytes=cache.budget_bytes,
        kinds=_uses_of_kinds(),
        cold_files=cold["files"] or 0,
        cold_bytes=cold["size"] or 0,
        damaged=StoredObject.objects.exclude(state=ObjectState.SOUND).count(),
        last_tidy=done.order_by("-finished_at").first(),
    )


def _uses_of_kinds() -> list[KindUse]:
    sums = {row["kind"]: row for row in _sums()}
    unused = {row.kind: row for row in purging.list_unused()}
    uses = []
    for kind in RenditionKind:
        policy, row, idle = settings.MAM_RENDITIONS[kind], sums.get(kind, {}), unused.get(kind)
        uses.append(
            KindUse(
                kind=kind,
                folder=policy["folder"],
                ttl_days=policy["ttl_days"],
                renditions=row.get("count", 0),
                size_bytes=row.get("size") or 0,
                cpu_ms=row.get("cpu") or 0,
                unused=idle.renditions if idle else 0,
                unused_bytes=idle.size_bytes if idle else 0,
                oldest_use_at=row.get("oldest"),
            )
        )
    return uses


def _sums() -> list[dict[str, Any]]:
    there = Q(size_bytes__gt=0)
    rows = Rendition.objects.values("kind").annotate(
        count=Count("pk", filter=there),
        size=Sum("size_bytes"),
        cpu=Sum("cpu_ms", filter=there),
        oldest=Min("last_access_at", filter=there),
    )
    return [dict(row) for row in rows]
