"""How a path says what work a file belongs to. Pure: no database, no IO, no Django.

A path here is relative to its source's root, NFC, "/" between names, with the file's own name at its end. The rules of curators are tried
in order, the first that matches wins; the built-in rule takes what is left, and every path.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import re2

from catalog import text
from catalog.errors import PathRuleError, RuleGroupMissingError, RuleGroupUnknownError, RulePatternError, RulePatternTooLongError

logger = logging.getLogger(__name__)

CATALOG_MAX = SERIES_MAX = 120
TITLE_MAX = GROUP_MAX = 255
PATTERN_MAX = 2000
GROUPS = ("catalog", "series", "title", "year", "part")
OTHERS_KEY = "others"  # of the series that takes what lies directly in a catalog

_YEAR = re.compile(r"(?<!\d)(19[5-9]\d|20\d\d)(?!\d|[-._]\d)")  # a date ("2024-05-01", "20240501") is no year
_BORDER = r"[\s_.\-()\[\]]"
# "Part2", "pt2", "part_2", "CD 2" between borders; the Hangul forms may follow a word without one: "파트2", "2부", "제2부".
_PART = re.compile(
    rf"(?:(?:^|(?<={_BORDER}))[(\[]?(?:part|pt|cd|disc|disk)[\s_.\-]?(?P<latin>\d{{1,3}})"
    rf"|[(\[]?파트[\s_.\-]?(?P<korean>\d{{1,3}})"
    rf"|[(\[]?(?<!\d)(?:제\s?)?(?P<counted>\d{{1,3}})부)"
    rf"[)\]]?(?=$|{_BORDER})",
    re.IGNORECASE,
)
# The shortest of each, in folded text: most names have none, and of the others only what follows is searched.
_MAYBE_PART = re.compile(r"p(?:art|t)|cd|d(?:[iı]\u0307?)s[ck]|파트|부")  # "İ" folded is two characters
_DASHES = re.compile(r"\s-(?:\s-)+(?=\s|$)")
_EDGES = " -–—_.,"
_LANGUAGE_SUFFIX = re.compile(r"[._\-][a-z]{2,3}(?:[_\-][a-z]{2,4})?(?:[._\-](?:forced|sdh|cc))?$", re.IGNORECASE)


class Place(NamedTuple):
    """Where a file belongs. Files of one catalog, series and `group` are parts or versions of one content."""

    catalog: str
    series: str | None  # None: the catalog's own series for everything else
    title: str
    group: str
    year: int | None = None
    part: int | None = None

    @property
    def catalog_key(self) -> str:
        """Of `Catalog.key`."""
        return text.bounded_key(self.catalog, CATALOG_MAX)

    @property
    def series_key(self) -> str:
        """Of `Series.key`."""
        return OTHERS_KEY if self.series is None else text.bounded_key(self.series, SERIES_MAX)

    @property
    def content_key(self) -> str:
        """Of `Content.key`."""
        return text.bounded_key(self.group, GROUP_MAX)


def place_by_default(path: str, *, source_name: str) -> Place:
    """The built-in rule. Never fails: a file in the root of its source belongs to a catalog named after the source.

    The first folder is the catalog, the first folder below it with a year in its name the series, else the second folder, else
    the catalog's own. The file name gives title and part; equal titles in different folders stay different contents.
    """
    folder, _slash, name = text.nfc(path).rpartition("/")
    return _place_below(_folders_of(folder, source_name), name)


def _place_below(above: _Folders, name: str) -> Place:
    stem = text.split_extension(name)[0]
    title, part = split_part(stem)
    if not title:  # "Day 1/Part2.mp4": the folder names the work
        title, part = (clean(above.inner[-1]), part) if above.inner else (clean(stem), None)
    title = title or name
    return Place(above.catalog, above.series, title, f"{above.prefix}{title}", above.year, part)


class _Folders(NamedTuple):
    """What the folders above a file say."""

    catalog: str
    series: str | None
    year: int | None
    inner: tuple[str, ...]  # below the catalog, without the series
    prefix: str  # of the contents' group


@lru_cache(maxsize=1024)  # the files of a folder come one after another
def _folders_of(folder: str, source_name: str) -> _Folders:
    folders = [text.tidy(name) or name for name in folder.split("/")] if folder else []
    catalog, below = (folders[0], folders[1:]) if folders else (text.tidy(source_name) or source_name, [])
    dated = (index for index, name in enumerate(below) if _YEAR.search(name))
    at = next(dated, 0)
    series = below[at] if below else None
    inner = (*below[:at], *below[at + 1 :])
    return _Folders(catalog, series, _year(series), inner, "".join(f"{name}/" for name in inner))


def split_part(stem: str) -> tuple[str, int | None]:
    """(title, part number): "ME_Day1_Part2" -> ("ME Day1", 2). The title may be "" when there is nothing else. Other suffixes stay."""
    folded, found = text.fold(stem), None
    hint = _MAYBE_PART.search(folded)
    if hint is not None:
        start = max(0, hint.start() - len("[")) if stem.isascii() else 0  # Hangul has more before it, and folding may move it
        for found in _PART.finditer(stem, start):  # noqa: B007  (the last one counts)
            pass
    if found is None:
        return clean(stem), None
    number = found["latin"] or found["korean"] or found["counted"]
    return clean(f"{stem[: found.start()]} {stem[found.end() :]}"), int(number)


def clean(stem: str) -> str:
    """A title out of a file name: "_" and "." are spaces, runs of space are one, nothing hangs over at the ends."""
    spaced = text.tidy(stem.replace("_", " ").replace(".", " ").replace("( )", " "))
    joined = _DASHES.sub(" -", spaced) if " - -" in spaced else spaced
    return joined.strip(_EDGES) or spaced


def sidecar_stems(name: str) -> list[str]:
    """Keys of the stems a subtitle file may share with its video, the likeliest first: "a.ko.srt" -> ["a.ko", "a"]."""
    stem = text.split_extension(name)[0]
    return list(dict.fromkeys([text.fold(stem), text.fold(_LANGUAGE_SUFFIX.sub("", stem))]))


@dataclass(frozen=True, slots=True)
class Rule:
    """A curator's rule, ready for use. Made by `compile_rule`."""

    name: str
    expression: Any  # a compiled RE2 expression: linear time, whatever the pattern and the path
    source_id: int | None = None
    catalog_name: str = ""
    series_name: str = ""
    pk: int | None = None  # None: not stored
    groups: tuple[tuple[str, int], ...] = ()  # names of the expression's groups, and their numbers

    def place(self, path: str) -> Place | None:
        """Where the rule puts `path`; None when it does not match, or leaves catalog, series or title empty."""
        match = self.expression.search(_without_extension(text.nfc(path)))
        if match is None:
            return None
        found = {name: match[number] or "" for name, number in self.groups}
        catalog = self.catalog_name or text.tidy(found.get("catalog", ""))
        series = self.series_name or text.tidy(found.get("series", ""))
        words = found["title"].replace("/", " - ")
        title, part = (clean(words), _number(found["part"])) if "part" in found else split_part(words)
        if not (catalog and series and title):
            return None
        return Place(catalog=catalog, series=series, title=title, group=title, year=_year(found.get("year") or series), part=part)

    def spans(self, path: str) -> list[tuple[str, int, int]]:
        """Where in `path` (NFC) the groups of a match lie: (name, start, end), in order; of two that overlap the first. [] without one."""
        match = self.expression.search(_without_extension(path))
        if match is None:
            return []
        found = sorted((*match.span(number), name) for name, number in self.groups)
        spans: list[tuple[str, int, int]] = []
        for start, end, name in found:
            if 0 <= start < end and (not spans or start >= spans[-1][2]):
                spans.append((name, start, end))
        return spans


def compile_rule(
    *, name: str, pattern: str, source_id: int | None = None, catalog_name: str = "", series_name: str = "", pk: int | None = None
) -> Rule:
    """A rule ready for use. Raises a PathRuleError that says what is wrong with the pattern."""
    if len(pattern) > PATTERN_MAX:
        raise RulePatternTooLongError(max_length=PATTERN_MAX)
    options = re2.Options()
    options.log_errors = False
    try:
        expression = re2.compile(pattern, options)
    except re2.error as error:
        raise RulePatternError(detail=_said(error)) from error
    groups = dict(expression.groupindex)
    for unknown in sorted(groups.keys() - set(GROUPS)):
        raise RuleGroupUnknownError(group=unknown, known=", ".join(GROUPS))
    for group, stands_for in (("title", ""), ("catalog", catalog_name), ("series", series_name)):
        if group not in groups and not stands_for:
            raise RuleGroupMissingError(group=group)
    return Rule(
        name=name,
        expression=expression,
        source_id=source_id,
        catalog_name=text.tidy(catalog_name),
        series_name=text.tidy(series_name),
        pk=pk,
        groups=tuple(groups.items()),
    )


class StoredRule(Protocol):
    """What a rule is compiled from: a `PathRule`, stored or only drafted, or its columns. `pk` None: not stored."""

    @property
    def pk(self) -> Any: ...
    @property
    def name(self) -> str: ...
    @property
    def pattern(self) -> str: ...
    @property
    def source_id(self) -> int | None: ...
    @property
    def catalog_name(self) -> str: ...
    @property
    def series_name(self) -> str: ...


def compile_stored(row: StoredRule) -> Rule:
    """A stored or drafted rule, ready for use. PathRuleError."""
    return compile_rule(
        pk=row.pk,
        name=row.name,
        pattern=row.pattern,
        source_id=row.source_id,
        catalog_name=row.catalog_name,
        series_name=row.series_name,
    )


def compile_usable(rows: Iterable[StoredRule]) -> list[Rule]:
    """The rules that can be used. What was stored once may be refused by a later RE2: that one is logged and left out."""
    rules = []
    for row in rows:
        try:
            rules.append(compile_stored(row))
        except PathRuleError as error:
            logger.warning("path rule %s is left out: %s", row.name, error)
    return rules


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules in their order, with the built-in one behind them."""

    rules: Sequence[Rule] = field(default_factory=tuple)

    def place(self, path: str, *, source_id: int, source_name: str) -> Place:
        """Where a file belongs: by the first rule for its source that matches, else by the built-in rule."""
        if not self.rules:
            return place_by_default(path, source_name=source_name)
        return self.explain(path, source_id=source_id, source_name=source_name)[1]

    def place_in(self, folder: str, names: Iterable[str], *, source_id: int, source_name: str) -> Iterator[Place]:
        """As `place`, of the files in one folder."""
        if self.rules:
            paths = (f"{folder}/{name}" if folder else name for name in names)
            return (self.place(path, source_id=source_id, source_name=source_name) for path in paths)
        above = _folders_of(text.nfc(folder), source_name)
        return (_place_below(above, text.nfc(name)) for name in names)

    def explain(self, path: str, *, source_id: int, source_name: str) -> tuple[Rule | None, Place]:
        """As `place`, with the rule that decided; None is the built-in one."""
        for rule in self.rules:
            if rule.source_id in {None, source_id} and (place := rule.place(path)) is not None:
                return rule, place
        return None, place_by_default(path, source_name=source_name)


class Verdict(NamedTuple):
    """Which rule decides about a path (None: the built-in one), and where it puts it."""

    rule: Rule | None
    place: Place


class Trial:
    """Two rule books side by side: what becomes different by changing the rules from one to the other.

    A rule that says the same in both must be one object. `also`: a rule that is in question though it may not differ.
    `source_ids`: sources whose files may be decided about differently; None: any.
    """

    def __init__(self, before: RuleBook, after: RuleBook, also: Rule | None = None) -> None:
        self.before, self.after = before, after
        found = {rule.source_id for rule in (*_differing(before.rules, after.rules), *([also] if also else []))} or {None}
        self.source_ids = None if None in found else {pk for pk in found if pk is not None}

    def compare(self, path: str, *, source_id: int, source_name: str) -> tuple[Verdict, Verdict]:
        """What each says about a path; one object where both say the same."""
        placed: dict[int, Place | None] = {}
        by_default: list[Place] = []

        def decide(book: RuleBook) -> Verdict:
            for rule in book.rules:
                if (place := _place_once(rule, path, source_id, placed)) is not None:
                    return Verdict(rule, place)
            if not by_default:
                by_default.append(place_by_default(path, source_name=source_name))
            return Verdict(None, by_default[0])

        before = decide(self.before)
        after = decide(self.after)
        return before, before if after == before else after


def _place_once(rule: Rule, path: str, source_id: int, placed: dict[int, Place | None]) -> Place | None:
    """`rule.place`, asked once for each path."""
    if id(rule) not in placed:
        placed[id(rule)] = rule.place(path) if rule.source_id in {None, source_id} else None
    return placed[id(rule)]


def _differing(before: Sequence[Rule], after: Sequence[Rule]) -> Iterator[Rule]:
    """Rules between the first and the last place where the books differ. A path that none of them matches is decided about alike."""
    start = 0
    while start < min(len(before), len(after)) and before[start] is after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] is after[-1 - end]:
        end += 1
    yield from before[start : len(before) - end]
    yield from after[start : len(after) - end]


def preview(rule: Rule, paths: Iterable[str]) -> list[tuple[str, Place | None]]:
    """Each path with where `rule` would put it (None: it does not match), for the person who writes the rule."""
    return [(path, rule.place(path)) for path in paths]


def _without_extension(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{text.split_extension(name)[0]}"


def _year(words: str | None) -> int | None:
    found = _YEAR.search(words or "")
    return int(found[1]) if found else None


def _number(digits: str) -> int | None:
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 4 else None


def _said(error: Exception) -> str:
    """RE2's own words; its Python wrapper gives bytes."""
    words = error.args[0] if error.args else ""
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)
