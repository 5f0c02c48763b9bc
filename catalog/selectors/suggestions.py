"""What a person who types may mean: the last word, name or field completed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from catalog import text
from catalog.models import Catalog, Content, Series, Tag
from catalog.search import values
from catalog.search.engines import engine
from catalog.search.players import players
from catalog.search.query import FIELDS, Field, HalfTyped, Term, half_typed
from catalog.search.resolve import MODELS, VALUES
from catalog.search.tokens import is_hangul, query_tokens, words
from catalog.search.vocabulary import vocabulary
from catalog.search.wanted import Wanted
from catalog.selectors.scope import VIEW_LIBRARY
from catalog.selectors.search import labels_of
from mam.accounts.access import require
from mam.lib.bulk import among

if TYPE_CHECKING:
    from catalog.selectors.scope import Reader

_MIN_FIELD_CHARS = 2
_MAX_ENDINGS = 64  # of a half typed word
_TITLED = 2_000  # files whose titles are looked at


@dataclass(frozen=True, slots=True)
class Completion:
    """A search that a half typed one may become. `kind`: word, title, field, or the field whose value was completed."""

    kind: str
    label: str
    query: str
    is_open: bool = False  # a field that has no value yet


def suggest(*, user: Reader, typed: str, limit: int = 8) -> dict[str, list[str]]:
    """What the words typed so far may become: titles, players, tags, and the last word's endings; `limit` of each."""
    require(user, VIEW_LIBRARY)
    typed = text.tidy(typed)
    if not typed:
        return {"words": [], "players": [], "tags": [], "titles": []}
    last = typed.split()[-1]
    return {
        "words": _words(last, limit),
        "players": players.called(typed, last, limit=limit),
        "tags": _names(Tag, _is_tag(typed) | _is_tag(last), limit),
        "titles": _titles(typed, limit),
    }


def complete(*, user: Reader, typed: str, limit: int = 4) -> list[Completion]:
    """Whole searches with the last term of `typed` completed; `limit` of each kind, none for nothing."""
    require(user, VIEW_LIBRARY)
    half = half_typed(typed)
    if half.field is not None:
        return [_with_field(half, half.field, value) for value in _values(half.field, half.text, limit)]
    if not half.text.strip():
        return []
    sign = "-" if half.is_excluded else ""
    is_telling = len(half.text) >= _MIN_FIELD_CHARS or is_hangul(half.text)
    begun = [name for name in FIELDS if is_telling and name.startswith(half.text.lower())]
    return [
        *(Completion("title", title, str(Term(title, is_exact=True))) for title in _titles(text.tidy(typed), limit)),
        *(_with_field(half, Field.PLAYER, name) for name in players.called(half.text, limit=limit)),
        *(_with_field(half, Field.CATALOG, name) for name in _names(Catalog, Q(key__startswith=text.fold(half.text)), limit)),
        *(_with_field(half, Field.SERIES, name) for name in _series(Q(name__istartswith=half.text), limit)),
        *(_with_field(half, Field.TAG, name) for name in _names(Tag, _is_tag(half.text), limit)),
        *(Completion("word", word, f"{half.before}{sign}{word}") for word in _words(half.text.split()[-1], limit)),
        *(Completion("field", f"{name}:", f"{half.before}{sign}{name}:", is_open=True) for name in begun),
    ]


def _with_field(half: HalfTyped, field: Field, value: str) -> Completion:
    return Completion(field.value, value, f"{half.before}{Term(value, field, is_excluded=half.is_excluded)}")


def _values(field: Field, begun: str, limit: int) -> list[str]:
    """Values of a field: names that have `begun` in them, or fixed ones that begin so; none of a field that takes numbers."""
    if field is Field.PLAYER:
        return players.called(begun, limit=limit)
    if field is Field.SERIES:
        return _series(Q(name__icontains=begun) | Q(catalog__name__icontains=begun), limit)
    if field in MODELS:
        return _names(MODELS[field], Q(name__icontains=begun), limit)
    begun = values.fixed(begun.lower())
    return [value for value in VALUES.get(field, ()) if value.startswith(begun)][: 2 * limit]


def _names(model: Any, condition: Q, limit: int) -> list[str]:
    return list(model.objects.filter(condition).values_list("name", flat=True).distinct()[:limit])


def _series(condition: Q, limit: int) -> list[str]:
    found = Series.objects.filter(condition).order_by("catalog__name", "name")[:limit]
    return list(labels_of(Field.SERIES, found).values())


def _titles(begun: str, limit: int) -> list[str]:
    """Titles that begin so, of the works of the newest files with these words: no index says how titles begin."""
    *whole, last = words(begun) or [""]
    if not last:
        return []
    vocabulary.refresh()
    ends = [(word,) for word in vocabulary.beginning_with(text.fold(last), _MAX_ENDINGS)]
    clauses = [*((tuple(query_tokens(word)),) for word in whole), (tuple(query_tokens(last)), *ends)]
    files = engine(Wanted(clauses=tuple(clauses))).newest(_TITLED)
    titles = Content.objects.filter(files__in=among(files), title__istartswith=begun).order_by("title")
    return list(titles.values_list("title", flat=True).distinct()[:limit])


def _words(begun: str, limit: int) -> list[str]:
    vocabulary.refresh()
    folded = text.fold(begun)
    return [word for word in vocabulary.beginning_with(folded, limit) if word != folded]


def _is_tag(begun: str) -> Q:
    return Q(key__startswith=text.fold(begun))
