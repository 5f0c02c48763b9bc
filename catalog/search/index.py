"""The index of the search: the only writer of its tables.

What changes is noted by the database (`catalog.search.triggers`) in the transaction of the change; `refresh` makes the entries of those
files anew. Whoever is killed loses nothing, for a note goes with the entry that it asked for.

Entries are made and written in a short transaction, for those files whose notes still lie there, and after their blocks were locked: notes
are committed in any order, and so whoever is the last to write an entry is also the last who read the facts. What changes meanwhile has
a note again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction

from catalog.models import MediaFile, SearchChange, SearchEntry, SearchWord
from catalog.search import postings, triggers
from catalog.search.documents import Entry, make_entries
from catalog.search.vocabulary import vocabulary
from mam.jobs import nightly
from mam.jobs.models import JobPriority
from mam.jobs.services import enqueue
from mam.lib.bulk import among, chunks, insert_rows, update_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

INDEX_JOB = "catalog.index_search"
CHECK_JOB = "catalog.check_search"
BATCH = 1000  # files in one transaction
_LOCK = 0x6D616D01  # of PostgreSQL's advisory locks
READ = 20_000  # notes looked at together: several of them may name one file
AT_ONCE = 500  # changes that whoever made them waits for
_COLUMNS = ["words", "facets", "lines", "name_key", "size_bytes", "duration_ms"]


@dataclass(slots=True)
class Checked:
    """What a comparison of index and catalog found; all of it is repaired."""

    files: int = 0
    wrong: int = 0  # entries that were missing, differed, or had no file; and blocks of postings that differed from the entries


def refresh(limit: int = READ) -> int:
    """Make the entries of files that changed, `limit` changes at most, oldest first; return how many changes that were."""
    noted: defaultdict[int, list[int]] = defaultdict(list)
    for note, file_id in SearchChange.objects.order_by("pk").values_list("pk", "file_id")[:limit]:
        noted[file_id].append(note)
    for file_ids in chunks(noted, BATCH):
        _make({file_id: noted[file_id] for file_id in file_ids})
    return sum(map(len, noted.values()))


def refresh_all(on_progress: Callable[[int], None] | None = None) -> int:
    """`refresh` until nothing is left; return how many changes that were."""
    total = 0
    postings.make_missing()
    while count := refresh():
        total += count
        if on_progress is not None:
            on_progress(total)
    return total


def refresh_soon() -> None:
    """After the caller's transaction, once: a few changes at once, so that who made them finds them; many by a job."""
    if not any(hook is _refresh_some for _savepoints, hook, *_ in connection.run_on_commit):
        transaction.on_commit(_refresh_some)


def _refresh_some() -> None:
    if SearchChange.objects.order_by("pk")[: AT_ONCE + 1].count() <= AT_ONCE:
        refresh(AT_ONCE)
    else:
        request_refresh()


def request_refresh() -> None:
    """Have a job make all entries that wait."""
    enqueue(kind=INDEX_JOB, key=INDEX_JOB)


def request_due_refresh() -> None:
    """The clock's question: have it done if anything changed."""
    if SearchChange.objects.exists():
        request_refresh()


def request_due_check() -> None:
    """The clock's question: have it compared if it is time."""
    if nightly.is_due(kind=CHECK_JOB, hour=settings.MAM_UPKEEP_HOUR):
        enqueue(kind=CHECK_JOB, key=CHECK_JOB, priority=JobPriority.LOW)


def check(on_progress: Callable[[int, int], None] | None = None) -> Checked:
    """Compare the entry of every file with what it should be, and repair. Others may search and write meanwhile.

    `on_progress(reached, last)` takes ids.
    """
    refresh_all()
    found = Checked()
    last = MediaFile.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    after: int | None = 0
    while after is not None:
        ids = list(MediaFile.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH])
        entries = SearchEntry.objects.filter(pk__gt=after)
        after = ids[-1] if len(ids) == BATCH else None
        here = entries if after is None else entries.filter(pk__lte=after)
        both = {*ids, *here.values_list("pk", flat=True)}
        wrong = _compare(both).file_ids
        if wrong:
            wrong -= set(SearchChange.objects.filter(file_id__in=among(wrong)).values_list("file_id", flat=True))  # changed just now
            SearchChange.objects.bulk_create([SearchChange(file_id=file_id) for file_id in wrong])
            refresh_all()
        found.wrong += len(wrong)
        found.files += len(ids)
        if on_progress is not None:
            on_progress(ids[-1] if ids else last, last)
    found.wrong += postings.check()
    _learn(SearchEntry.objects.values_list("words", flat=True).iterator())
    return found


def rebuild(on_progress: Callable[[int, int], None] | None = None) -> Checked:
    """Compare all of it and repair what differs while it is used: triggers, entries, bitmaps, and the list of words."""
    triggers.install(connection)
    found = check(on_progress)
    _forget_what_nothing_has()
    return found


@dataclass(frozen=True, slots=True)
class _Difference:
    """What of some files' entries is not what it should be: they are `before`, and shall be `after`."""

    before: dict[int, Entry]
    after: dict[int, Entry]

    @property
    def file_ids(self) -> set[int]:
        return self.before.keys() | self.after.keys()


def _compare(file_ids: Collection[int]) -> _Difference:
    entries = make_entries(file_ids)
    rows = SearchEntry.objects.filter(pk__in=among(file_ids)).values_list("file_id", *_COLUMNS)
    stored, right = {row[0]: Entry(*row) for row in rows}, {entry.file_id: entry for entry in entries}
    wrong = {file_id for file_id in file_ids if stored.get(file_id) != right.get(file_id)}
    before, after = ({file_id: some[file_id] for file_id in sorted(wrong & some.keys())} for some in (stored, right))
    return _Difference(before, after)


def _make(noted: dict[int, list[int]]) -> None:
    """Make the entries of these files (file id -> its notes), and take the notes away."""
    with transaction.atomic():
        notes = SearchChange.objects.filter(pk__in=among(chain.from_iterable(noted.values()))).order_by("pk")
        left = set(notes.select_for_update().values_list("pk", flat=True))
        ours = {file_id: one for file_id, one in noted.items() if left.issuperset(one)}
        postings.lock(ours)
        _write(_compare(ours))
        SearchChange.objects.filter(pk__in=among(chain.from_iterable(ours.values()))).delete()


def _write(difference: _Difference) -> None:
    before, after = difference.before, difference.after
    SearchEntry.objects.filter(pk__in=among(before.keys() - after.keys())).delete()
    insert_rows(SearchEntry, ["file_id", *_COLUMNS], (entry for file_id, entry in after.items() if file_id not in before))
    update_rows(SearchEntry, _COLUMNS, ((*entry[1:], file_id) for file_id, entry in after.items() if file_id in before))
    postings.change(before=before.values(), after=after.values())
    _learn(entry.words for entry in after.values())


def _forget_what_nothing_has() -> None:
    """Take words away that are in no entry any more."""
    used = _words_in(SearchEntry.objects.values_list("words", flat=True).iterator())
    rows = list(SearchWord.objects.order_by("pk").values_list("pk", "word"))
    gone = [pk for pk, word in rows if word not in used]
    if not gone:
        return
    with transaction.atomic():  # the last one gets another id: whoever has them in memory sees by it that he has to forget
        SearchWord.objects.filter(pk__in=among({*gone, rows[-1][0]})).delete()
        _learn([rows[-1][1]] if rows[-1][1] in used else [])


def _learn(texts: Iterable[str]) -> None:
    """Keep the words of entries in which people misspell something: more than one sign, not all of them digits."""
    vocabulary.refresh()
    fresh = {word for word in _words_in(texts) if len(word) > 1 and not word.isdigit() and word not in vocabulary}
    if not fresh:
        return
    with transaction.atomic():
        if connection.vendor == "postgresql":  # in order of their ids, for that is how `vocabulary` asks for what is new
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        SearchWord.objects.bulk_create((SearchWord(word=word) for word in sorted(fresh)), batch_size=BATCH, ignore_conflicts=True)


def _words_in(texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for words in texts:
        found.update(words.split())
    return found
