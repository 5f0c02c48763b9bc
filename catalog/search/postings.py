"""Which files have a token, as compressed bitmaps (Roaring, https://roaringbitmap.org): the only writer of SearchBlock and SearchPosting.

They find words and count facets, the same on every database. FTS5 walks every posting of every spelling of a word, GIN has no order and
so reads all of a word's files before the newest are known: among a million files a page takes several times as long by them
(docs/benchmarks.md).

They are kept in blocks of neighbouring ids, so that a changed file costs kilobytes (a new one in a full block a quarter of a megabyte).
Who writes locks the block first: changes of one block come one after the other. Its revision, another one each time, tells readers whether
what they hold in memory is still true.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from cachetools import LRUCache
from django.db import transaction
from pyroaring import BitMap

from catalog.models import SearchBlock, SearchEntry, SearchPosting
from catalog.search.facets import facet_token
from catalog.search.rows import lies_in
from mam.lib.bulk import among, chunks, insert_rows, update_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from django.db.models import QuerySet

    from catalog.search.documents import Entry
    from catalog.search.query import Field
    from catalog.search.wanted import Clause, Tokens, Wanted

BLOCK = 1 << 16  # ids: one container of a Roaring bitmap
_LOOKED_AT = 2_000  # rows of entries read together for a range
_REMEMBERED_BYTES = 64 << 20  # of bitmaps: all that people usually search, among a million files
_OVERHEAD_BYTES = 1_000  # of the objects around one
_BLOCK_BYTES = 100  # of the revision of a block; at worst each has its own
_FEW = 1_000  # ids in lists: below that two lists are compared fast enough

_Stored = dict[str, tuple[int, BitMap]]  # token -> id of its row, and its files
_Changes = defaultdict[int, defaultdict[str, BitMap]]  # number of the block -> token -> files


# --- finding ----------------------------------------------------------------------------------------------------------
class Postings:
    """The matches of a search with words or fields."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def newest(self, limit: int, up_to: int | None = None) -> list[int]:
        """Ids of the newest ones, none newer than `up_to`; newest first."""
        end = len(self._ids) if up_to is None else self._ids.rank(up_to)
        if not self._wanted.ranges:
            return list(self._ids[max(0, end - limit) : end])[::-1]
        found: list[int] = []
        while end and len(found) < limit:
            start = max(0, end - _LOOKED_AT)
            found += self._in_ranges(self._ids[start:end])
            end = start
        return found[:limit]

    @cached_property
    def _ids(self) -> BitMap:
        """What has the tokens, whatever its ranges."""
        wanted = self._wanted
        have = known_postings.of({token for clause in (*wanted.clauses, wanted.excluded) for tokens in clause for token in tokens})

        def all_of(tokens: Tokens) -> BitMap:
            return reduce(and_, (have[token] for token in tokens))

        def one_of(clause: Clause) -> BitMap:
            return reduce(or_, map(all_of, clause), BitMap())

        return reduce(and_, map(one_of, wanted.clauses)) - one_of(wanted.excluded)

    def _in_ranges(self, ids: BitMap) -> list[int]:
        rows = SearchEntry.objects.filter(lies_in(self._wanted.ranges), pk__in=among(ids))
        return sorted(rows.values_list("pk", flat=True), reverse=True)


# --- in memory --------------------------------------------------------------------------------------------------------
class KnownPostings:
    """Bitmaps that were asked for last, in memory; of blocks that changed they are read anew. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: LRUCache[str, _Known] = LRUCache(_REMEMBERED_BYTES, getsizeof=lambda known: known.size_bytes)
        self._revisions: dict[int, int] = {}

    def of(self, tokens: Collection[str]) -> dict[str, BitMap]:
        """Token -> the files that have it, for all `tokens`. Bitmaps that others have too: never changed. One query when all are known."""
        revisions = _revisions()
        with self._lock:
            if revisions == self._revisions:
                revisions = self._revisions  # one object for all that was read of the same blocks
            self._revisions = revisions
            known = {token: self._known.get(token, _UNKNOWN) for token in tokens}
        changed: defaultdict[frozenset[int], dict[str, BitMap]] = defaultdict(dict)  # numbers of blocks -> token -> files
        for token, one in known.items():
            if one.revisions != revisions:
                changed[_differing(one.revisions, revisions)][token] = one.ids
        read: dict[str, BitMap] = {}
        for numbers, having in changed.items():
            read |= _with_blocks(having, numbers, SearchPosting.objects.filter(token__in=having))
        with self._lock:
            self._known.update({token: _Known(revisions, ids) for token, ids in read.items()})
        return {token: one.ids for token, one in known.items()} | read


class FacetCounts:
    """The bitmaps of all facets in memory, 25 MB for a million files; of blocks that changed they are read anew. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revisions: dict[int, int] = {}
        self._having: dict[str, BitMap] = {}  # facet -> files; replaced, never changed

    def of(self, ids: Iterable[int], facet: Field | None = None) -> Counter[str]:
        """Facet token -> how many of these files have it; of one facet or of all."""
        beginning = "" if facet is None else facet_token(facet, "")
        having = {token: some for token, some in self._refreshed().items() if token.startswith(beginning)}
        return count_each(BitMap(ids), having)

    def _refreshed(self) -> dict[str, BitMap]:
        revisions = _revisions()
        with self._lock:
            for number in _differing(revisions, self._revisions):  # one by one: all at once are twice as much
                self._having = _with_blocks(self._having, {number}, SearchPosting.objects.filter(is_facet=True))
            self._revisions = revisions
            return self._having


def count_each(files: BitMap, having: Mapping[str, BitMap]) -> Counter[str]:
    """Token -> how many of `files` have it, where that is any."""
    if files.get_statistics()["n_values_array_containers"] < _FEW:
        return +Counter({token: some.intersection_cardinality(files) for token, some in having.items()})
    # Roaring keeps up to 4,096 ids of a block as a list, and takes longer to compare two lists than to look one up in bits, as which the
    # other files are kept.
    others = files.flip(0, max((some.max() for some in having.values() if some), default=0) + 1)
    return +Counter({token: len(some) - some.intersection_cardinality(others) for token, some in having.items()})


@dataclass(frozen=True, slots=True)
class _Known:
    """The files that have a token, in blocks of these revisions."""

    revisions: dict[int, int]
    ids: BitMap

    @property
    def size_bytes(self) -> int:
        return _OVERHEAD_BYTES + _BLOCK_BYTES * len(self.revisions) + len(self.ids.serialize())


_UNKNOWN = _Known({}, BitMap())


def _revisions() -> dict[int, int]:
    """Of all blocks. To be asked before the postings: they may be newer than this says, and are then read once more."""
    return dict(SearchBlock.objects.values_list("pk", "revision"))


def _differing(one: dict[int, int], other: dict[int, int]) -> frozenset[int]:
    return frozenset(number for number, _ in one.items() ^ other.items())


def _with_blocks(having: dict[str, BitMap], numbers: Collection[int], postings: QuerySet[SearchPosting]) -> dict[str, BitMap]:
    """Token -> the files that have it, those of some blocks as `postings` have them now. One query."""
    found: defaultdict[str, list[BitMap]] = defaultdict(list)
    for token, ids in postings.filter(block__in=numbers).values_list("token", "ids"):
        found[token].append(_unpacked(ids))
    blocks = BitMap().union(*(BitMap(range(number * BLOCK, (number + 1) * BLOCK)) for number in numbers))
    return {token: BitMap.union(having.get(token, BitMap()) - blocks, *found[token]) for token in having.keys() | found.keys()}


known_postings = KnownPostings()
facet_counts = FacetCounts()


# --- writing ----------------------------------------------------------------------------------------------------------
def lock(file_ids: Iterable[int]) -> None:
    """Inside a transaction, before entries of these files are read that may be changed. Their blocks have another revision then."""
    numbers = {file_id // BLOCK for file_id in file_ids}
    SearchBlock.objects.bulk_create((SearchBlock(number=number) for number in sorted(numbers)), ignore_conflicts=True)
    blocks = SearchBlock.objects.select_for_update().filter(pk__in=numbers).order_by("pk")
    for block in list(blocks):
        if not block.revision:
            _write(block.number, _stored(block.number), _made(block.number))
    blocks.update(revision=1 + secrets.randbits(62))


def make_missing() -> None:
    """Postings of all blocks that have none yet, the newest first: they bring what was indexed before there were any."""
    known = set(SearchBlock.objects.exclude(revision=0).values_list("pk", flat=True))
    for number in _filled():
        if number not in known:
            with transaction.atomic():
                lock([number * BLOCK])


def change(*, before: Iterable[Entry], after: Iterable[Entry]) -> None:
    """Entries of files in locked blocks were `before` and are `after`; a file may be in one of them only."""
    had, have = ({entry.file_id: _tokens(entry.words, entry.facets) for entry in entries} for entries in (before, after))
    lost: _Changes = defaultdict(lambda: defaultdict(BitMap))
    got: _Changes = defaultdict(lambda: defaultdict(BitMap))
    for file_id in had.keys() | have.keys():
        old, new = had.get(file_id, frozenset()), have.get(file_id, frozenset())
        for changes, tokens in ((lost, old - new), (got, new - old)):
            for token in tokens:
                changes[file_id // BLOCK][token].add(file_id)
    for number in sorted(lost.keys() | got.keys()):
        stored = _stored(number, lost[number].keys() | got[number].keys())
        now = dict.fromkeys(got[number], BitMap()) | {token: ids for token, (_, ids) in stored.items()}
        _write(number, stored, {token: (ids - lost[number][token]) | got[number][token] for token, ids in now.items()})


def check() -> int:
    """Compare all blocks with the entries, one after the other, and repair; return how many were wrong."""
    return sum(map(_check, sorted({*_filled(), *SearchBlock.objects.values_list("pk", flat=True)})))


def _filled() -> Iterator[int]:
    """Numbers of the blocks that have entries, the last first, whatever lies between them. One query each."""
    ids = SearchEntry.objects.order_by("-pk").values_list("pk", flat=True)
    last = ids.first()
    while last is not None:
        yield last // BLOCK
        last = ids.filter(pk__lt=last - last % BLOCK).first()


@transaction.atomic
def _check(number: int) -> bool:
    lock([number * BLOCK])
    stored = _stored(number)
    return _write(number, stored, dict.fromkeys(stored, BitMap()) | _made(number))


def _made(number: int) -> dict[str, BitMap]:
    """The postings of a block, from its entries."""
    made: defaultdict[str, BitMap] = defaultdict(BitMap)
    entries = SearchEntry.objects.filter(pk__gte=number * BLOCK, pk__lt=(number + 1) * BLOCK)
    for file_id, words, facets in entries.values_list("pk", "words", "facets").iterator():
        for token in _tokens(words, facets):
            made[token].add(file_id)
    return made


def _stored(number: int, tokens: Collection[str] | None = None) -> _Stored:
    """The postings of a block as they are: of all tokens, or of some."""
    rows = SearchPosting.objects.filter(block=number)
    found = [rows] if tokens is None else [rows.filter(token__in=part) for part in chunks(tokens)]
    return {token: (pk, _unpacked(ids)) for some in found for pk, token, ids in some.values_list("pk", "token", "ids")}


def _write(number: int, stored: _Stored, right: Mapping[str, BitMap]) -> bool:
    """Make the postings of a locked block that are `stored` what is `right`; return whether that is a change."""
    none = (0, BitMap())
    changed = {token: ids for token, ids in right.items() if ids != stored.get(token, none)[1]}
    gone = [stored[token][0] for token, ids in changed.items() if not ids]
    SearchPosting.objects.filter(pk__in=among(gone)).delete()
    known = ((_packed(ids), stored[token][0]) for token, ids in changed.items() if ids and token in stored)
    update_rows(SearchPosting, ["ids"], known)
    fresh = ((number, token, "_" in token, _packed(ids)) for token, ids in changed.items() if token not in stored)
    insert_rows(SearchPosting, ["block", "token", "is_facet", "ids"], fresh)
    return bool(changed)


def _tokens(words: str, facets: str) -> frozenset[str]:
    return frozenset((words + facets).split())


def _packed(ids: BitMap) -> bytes:
    ids.run_optimize()  # neighbours are alike: half the bytes
    return ids.serialize()


def _unpacked(ids: bytes | memoryview) -> BitMap:
    return BitMap.deserialize(bytes(ids))
