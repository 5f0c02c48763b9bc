"""Path rules, and what a change of them would do to the files there are: read, compared and counted, never locked or written."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Sum

from catalog import text
from catalog.choices import PLACED_KINDS, Placement
from catalog.models import Catalog, Folder, MediaFile, PathRule, Series, Source
from catalog.rules import RuleBook, Trial, Verdict, compile_stored, compile_usable
from catalog.search.query import parse
from catalog.selectors.scope import CURATE, MANAGE_RULE, get_one
from catalog.selectors.search import list_matching_ids
from mam.accounts.access import require
from mam.jobs.models import Job
from mam.lib.bulk import among, chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from django.db.models import QuerySet

    from catalog.rules import Place, Rule
    from catalog.selectors.scope import Reader

PLACE_JOB = "catalog.place"
SAMPLE = 10_000  # files a change is tried on: the newest, or those that a search finds
BUDGET_S = 0.5  # and not longer than that: a large pattern takes its time for each path, if never more than that
SHOWN = 30
_LISTED = 1000  # newest files the list of rules counts among
_BATCH = 500
_COLUMNS = ("pk", "name", "folder_id", "source_id", "placement")
_PLACE_COLUMNS = (
    "content__series__catalog__name",
    "content__series__catalog__key",
    "content__series__name",
    "content__series__key",
    "content__title",
    "content__key",
    "part_number",
)


class CurrentPlace(NamedTuple):
    """Where a file lies, in the words and the keys of a `Place`."""

    catalog: str
    catalog_key: str
    series: str
    series_key: str
    title: str
    content_key: str
    part: int | None

    @property
    def group(self) -> str:
        """What tells contents of one title apart."""
        return self.content_key


class Tried(NamedTuple):
    """One file, where it lies, and what both rule books say about it."""

    file_id: int
    path: str  # NFC
    source_name: str
    now: CurrentPlace | None  # None: in no content yet
    before: Verdict
    after: Verdict
    is_by_hand: bool

    @property
    def is_different(self) -> bool:
        """The rules would say another content, or part, than they say now."""
        return self.before is not self.after and _keys(self.before.place) != _keys(self.after.place)

    @property
    def is_moving(self) -> bool:
        """It goes elsewhere than it lies: whom a curator placed stays."""
        return not self.is_by_hand and (self.now is None or _keys(self.now) != _keys(self.after.place))

    @property
    def spans(self) -> list[tuple[str, int, int]]:
        """Where the groups of the rule that will decide lie in the path."""
        return self.after.rule.spans(self.path) if self.after.rule else []


@dataclass(slots=True)
class RulePreview:
    """What a change of the rules would do to the files that were looked at."""

    total: int = 0  # files of the sources concerned, of all kinds; from the roll-ups
    examined: int = 0
    decided: int = 0  # by the rule in question
    moving: int = 0
    drifted: int = 0  # of those that move: they do not lie where the present rules put them, and the change is not why
    by_hand: int = 0  # would go elsewhere, but a curator placed them
    new_catalogs: int = 0
    new_series: int = 0
    is_whole: bool = True  # no file is left that was not looked at
    is_cut: bool = False  # time was up
    words: str = ""
    items: list[Tried] = field(default_factory=list)

    @property
    def unchanged(self) -> int:
        """Files that stay where they are."""
        return self.examined - self.moving


# --- rules ------------------------------------------------------------------------------------------------------------
def list_rules(*, user: Reader) -> QuerySet[PathRule]:
    """All rules with their sources, in the order in which they are tried."""
    require(user, MANAGE_RULE)
    return PathRule.objects.select_related("source").order_by("position", "id")


def get_rule(*, user: Reader, rule_id: int) -> PathRule:
    """One of them. ObjectNotFoundError."""
    return get_one(list_rules(user=user), rule_id)


def count_decided(*, user: Reader, rules: Sequence[PathRule]) -> tuple[dict[int | None, int], int]:
    """How many of the newest files each enabled rule decides about (None: the built-in one), and how many were looked at."""
    require(user, MANAGE_RULE)
    enabled = compile_usable(row for row in rules if row.is_enabled)
    until = time.monotonic() + BUDGET_S
    counts: dict[int | None, int] = {}
    examined = 0
    for file in _read(islice(_newest(None), _LISTED)):
        if time.monotonic() > until:
            break
        examined += 1
        found = next((one for one in enabled if one.source_id in {None, file.source_id} and one.place(file.path) is not None), None)
        pk = found.pk if found else None
        counts[pk] = counts.get(pk, 0) + 1
    return counts, examined


def find_deciding_rule(*, user: Reader, file: MediaFile) -> PathRule | None:
    """The rule that decides about a file, for curators; None: the built-in one. Needs `folder` loaded."""
    require(user, CURATE)
    rows = list(PathRule.objects.filter(is_enabled=True).order_by("position", "id"))
    rules = compile_usable(row for row in rows if row.source_id in {None, file.source_id})
    decides = next((rule.pk for rule in rules if rule.place(file.path)), None)
    return next((row for row in rows if row.pk == decides), None)


def find_placement_job() -> Job | None:
    """The last job that applies the rules, whatever became of it."""
    return Job.objects.filter(kind=PLACE_JOB).order_by("-pk").first()


# --- previews ---------------------------------------------------------------------------------------------------------
def put(rules: Iterable[PathRule], draft: PathRule, after: int | None) -> list[PathRule]:
    """The rules with `draft` in them, stored or not, after the rule with the id `after`; None: before all others."""
    others = [row for row in rules if row.pk != draft.pk]
    at = next((index + 1 for index, row in enumerate(others) if row.pk == after), 0 if after is None else len(others))
    return [*others[:at], draft, *others[at:]]


def preview_rule(
    *, user: Reader, rule: PathRule | None, words: str = "", show: str = "changed", limit: int = SHOWN, **said: Any
) -> RulePreview:
    """As `preview_rules`, of one rule as it is `said`: a new one, or in the place of `rule`. PathRuleError.

    It stays where it stands in the order, at the end when it is new, or goes after the rule `after` (None: before all others).
    """
    rows = list(list_rules(user=user))
    above = [row for row in rows if rule is None or (row.position, row.pk) < (rule.position, rule.pk)]
    after = said.pop("after", above[-1] if above else None)
    draft = PathRule(pk=rule.pk if rule else None, **said)
    rules = put(rows, draft, after.pk if after else None)
    return preview_rules(user=user, rules=rules, focus=draft, words=words, show=show, limit=limit)


def preview_rules(
    *,
    user: Reader,
    rules: Sequence[PathRule],
    focus: PathRule | None = None,
    words: str = "",
    show: str = "changed",
    limit: int = SHOWN,
    clock: Callable[[], float] = time.monotonic,
) -> RulePreview:
    """What it would do if `rules`, in this order, took the place of those that are stored. PathRuleError.

    Tried on the newest files of the sources concerned, or on those that the search `words` finds.

    Args:
        focus: the one of `rules` that is in question.
        show: which of them are in `items`: "changed" those that go elsewhere, "decided" those that `focus` decides about, "all".
    """
    require(user, MANAGE_RULE)
    known: dict[tuple[object, ...], Rule] = {}
    present, wanted = _book(PathRule.objects.order_by("position", "id"), known), _book(rules, known, focus)
    in_question = known.get(_said(focus)) if focus and focus.is_enabled else None
    trial = Trial(present, wanted, in_question)
    query = parse(words)
    found = RulePreview(words=str(query), total=_count_files(trial.source_ids))
    ids = iter(list_matching_ids(user=user, query=query, sort="newest", limit=SAMPLE + 1)) if query else None
    files = _read(islice(_of_sources(ids, trial.source_ids) if ids else _newest(trial.source_ids), SAMPLE + 1))
    goals: set[tuple[str, str]] = set()
    for tried in _try(trial, files, found, clock):
        is_decided = in_question is not None and tried.after.rule is in_question
        is_different, is_moving = tried.is_different, tried.is_moving
        found.decided += is_decided
        found.by_hand += is_different and tried.is_by_hand
        if is_moving:
            found.moving += 1
            found.drifted += not is_different
            goals.add((tried.after.place.catalog_key, tried.after.place.series_key))
        is_shown = {"changed": is_moving or is_different, "decided": is_decided}.get(show, True)
        if is_shown and len(found.items) < limit:
            found.items.append(tried)
    found.new_catalogs, found.new_series = _count_new(goals)
    return found


def _try(trial: Trial, files: Iterator[_File], found: RulePreview, clock: Callable[[], float]) -> Iterator[Tried]:
    """Each file with what the books say about it, as long as there is time and the sample lasts; counted in `found`."""
    until = clock() + BUDGET_S
    for file in files:
        is_late = found.examined > 0 and clock() > until
        if found.examined == SAMPLE or is_late:
            found.is_whole, found.is_cut = False, is_late
            return
        found.examined += 1
        before, after = trial.compare(file.path, source_id=file.source_id, source_name=file.source_name)
        yield Tried(file.pk, file.path, file.source_name, file.now, before, after, file.placement == Placement.CURATOR)


def _book(rows: Iterable[PathRule], known: dict[tuple[object, ...], Rule], focus: PathRule | None = None) -> RuleBook:
    """The enabled ones of `rows`; rules that say the same are one object in all books made with the same `known`.

    Of those that cannot be used only `focus` raises its PathRuleError: the others would stand in the way of putting it right.
    """
    rules = []
    for row in rows:
        if row.is_enabled:
            said = _said(row)
            if said not in known:
                found = [compile_stored(row)] if row is focus else compile_usable([row])
                if not found:
                    continue
                known[said] = found[0]
            rules.append(known[said])
    return RuleBook(rules)


def _said(row: PathRule) -> tuple[object, ...]:
    """All that a rule says."""
    return row.pk, row.name, row.pattern, row.source_id, row.catalog_name, row.series_name


def _keys(place: Place | CurrentPlace) -> tuple[str, str, str, int | None]:
    return place.catalog_key, place.series_key, place.content_key, place.part


def _count_new(goals: Collection[tuple[str, str]]) -> tuple[int, int]:
    """How many catalogs, and how many series, of these (keys) there are not yet."""
    catalogs = dict(Catalog.objects.values_list("key", "pk"))
    wanted = {catalogs[catalog] for catalog, _series in goals if catalog in catalogs}
    known = set(Series.objects.filter(catalog__in=among(wanted)).order_by().values_list("catalog__key", "key"))
    return len({catalog for catalog, _series in goals} - catalogs.keys()), len(set(goals) - known)


def _count_files(source_ids: set[int] | None) -> int:
    roots = Folder.objects.filter(parent=None)
    roots = roots if source_ids is None else roots.filter(source__in=source_ids)
    return int(roots.aggregate(total=Sum("total_files", default=0))["total"])


# --- files to try rules on --------------------------------------------------------------------------------------------
class _File(NamedTuple):
    pk: int
    path: str  # NFC
    source_id: int
    source_name: str
    placement: str
    now: CurrentPlace | None


def _newest(source_ids: set[int] | None) -> Iterator[int]:
    """Ids of the newest files that rules place: of all sources, or of these. By an index, each source on its own."""
    files = MediaFile.objects.filter(kind__in=PLACED_KINDS).order_by("-pk").values_list("pk", flat=True)
    if source_ids is None:
        return iter(files[: SAMPLE + 1])
    return heapq.merge(*(files.filter(source=pk)[: SAMPLE + 1] for pk in sorted(source_ids)), reverse=True)


def _of_sources(ids: Iterable[int], source_ids: set[int] | None) -> Iterator[int]:
    """Those of `ids` that rules place, and that lie in these sources."""
    for some in chunks(ids, SAMPLE):
        files = MediaFile.objects.filter(pk__in=among(some), kind__in=PLACED_KINDS)
        files = files if source_ids is None else files.filter(source__in=source_ids)
        yield from files.order_by("-pk").values_list("pk", flat=True)


def _read(ids: Iterable[int]) -> Iterator[_File]:
    """Paths of files, in the order of `ids`, a batch at a time: who stops early has not read the rest."""
    names = dict(Source.objects.values_list("pk", "name"))
    folders: dict[int, str] = {}
    for some in chunks(ids, _BATCH):
        rows = {row[0]: row for row in MediaFile.objects.filter(pk__in=among(some)).order_by().values_list(*_COLUMNS, *_PLACE_COLUMNS)}
        unknown = {folder_id for _pk, _name, folder_id, *_rest in rows.values()} - folders.keys()
        folders |= dict(Folder.objects.filter(pk__in=among(unknown)).values_list("pk", "path"))
        for pk in some:
            if pk in rows:
                _pk, name, folder_id, source_id, placement, *place = rows[pk]
                folder, now = folders[folder_id], CurrentPlace(*place)
                path = text.nfc(f"{folder}/{name}" if folder else name)
                yield _File(pk, path, source_id, names[source_id], placement, now if now.catalog_key else None)
