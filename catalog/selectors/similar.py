"""Files with similar names: other parts, versions and days of the same thing. The index finds candidates, letters rank them."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from rapidfuzz import fuzz

from catalog import text
from catalog.choices import Presence
from catalog.models import MediaFile
from catalog.search.engines import engine
from catalog.search.facets import MISSING, facet_token
from catalog.search.query import Field, Query, Term
from catalog.search.tokens import pieces, query_tokens, words
from catalog.search.wanted import Wanted
from catalog.selectors.files import list_files
from mam.lib.bulk import among, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catalog.search.wanted import Tokens
    from catalog.selectors.scope import Reader

LIMIT = 12
_CANDIDATES = 200  # newest files with the words, that are compared
_MAX_TOKENS = 6  # each is a list of up to all files that has to be walked
_MAX_OF_CONTENT = 3  # parts of one other content that are shown
_MIN_LIKENESS = 60  # of 100; below it names share words and nothing else


class Similar(NamedTuple):
    """Files whose names are like one's; the most alike first."""

    files: list[MediaFile]
    query: str  # what finds all of them in the search, and more


def find_similar(*, user: Reader, file: MediaFile, limit: int = LIMIT) -> Similar:
    """Files whose names have the words of this one's, whatever their numbers. None for a name without words.

    Neither the other files of its content nor its copies are among them: a file's page shows those anyway.
    """
    asked = wanted = _words_of(file)
    files = list_files(user=user).exclude(presence=Presence.MISSING)
    stem = text.split_extension(file.name_key)[0]
    found: dict[int, tuple[float, int | None]] = {}  # id -> likeness, content
    alike: list[int] = []
    for some in _fewer_and_fewer(asked):
        ids = engine(Wanted(tuple((word.tokens,) for word in some), excluded=(_MISSING,))).newest(_CANDIDATES)
        for pk, name_key, content_id in _others(file, ids):
            likeness = fuzz.token_sort_ratio(stem, text.split_extension(name_key)[0])
            if likeness >= _MIN_LIKENESS and pk not in found:
                found[pk], wanted = (likeness, content_id), some
        if len(alike := _most_alike(found, limit)) == limit:
            break
    return Similar(in_order(files.prefetch_related("tags"), alike), str(Query(tuple(Term(word.text) for word in wanted))))


def may_have_similar(file: MediaFile) -> bool:
    """Whether there is anything to look for: its name has words."""
    return bool(_words_of(file))


class _Word(NamedTuple):
    """Of a name: as it is written, and as the index has it."""

    text: str
    tokens: Tokens


def _words_of(file: MediaFile) -> list[_Word]:
    """The first words of a name, without numbers and single letters as those of S01E02; each once, in their order."""
    found = (piece for word in words(text.split_extension(file.name)[0]) for piece in pieces(word))
    asked = [_Word(piece, tuple(query_tokens(piece))) for piece in dict.fromkeys(found) if len(piece) > 1 and not piece.isdigit()]
    sums = accumulate(len(word.tokens) for word in asked)
    return [word for index, (word, total) in enumerate(zip(asked, sums, strict=True)) if not index or total <= _MAX_TOKENS]


def _fewer_and_fewer(asked: list[_Word]) -> Iterator[list[_Word]]:
    """All words; then only the first of them, for names begin with what they are about, and end with what tells one from another."""
    for count in dict.fromkeys((len(asked), (2 * len(asked) + 2) // 3, (len(asked) + 1) // 2)):
        if count:
            yield asked[:count]


def _most_alike(found: dict[int, tuple[float, int | None]], limit: int) -> list[int]:
    """The best of them, of each content only some."""
    shown: Counter[int] = Counter()
    best: list[int] = []
    for pk, (_likeness, content_id) in sorted(found.items(), key=lambda item: (-item[1][0], -item[0])):
        if content_id is not None:
            shown[content_id] += 1
        if content_id is None or shown[content_id] <= _MAX_OF_CONTENT:
            best.append(pk)
        if len(best) == limit:
            break
    return best


def _others(file: MediaFile, ids: list[int]) -> Iterator[tuple[int, str, int | None]]:
    """Those of `ids` that are neither the file, nor of its content, nor copies of it: id, name, content."""
    rows = MediaFile.objects.filter(pk__in=among(ids)).order_by().values_list("pk", "name_key", "content_id", "sample_hash", "size_bytes")
    for pk, name_key, content_id, sample_hash, size_bytes in rows:
        is_sibling = file.content_id is not None and content_id == file.content_id
        is_copy = bool(sample_hash) and (sample_hash, size_bytes) == (file.sample_hash, file.size_bytes)
        if pk != file.pk and not is_sibling and not is_copy:
            yield pk, name_key, content_id


_MISSING = (facet_token(Field.STATE, MISSING),)
