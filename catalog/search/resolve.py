"""What a search asks of the index: its words as tokens, with what a rare word may have meant, and its fields as facets and ranges."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Q
from rapidfuzz import process
from rapidfuzz.distance import OSA

from catalog import text
from catalog.choices import KIND_BY_EXTENSION, FileKind
from catalog.models import Catalog, Player, Series, Tag
from catalog.search import values
from catalog.search.engines import engine
from catalog.search.facets import DURATIONS_MIN, MISSING, STATES, YEARS, facet_token, minutes_up_to
from catalog.search.players import players
from catalog.search.query import Field, Query, Term
from catalog.search.tokens import TOKEN_MAX, is_hangul, pieces, query_tokens, words
from catalog.search.vocabulary import letters_of, vocabulary
from catalog.search.wanted import Clause, Range, Tokens, Wanted
from mam.lib.errors import gettext_noop
from mam.lib.resolution import RESOLUTIONS, class_of
from mam.templatetags.mam_format import CODEC_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RARE = 3  # a word with fewer files may be misspelt
_MAX_WORDS = 12
_MAX_BEGINNINGS = 64
_MIN_PAIRS = 4
_PAIRS_OF_A_SLIP = 2  # a syllable is in two of them
_OF_CATALOG = " / "  # between the names of a catalog and of a series of it
_MAX_NAMES = 50_000  # that a mistyped one is compared with
_FIELD_NAME = re.compile(r"[a-z]{2,10}", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)년")  # of which names have the number
_NOTHING: Clause = (("is_nothing",),)  # no file has it
_ANYTHING: Clause = tuple((facet_token(Field.KIND, kind),) for kind in FileKind.values)  # every file has one of them
_UNKNOWN_VALUE = gettext_noop("“%(value)s” is nothing that %(field)s can be; write for example %(example)s.")
_UNKNOWN_NAME = gettext_noop("There is no %(field)s “%(value)s”.")
_UNKNOWN_FIELD = gettext_noop("%(field)s: is nothing that can be asked for, so it was searched as words.")
_EXAMPLES: dict[Field | None, str] = {
    Field.DURATION: ">1h30m",
    Field.SIZE: ">2GB",
    Field.RESOLUTION: ">=1080p",
    Field.YEAR: "2020..2024",
    Field.STATE: "missing",
    Field.KIND: "video",
    Field.HLS: "yes",
}
# Beside what a field is called, what people call it.
_SYNONYMS = {
    **dict.fromkeys(("extension", "format", "type", "container", "file"), Field.CONTAINER),
    **dict.fromkeys(("resolution", "height", "quality"), Field.RESOLUTION),
    **dict.fromkeys(("length", "time", "runtime"), Field.DURATION),
    **dict.fromkeys(("state", "status"), Field.STATE),
    **dict.fromkeys(("date", "season"), Field.YEAR),
    **dict.fromkeys(("event", "show"), Field.SERIES),
    **dict.fromkeys(("label", "keyword"), Field.TAG),
}
_SIMILAR = 0.6  # of the letters of a name, or of a field, that have to be the same for it to be proposed
_RANGES = {
    Field.DURATION: ("duration_ms", values.duration_ms),
    Field.SIZE: ("size_bytes", values.size_bytes),
}
# Fields with so few values that a range of them is one clause.
_STEPS = {Field.RESOLUTION: (RESOLUTIONS, values.lines), Field.YEAR: (YEARS, values.year)}
# Fields whose values are rows with a name.
MODELS: dict[Field | None, Any] = {Field.CATALOG: Catalog, Field.SERIES: Series, Field.PLAYER: Player, Field.TAG: Tag}


# What a field may say, of those that take fixed words; the most frequent first.
VALUES: dict[Field, list[str]] = {
    Field.STATE: sorted(STATES),
    Field.KIND: FileKind.values,
    Field.HLS: ["yes", "no"],
    Field.CODEC: list(CODEC_NAMES),
    Field.CONTAINER: sorted(KIND_BY_EXTENSION),
    Field.RESOLUTION: [f"{lines}p" for lines in RESOLUTIONS if lines],
}


class Problem(NamedTuple):
    """A term that could not be understood, or that no file can have, and why. What may have been meant: `likely`."""

    term: Term
    why: str  # a gettext template
    params: dict[str, str]


class Alternatives(NamedTuple):
    """What several values of one field come to: of which tokens a file has to have one, and where the index does not say all the range."""

    clause: Clause
    asked: Range | None


class Chosen(NamedTuple):
    """What a value of a field stands for: files with one of these tokens; `is_part`: only some of those."""

    tokens: Clause
    is_part: bool = False

    def is_only(self, token: str) -> bool:
        """Exactly the files with that one."""
        return self.tokens == ((token,),) and not self.is_part


@dataclass(slots=True)
class Resolved:
    """A search as the database is asked it."""

    wanted: Wanted
    words: list[str]  # of the search, folded, in their order
    spelled: list[str] = field(default_factory=list)  # the same words as they were typed
    exact: list[list[str]] = field(default_factory=list)  # folded words that have to stand side by side
    never: list[list[str]] = field(default_factory=list)  # and those that must not
    meant: dict[str, list[str]] = field(default_factory=dict)  # rare word -> what was searched beside it, the nearest first
    alternatives: dict[Field, Alternatives] = field(default_factory=dict)  # of fields that may have any of several values
    chosen: dict[Term, Chosen] = field(default_factory=dict)  # of fields, not of excluded ones
    literal: set[str] = field(default_factory=set)  # folded words within quotation marks: they mean nothing else
    problems: list[Problem] = field(default_factory=list)
    is_everything: bool = False  # it says nothing that a file could lack

    @property
    def has_phrases(self) -> bool:
        """The index alone does not tell the matches: it knows no order of words."""
        return bool(self.exact or self.never)

    @property
    def meant_words(self) -> list[str]:
        """`words`, with what a rare one most likely meant."""
        return [self.meant[word][0] if word in self.meant else word for word in self.words]

    @property
    def marked_words(self) -> list[str]:
        """`words`, and all that was searched beside rare ones: what is to be marked in what was found."""
        return [*self.words, *(word for near in self.meant.values() for word in near)]


def resolve(query: Query, *, with_missing: bool = False) -> Resolved:
    """Look up everything a search names. Asks the index about single words. Missing files are left out unless it says `is:`."""
    found = Resolved(Wanted(), [])
    excluded: list[Tokens] = []
    any_of: defaultdict[Field | Term, list[Clause | Range]] = defaultdict(list)
    for term in query.terms:
        asked = _field(term) if term.field else _words(term, found)
        if asked is None:
            found.problems.append(_senseless(term))
            asked = _NOTHING
        elif not isinstance(asked, Range):
            if term.is_excluded:
                excluded += asked
                continue
            found.problems += _doubts(term, asked)
        if asked:
            if term.field and not term.is_excluded:
                found.chosen[term] = _chosen(asked)
            any_of[term.field if term.field and term.is_alternative else term].append(asked)
    all_of = {name: _alternatives(several) for name, several in any_of.items()}
    found.alternatives = {name: one for name, one in all_of.items() if isinstance(name, Field)}
    clauses = [*(one.clause for one in all_of.values() if one.clause), *_word_clauses(found)]
    ranges = [one.asked for one in all_of.values() if one.asked]
    found.is_everything = not (clauses or excluded or ranges or found.never)
    if not with_missing and not any(term.field is Field.STATE for term in query.terms):
        excluded.append((facet_token(Field.STATE, MISSING),))
    found.wanted = Wanted(tuple(clauses), tuple(excluded), tuple(ranges))
    return found


def without_alternatives(resolved: Resolved, name: Field) -> Resolved:
    """A wider search: whatever the value of a field of `resolved.alternatives` is."""
    wider = resolved.wanted.without(*resolved.alternatives[name])
    return replace(resolved, wanted=wider if wider.clauses else wider.also(_ANYTHING))


def whole_words(resolved: Resolved) -> Wanted:
    """A stricter search: each word as it was typed, not in pieces."""
    return resolved.wanted.also(*(((word[:TOKEN_MAX],),) for word in resolved.words))


def with_words(resolved: Resolved, phrase: Sequence[str]) -> Wanted:
    """A narrower search: with all words of a phrase, wherever they stand."""
    return resolved.wanted.also(*((tuple(query_tokens(word)),) for word in phrase))


# --- words ------------------------------------------------------------------------------------------------------------
def _words(term: Term, found: Resolved) -> Clause:
    """Note the words of a term; what an excluded one rules out."""
    typed = words(term.text if term.is_exact else _YEAR.sub(r"\1", term.text))
    folded = [text.fold(word) for word in typed]
    if term.is_excluded and term.is_exact and len(folded) > 1:
        found.never.append(folded)
        return ()
    if term.is_excluded:
        tokens = tuple(token for word in typed for token in query_tokens(word))
        return (tokens,) if tokens else ()
    if term.is_exact:
        found.literal.update(folded)
    room = _MAX_WORDS - len(found.words)
    if term.is_exact and len(folded) > 1:
        found.exact.append(folded)
    found.words += folded[:room]
    found.spelled += typed[:room]
    return ()


def _word_clauses(found: Resolved) -> list[Clause]:
    """One clause for each piece of each word: itself or, where that is rare, what it may have meant."""
    if not found.spelled:
        return []
    vocabulary.refresh()
    in_order = [piece for word in found.spelled for piece in pieces(word)]
    others = players.other_spellings(in_order)
    for one, other in pairwise(in_order):
        if one + other in vocabulary:  # the same two written together
            others[one].add(one + other)
            others[other].add(one + other)
    clauses: dict[Clause, None] = {}
    for word in found.spelled:
        is_literal = text.fold(word) in found.literal
        begun = [] if is_literal else _begun(word)
        for piece in pieces(word):
            meanings = [tuple(query_tokens(piece)), *((other,) for other in sorted(others[piece])), *begun]
            if not is_literal and (_is_rare(tuple(meanings)) or _is_scattered(piece)):
                meanings += _meant(piece, found)
            clauses[tuple(dict.fromkeys(meanings))] = None
    return list(clauses)


def _is_scattered(piece: str) -> bool:
    """Hangul whose pairs of syllables may all occur, but in no word side by side: 아이브 in 아이비 and 라이브."""
    return is_hangul(piece) and not vocabulary.is_inside_some(piece)


def _is_rare(clause: Clause) -> bool:
    if clause in vocabulary.common:
        return False
    is_rare = len(engine(Wanted((clause,))).newest(RARE)) < RARE
    if not is_rare:
        vocabulary.note_common(clause)
    return is_rare


def _begun(word: str) -> list[Tokens]:
    """Words that begin with a rare one."""
    if not _is_rare((tuple(query_tokens(word)),)):
        return []
    return [(other,) for other in vocabulary.beginning_with(text.fold(word), _MAX_BEGINNINGS) if other != text.fold(word)]


def _meant(piece: str, found: Resolved) -> list[Tokens]:
    """What a rare word may have meant: two words written together, or a slip."""
    near = vocabulary.near(piece)
    if near:
        found.meant[piece] = near
    meanings = [*vocabulary.split(piece), *(tuple(query_tokens(word)) if is_hangul(word) else (word,) for word in near)]
    pairs = query_tokens(piece)
    if is_hangul(piece) and len(pairs) >= _MIN_PAIRS:  # a slip in words written together: the pairs of syllables that it spared
        spared = tuple(pair for pair in pairs if engine(Wanted((((pair,),),))).newest(1))
        meanings += [spared] if len(pairs) - _PAIRS_OF_A_SLIP <= len(spared) < len(pairs) else []
    return meanings


# --- fields -----------------------------------------------------------------------------------------------------------
def _field(term: Term) -> Clause | Range | None:
    """The facets of which a file has to have one, or must have none if the term is excluded, or the range it has to lie in, with what is
    excluded left out already; None: the value makes no sense.
    """
    value = text.fold(term.text)
    match term.field:
        case Field.DURATION | Field.SIZE as name:
            column, read = _RANGES[name]
            found = values.bounds(value, read, is_rough=True)
            if found is None:
                return None
            return Range.outside(column, *found) if term.is_excluded else Range(column, (found,))
        case Field.RESOLUTION | Field.YEAR as name:
            steps, read = _STEPS[name]
            found = values.bounds(value, read)
            if found is None:
                return None
            low, high = found
            of_these = [step for step in steps if (low or 0) <= step and (high is None or step < high)]
            if not of_these and low is not None and name is Field.RESOLUTION:
                of_these = [class_of(low)]
            return _any_of(name, of_these) or _NOTHING
        case Field.PLAYER:
            asked = set(words(value))
            return _any_of(Field.PLAYER, players.whose_name_has(asked)) if asked else None
        case Field.CATALOG | Field.SERIES | Field.TAG as name:
            called = Q(name__iexact=term.text) | Q(key=value)
            if name is Field.SERIES:
                called |= _series_in_a_catalog(term.text)
            return _any_of(name, MODELS[name].objects.filter(called).values_list("pk", flat=True))
        case Field.STATE | Field.KIND | Field.HLS as name:
            fixed = values.fixed(value)
            return _any_of(name, [fixed]) if fixed in VALUES[name] else None
        case Field.CONTAINER:
            return _any_of(Field.CONTAINER, [value])
        case Field.CODEC:
            return _any_of(Field.CODEC, [values.codec(value)])
        case None:
            return None


def _senseless(term: Term) -> Problem:
    """What a field says that it cannot, or that there is not."""
    params = {"field": str(term.field), "value": term.text, "example": f"{term.field}:{_EXAMPLES.get(term.field, '')}"}
    return Problem(term, _UNKNOWN_NAME if term.field in MODELS else _UNKNOWN_VALUE, params)


def _doubts(term: Term, asked: Clause) -> list[Problem]:
    """What is understood, but hardly meant: a codec or a file type that no file has, a field that there is not."""
    if term.field in (Field.CODEC, Field.CONTAINER) and asked and _is_rare(asked) and not engine(Wanted((asked,))).newest(1):
        return [Problem(term, _UNKNOWN_NAME, {"field": str(term.field), "value": term.text})]
    name = _unknown_field(term)
    return [Problem(term, _UNKNOWN_FIELD, {"field": name})] if name else []


def _unknown_field(term: Term) -> str:
    """What stands before the colon of words that were meant as a field; "" for all others."""
    name, colon, value = term.text.partition(":")
    return name if not (term.field or term.is_exact) and colon and value and _FIELD_NAME.fullmatch(name) else ""


def likely(term: Term) -> Term | None:
    """What a term that is a `Problem` may have meant: with a field, or a value, that there is; None: nothing is like it."""
    if term.field is None:
        name = _unknown_field(term).lower()
        near = _SYNONYMS.get(name) or _most_like(name, Field)
        return replace(term, field=Field(near), text=term.text[len(name) + 1 :]) if near else None
    if term.field is Field.PLAYER:
        known: Iterable[str] = (one for name in players.spellings() for one in (name, *words(name)))
    elif term.field in MODELS:
        known = MODELS[term.field].objects.values_list("name", flat=True)[:_MAX_NAMES]
    else:
        known = VALUES.get(term.field, [])
    found = _most_like(term.text, known)
    return replace(term, text=found) if found and found != term.text else None


def _most_like(wanted: str, known: Iterable[str]) -> str | None:
    """The one that has most letters with `wanted` in common and in their order, or begins with it."""
    by_letters = {letters_of(text.fold(one)): one for one in known}
    letters = letters_of(text.fold(wanted))
    found = process.extractOne(letters, by_letters.keys(), scorer=OSA.normalized_similarity, score_cutoff=_SIMILAR)
    begun = (one for one in by_letters if one.startswith(letters)) if letters else iter(())
    best = found[0] if found else next(begun, None)
    return None if best is None else by_letters[best]


def series_label(catalog_name: str, name: str) -> str:
    """What tells a series from those of the same name in other catalogs: "WSOP / 2024". `series:` takes it."""
    return f"{catalog_name}{_OF_CATALOG}{name}"


def _series_in_a_catalog(label: str) -> Q:
    """The inverse; either name may have such a sign itself."""
    parts = label.split(_OF_CATALOG)
    called = Q()
    for end in range(1, len(parts)):
        called |= Q(catalog__name__iexact=_OF_CATALOG.join(parts[:end]), name__iexact=_OF_CATALOG.join(parts[end:]))
    return called


def _alternatives(several: Sequence[Clause | Range]) -> Alternatives:
    """Any of these, all of one field."""
    tokens = dict.fromkeys(one for asked in several if not isinstance(asked, Range) for one in asked if asked != _NOTHING)
    ranges = [asked for asked in several if isinstance(asked, Range)]
    if not ranges:
        return Alternatives(tuple(tokens) or _NOTHING, None)
    either = Range(ranges[0].column, tuple(span for one in ranges for span in one.spans))
    return Alternatives(_classes_of(either), None if _is_of_whole_classes(either) else either)


def _chosen(asked: Clause | Range) -> Chosen:
    return Chosen(_classes_of(asked), not _is_of_whole_classes(asked)) if isinstance(asked, Range) else Chosen(asked)


def _classes_of(asked: Range) -> Clause:
    """The classes in which a range of lengths lies, so that the index leaves few rows to be looked at; nothing for sizes, nor for files
    whose length is not known: those are of no class.
    """
    if asked.column != "duration_ms" or asked.has_unknown:
        return ()
    classes = (minutes for minutes in DURATIONS_MIN if any(_overlaps(minutes, *span) for span in asked.spans))
    return _any_of(Field.DURATION, classes) or _NOTHING


def _overlaps(minutes: int, low: int | None, high: int | None) -> bool:
    """Whether some lengths of the class that begins at `minutes` lie between."""
    end = minutes_up_to(minutes)
    return (end is None or end * 60_000 > (low or 0)) and (high is None or minutes * 60_000 < high)


def _is_of_whole_classes(asked: Range) -> bool:
    """Whether its classes say all of it."""
    borders = {None, *(minutes * 60_000 for minutes in DURATIONS_MIN)}
    return asked.column == "duration_ms" and all((low or 0) in borders and high in borders for low, high in asked.spans)


def _any_of(facet: Field, found: Iterable[str | int]) -> Clause | None:
    """One clause: any of these values; None for none."""
    return tuple((facet_token(facet, value),) for value in found) or None
