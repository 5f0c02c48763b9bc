"""What the match table and the tree can be narrowed by, and how that stands in addresses: the same in pages and in the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import text
from catalog.models import Catalog
from catalog.text import EXTENSION_MAX
from sync.choices import MatchStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_CATALOG = 0  # as the cube has it
NO_CATALOG_WORD = "none"
WORDS_MAX = 300
_NOWHERE = -1  # a catalog that nobody has


@dataclass(frozen=True, slots=True)
class MatchFilter:
    """Which matches are wanted; what says nothing wants all. `catalog_id` NO_CATALOG: those in none. Statuses in their order, each once."""

    statuses: tuple[str, ...] = ()
    catalog_id: int | None = None
    extension: str = ""
    words: str = ""

    @property
    def is_all(self) -> bool:
        """Nothing is narrowed."""
        return self == MatchFilter()

    def as_query(self) -> dict[str, str]:
        """What `read_filter` makes this of; for links."""
        catalog = NO_CATALOG_WORD if self.catalog_id == NO_CATALOG else str(self.catalog_id or "")
        said = {"status": ",".join(self.statuses), "catalog": catalog, "ext": self.extension, "q": self.words}
        return {name: value for name, value in said.items() if value}


def read_filter(query: Mapping[str, str]) -> MatchFilter:
    """What an address says, as far as it makes sense; in a catalog that is not there is nothing. One query if it names one."""
    catalog = query.get("catalog", "").strip()
    return MatchFilter(
        statuses=known_statuses(query.get("status", "")),
        catalog_id=_NOWHERE if catalog and (found := find_catalog_id(catalog)) is None else found if catalog else None,
        extension=read_extension(query.get("ext", "")),
        words=query.get("q", "").strip()[:WORDS_MAX],
    )


def known_statuses(value: str) -> tuple[str, ...]:
    """Those named in `value`, with commas between; all of them are as good as none."""
    named = {name.strip() for name in value.split(",")}
    found = tuple(status for status in MatchStatus.values if status in named)
    return found if len(found) < len(MatchStatus.values) else ()


def find_catalog_id(value: str) -> int | None:
    """The catalog with this id or else this name; NO_CATALOG for its word; None for what there is not."""
    if text.fold(value) == NO_CATALOG_WORD:
        return NO_CATALOG
    catalogs = Catalog.objects.order_by("pk").values_list("pk", flat=True)
    by_id = catalogs.filter(pk=int(value)).first() if value.isascii() and value.isdigit() and len(value) < 19 else None
    return by_id or catalogs.filter(name=text.nfc(value)).first() or catalogs.filter(key=text.fold(value)).first()


def read_extension(value: str) -> str:
    """As extensions are stored: "MP4" and ".mp4" are "mp4"."""
    return text.fold(value.strip().removeprefix("."))[:EXTENSION_MAX]
