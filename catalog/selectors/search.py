"""The search: files by words and fields, and what they can be narrowed by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core import signing
from django.db.models import OuterRef, Subquery, Value
from django.utils.translation import gettext

from catalog import text
from catalog.choices import FileKind, Presence, ProbeState
from catalog.models import MediaFile, SearchEntry
from catalog.search import engines
from catalog.search.documents import names_on
from catalog.search.engines import Matches, engine
from catalog.search.facets import FACETS, MISSING, facet_token, minutes_up_to, split_token
from catalog.search.postings import facet_counts
from catalog.search.query import Field, Query, Term, parse
from catalog.search.ranking import Ranking, stands_side_by_side
from catalog.search.resolve import MODELS, Resolved, resolve, series_label, whole_words, with_words, without_alternatives
from catalog.selectors.kept import keep, library_version
from catalog.selectors.scope import VIEW_LIBRARY
from mam.accounts.access import require
from mam.lib.bulk import among, in_order
from mam.lib.keyset import InvalidCursorError, keyset_page
from mam.templatetags.mam_format import format_codec, name_resolution

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

    from catalog.selectors.kept import Version
    from catalog.selectors.scope import Reader

RELEVANCE = "relevance"
ORDERS = {
    "newest": ("-pk",),
    "name": ("name_key", "pk"),
    "-name": ("-name_key", "-pk"),
    "largest": ("-size_bytes", "-pk"),
    "smallest": ("size_bytes", "pk"),
    "longest": ("-duration_ms", "-pk"),
    "shortest": ("duration_ms", "pk"),
}
SORTS = (RELEVANCE, *ORDERS)
_CANDIDATES = 400  # newest matches that are ranked, beside as many with the words as they were typed
_FACET_VALUES = 12
PHRASE_FILES = 2_000  # newest matches whose texts are read for an exact phrase
_SHOWN = (  # on a card
    *("name", "title", "kind", "size_bytes", "duration_ms", "width_px", "height_px", "video_codec"),
    *("presence", "probe_state", "probe_reason", "folder__path"),
)
_SIGNER = signing.Signer(salt="catalog.search")


@dataclass(frozen=True)
class Found:
    """A page of files, how many there are (no further than CAP), and what was understood."""

    ids: list[int]
    next: str | None
    previous: str | None
    count: int
    sort: str
    resolved: Resolved
    facets: dict[Field, list[FacetValue]]  # those that were asked for
    is_cut: bool = False  # older files may have the exact words too, and were not looked at

    @cached_property
    def items(self) -> list[MediaFile]:
        """The files with what a card shows; those that have gone meanwhile are left out."""
        return in_order(MediaFile.objects.select_related("folder").only(*_SHOWN), self.ids)

    @property
    def is_capped(self) -> bool:
        """There are more than `count` says."""
        return self.is_cut or self.count >= engines.CAP


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet: as it stands in a search (`codec:h264`), what it is called, and how many files have it.

    `is_capped`: they were counted among the newest CAP matches, so there may be more. `chosen_by`: terms of the search that mean just
    this, however they are spelt. `within`: those that widen the search to this and to others.
    """

    facet: Field
    value: str
    label: str
    count: int
    is_capped: bool = False
    chosen_by: tuple[Term, ...] = ()
    within: tuple[Term, ...] = ()

    @property
    def is_chosen(self) -> bool:
        """The search names it."""
        return bool(self.chosen_by)

    def toggled(self, query: Query) -> Query:
        """The search without it, if it is chosen; else with it, in the place of what it was within."""
        rest = reduce(Query.without_term, self.chosen_by or self.within, query)
        return rest if self.is_chosen else rest.with_term(self.term)

    @property
    def term(self) -> Term:
        """What narrows a search to it."""
        match self.facet:
            case Field.RESOLUTION:
                text = f"{self.value}p"
            case Field.DURATION:
                end = minutes_up_to(int(self.value))
                text = f"{self.value}m..{'' if end is None else f'{end}m'}"
            case _:
                text = self.label if self.facet in MODELS else self.value
        return Term(text, self.facet)


@dataclass(frozen=True, slots=True)
class WayOut:
    """A search that finds something, beside one that does not. `without`: the term that it leaves out; None: it asks for missing files."""

    query: Query
    without: Term | None
    count: int
    is_capped: bool


def search(
    *, user: Reader, query: Query, sort: str = RELEVANCE, cursor: str | None = None, limit: int, facets: Collection[Field] = ()
) -> Found:
    """A page of what `query` finds, in an order of SORTS. Relevance needs words; without them it is "newest".

    InvalidCursorError, CursorMismatchError.
    """
    require(user, VIEW_LIBRARY)
    version = library_version()
    resolved, matches = _match(query)
    sort = sort if sort in SORTS else RELEVANCE
    if sort == RELEVANCE and not resolved.words:
        sort = "newest"
    about = ("search", _asked(resolved), resolved.meant_words, sort, cursor, limit)
    ids, after, before, count = keep(lambda: _page(resolved, matches, sort, cursor, limit), version=version, user=user, about=about)
    found = _facet_values(resolved, matches, facets, version, user) if facets else {}
    return Found(ids, after, before, count, sort, resolved, found, matches.is_cut)


def list_matching_ids(*, user: Reader, query: Query, sort: str = RELEVANCE, limit: int) -> list[int]:
    """Ids of the files that `search` finds, in its order, `limit` at most; none for a search that says nothing: no one means all files."""
    return find_matching(user=user, query=query, sort=sort, limit=limit)[0]


def find_matching(*, user: Reader, query: Query, sort: str = RELEVANCE, limit: int, with_missing: bool = False) -> tuple[list[int], bool]:
    """As `list_matching_ids`; and whether there may be others: more than `limit`, or older ones that were not looked at (PHRASE_FILES)."""
    require(user, VIEW_LIBRARY)
    resolved, matches = _match(query, with_missing=with_missing)
    if resolved.is_everything:
        return [], False
    if sort in ORDERS and sort != "newest":
        ids = list(matches.entries.order_by(*ORDERS[sort]).values_list("pk", flat=True)[: limit + 1])
    else:
        ranked = _rank(resolved, matches, None) if sort != "newest" and resolved.words else []
        ids = list(dict.fromkeys([*ranked, *matches.newest(limit + 1)]))
    return ids[:limit], matches.is_cut or len(ids) > limit


def matching(files: QuerySet[MediaFile], words: str) -> QuerySet[MediaFile]:
    """`files` narrowed to what the search finds for `words`; all of them for nothing.

    For lists with an order and filters of their own: whether a file is missing is theirs to ask.
    """
    query = parse(words)
    if not query:
        return files
    _, matches = _match(query, with_missing=True)
    if matches.is_whole:
        return files.filter(pk__in=among(matches.some))
    # Of so many each file of the list's order is asked, and a page is soon full. Not EXISTS: PostgreSQL would join, and read all first.
    return files.filter(Subquery(matches.entries.filter(pk=OuterRef("pk")).values(is_match=Value(True))))


def list_facets(*, user: Reader, query: Query, facets: Collection[Field] = FACETS) -> dict[Field, list[FacetValue]]:
    """The most frequent values of each facet among the matches of `query`; of more than CAP matches those of CAP of them.

    Of a field that may have any of several values (`Term.is_alternative`): among what matches whatever its value is, so that one more of
    them can be chosen.
    """
    require(user, VIEW_LIBRARY)
    version = library_version()
    return _facet_values(*_match(query), facets, version, user)


def propose(query: Query, resolved: Resolved) -> Query | None:
    """A search that finds something, for one that does not: its rare words as they may have been meant, none exactly.

    None when nothing is found that way either.
    """
    loose = query.unquoted
    meant = (resolved if loose == query else resolve(loose)).meant
    corrected = loose.corrected({word: near[0] for word, near in meant.items()})
    return corrected if corrected != query and _match(corrected)[1].count else None


def list_ways_out(*, user: Reader, query: Query) -> list[WayOut]:
    """What would be found with one term less, or among missing files: what a search that finds nothing fails by. One search each."""
    require(user, VIEW_LIBRARY)
    wider: list[tuple[Query, Term | None]] = []
    if not any(term.field is Field.STATE for term in query.terms):
        wider.append((query.with_term(Term(MISSING, Field.STATE)), None))
    if len(query.terms) > 1:
        wider += [(query.without_term(term), term) for term in query.terms]
    found = [(other, without, _match(other)[1]) for other, without in wider]
    return [WayOut(other, without, matches.count, not matches.is_complete) for other, without, matches in found if matches.count]


# --- matching ---------------------------------------------------------------------------------------------------------
def _match(query: Query, *, with_missing: bool = False) -> tuple[Resolved, Matches]:
    resolved = resolve(query, with_missing=with_missing)
    return resolved, _matches_of(resolved)


def _matches_of(resolved: Resolved) -> Matches:
    return _with_phrases(resolved) if resolved.has_phrases else Matches(resolved.wanted)


def _with_phrases(resolved: Resolved) -> Matches:
    """The matches in which exact words stand side by side, or must not: the order of words is not in the index, so texts are read."""
    matches = Matches(resolved.wanted)
    ids, is_cut = _side_by_side(matches, resolved.exact) if resolved.exact else (matches.some, not matches.is_whole)
    for phrase in resolved.never:
        unwanted, has_older = _side_by_side(Matches(with_words(resolved, phrase)), [phrase])
        ids, is_cut = sorted(set(ids).difference(unwanted), reverse=True), is_cut or has_older
    return Matches(resolved.wanted, ids, is_cut=is_cut)


def _side_by_side(matches: Matches, phrases: list[list[str]]) -> tuple[list[int], bool]:
    """Those of the newest matches that have each phrase in one of their texts, newest first; whether there are older ones."""
    ids = matches.newest(PHRASE_FILES + 1)
    columns = ("name", "title", "description", "folder__path", "content__title", "content__series__name", "content__series__catalog__name")
    files = MediaFile.objects.filter(pk__in=among(ids[:PHRASE_FILES])).order_by("-pk")
    rows = list(files.values("pk", "content_id", *columns))
    names = names_on(rows)

    def has(row: dict[str, Any], phrase: list[str]) -> bool:
        texts = (*(row[column] for column in columns), *names[row["pk"]])
        return stands_side_by_side([text.fold(one) for one in texts if one], phrase)

    return [row["pk"] for row in rows if all(has(row, phrase) for phrase in phrases)], len(ids) > PHRASE_FILES


def _asked(resolved: Resolved) -> tuple[object, ...]:
    """What the matches depend on."""
    return resolved.wanted, resolved.exact, resolved.never


def _page(resolved: Resolved, matches: Matches, sort: str, cursor: str | None, limit: int) -> tuple[list[int], str | None, str | None, int]:
    """Ids of a page, the cursors of its neighbours, and how many matches there are."""
    if sort == RELEVANCE:
        return *_ranked_page(resolved, matches, cursor, limit), matches.count
    page = keyset_page(matches.entries, ORDERS[sort], cursor, limit)
    return [entry.pk for entry in page.items], page.next, page.previous, matches.count


# --- relevance --------------------------------------------------------------------------------------------------------
def _ranked_page(resolved: Resolved, matches: Matches, cursor: str | None, limit: int) -> tuple[list[int], str | None, str | None]:
    """Ids of a page by relevance, and the cursors of its neighbours: first what was ranked, then the rest by age."""
    start, newest, rest = _read_cursor(cursor)
    ranked = _rank(resolved, matches, newest)
    newest = newest or max(ranked, default=0)
    if rest is None:
        end = start + limit
        after = _write_cursor(end, newest) if end < len(ranked) else None
        if after is None and matches.count > len(ranked):
            after = _write_cursor(end, newest, "")
        return ranked[start:end], after, _write_cursor(max(0, start - limit), newest) if start else None
    others = matches.entries.exclude(pk__in=among(ranked)).filter(pk__lte=newest)
    page = keyset_page(others, ("-pk",), rest or None, limit)
    after = _write_cursor(start, newest, page.next) if page.next else None
    before = _write_cursor(start, newest, page.previous) if page.previous else _write_cursor(max(0, start - limit), newest)
    return [entry.pk for entry in page.items], after, before


def _rank(resolved: Resolved, matches: Matches, newest: int | None) -> list[int]:
    candidates = set(matches.newest(_CANDIDATES, newest))
    strict = whole_words(resolved)
    if strict != resolved.wanted and matches.count > _CANDIDATES:
        candidates.update(engine(strict).newest(_CANDIDATES, newest))
    if resolved.has_phrases:
        candidates &= set(matches.some)
    ranking = Ranking(resolved.meant_words)
    entries = SearchEntry.objects.filter(pk__in=among(candidates)).values_list("pk", "lines")
    return [pk for _, pk in sorted(((ranking.score(lines), pk) for pk, lines in entries), reverse=True)]


def _write_cursor(start: int, newest: int, rest: str | None = None) -> str:
    """A page begins at the ranked file number `start` of those no newer than `newest`; or (`rest` not None) there among the others."""
    return _SIGNER.sign(f"{start}.{newest}" if rest is None else f"{start}.{newest}.{rest}")


def _read_cursor(cursor: str | None) -> tuple[int, int | None, str | None]:
    if not cursor:
        return 0, None, None
    try:
        start, newest, *rest = _SIGNER.unsign(cursor).split(".", 2)
        return int(start), int(newest), rest[0] if rest else None
    except (signing.BadSignature, ValueError) as error:
        raise InvalidCursorError from error


# --- facets -----------------------------------------------------------------------------------------------------------
class _Counts(NamedTuple):
    """Facet token -> how many files have it; `capped`: the facets that were counted among the newest CAP of more."""

    of: Counter[str]
    capped: frozenset[Field]


def _facet_values(
    resolved: Resolved, matches: Matches, facets: Collection[Field], version: Version | None, user: Reader
) -> dict[Field, list[FacetValue]]:
    found = _label_all(_keep_counts(resolved, matches, version, user), facets)
    return {facet: [_with_choice(value, resolved) for value in values] for facet, values in found.items()}


def _with_choice(value: FacetValue, resolved: Resolved) -> FacetValue:
    token = facet_token(value.facet, value.value)
    terms = [term for term, chosen in resolved.chosen.items() if (token,) in chosen.tokens]
    # A span of lengths ends with the first one of the next class.
    only = tuple(term for term in terms if term == value.term or resolved.chosen[term].is_only(token))
    return replace(value, chosen_by=only, within=tuple(term for term in terms if term.is_alternative and term not in only))


def _keep_counts(resolved: Resolved, matches: Matches, version: Version | None, user: Reader) -> _Counts:
    about = ("facets", _asked(resolved), resolved.alternatives)
    return keep(lambda: _count(resolved, matches), version=version, user=user, about=about)


def _count(resolved: Resolved, matches: Matches) -> _Counts:
    found = facet_counts.of(matches.some)
    capped: frozenset[Field] = frozenset(() if matches.is_complete else FACETS)
    for facet in resolved.alternatives:
        wider = _matches_of(without_alternatives(resolved, facet))
        found = Counter({token: count for token, count in found.items() if split_token(token)[0] != facet})
        found += facet_counts.of(wider.some, facet)
        capped = capped - {facet} if wider.is_complete else capped | {facet}
    return _Counts(found, capped)


def _label_all(counts: _Counts, facets: Collection[Field]) -> dict[Field, list[FacetValue]]:
    by_facet: dict[Field, list[tuple[str, int]]] = {facet: [] for facet in FACETS if facet in facets}
    for token, count in counts.of.most_common():
        facet, value = split_token(token)
        if facet in by_facet and len(by_facet[facet]) < _FACET_VALUES:
            by_facet[facet].append((value, count))
    return {facet: _labelled(facet, found, is_capped=facet in counts.capped) for facet, found in by_facet.items() if found}


def _labelled(facet: Field, found: list[tuple[str, int]], *, is_capped: bool) -> list[FacetValue]:
    if facet not in MODELS:
        return [FacetValue(facet, value, _label(facet, value), count, is_capped) for value, count in found]
    names = labels_of(facet, MODELS[facet]._default_manager.filter(pk__in=[int(value) for value, _ in found]))
    return [FacetValue(facet, value, names[int(value)], count, is_capped) for value, count in found if int(value) in names]


def labels_of(field: Field, rows: QuerySet[Any]) -> dict[int, str]:
    """What the rows that a field names are called in a search, by their ids; in the order of `rows`. One query."""
    if field is Field.SERIES:
        return {pk: series_label(catalog, name) for pk, catalog, name in rows.values_list("pk", "catalog__name", "name")}
    return dict(rows.values_list("pk", "name"))


def _label(facet: Field, value: str) -> str:
    match facet:
        case Field.KIND:
            return str(FileKind(value).label)
        case Field.STATE:
            return str((Presence(value) if value in Presence.values else ProbeState(value)).label)
        case Field.CONTAINER:
            return value.upper()
        case Field.CODEC:
            return format_codec(value)
        case Field.RESOLUTION:
            return name_resolution(int(value))
        case Field.DURATION:
            end = minutes_up_to(int(value))
            if end is None:
                return gettext("over %(low)s min") % {"low": value}
            return gettext("%(low)s–%(high)s min") % {"low": value, "high": end}
        case Field.HLS:
            return gettext("yes") if value == "yes" else gettext("no")
        case _:
            return value
