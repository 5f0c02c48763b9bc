"""A strict reader of playlists: what RFC 8216 demands, each demand an AssertionError that names its section.

Written from the RFC, not from our playlists; knows only the tags that a VOD of fragmented MP4 and WebVTT may have, and refuses others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

ENUMERATED, DECIMAL, FLOATING, RESOLUTION, QUOTED = "enumerated", "decimal", "floating", "resolution", "quoted"
_FORMS = {
    ENUMERATED: re.compile(r"[^\",\s]+"),
    DECIMAL: re.compile(r"[0-9]{1,20}"),
    FLOATING: re.compile(r"[0-9]+(\.[0-9]+)?"),
    RESOLUTION: re.compile(r"[1-9][0-9]*x[1-9][0-9]*"),
    QUOTED: re.compile(r'"[^"\r\n]*"'),
}
_ATTRIBUTE = re.compile(r'(?P<name>[A-Z0-9-]+)=(?P<value>"[^"\r\n]*"|[^",\s]+)')
_STREAM_INF = {
    "BANDWIDTH": DECIMAL,
    "AVERAGE-BANDWIDTH": DECIMAL,
    "CODECS": QUOTED,
    "RESOLUTION": RESOLUTION,
    "FRAME-RATE": FLOATING,
    "AUDIO": QUOTED,
    "SUBTITLES": QUOTED,
}
_MEDIA = {
    "TYPE": ENUMERATED,
    "URI": QUOTED,
    "GROUP-ID": QUOTED,
    "LANGUAGE": QUOTED,
    "NAME": QUOTED,
    "DEFAULT": ENUMERATED,
    "AUTOSELECT": ENUMERATED,
    "FORCED": ENUMERATED,
    "CHANNELS": QUOTED,
}
_MAP = {"URI": QUOTED, "BYTERANGE": QUOTED}
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_CODEC = re.compile(r"avc1\.[0-9A-Fa-f]{6}|mp4a\.40\.(2|5|29)|hvc1\.[0-9A-Za-z.]+")
_BYTERANGE = re.compile(r"(?P<length>[0-9]+)@(?P<offset>[0-9]+)")


@dataclass
class Rendition:
    """An EXT-X-MEDIA tag; quotes are off."""

    attributes: dict[str, str]


@dataclass
class Variant:
    """An EXT-X-STREAM-INF tag and its URI."""

    attributes: dict[str, str]
    uri: str


@dataclass
class Multivariant:
    """A multivariant playlist that broke no rule."""

    variants: list[Variant]
    renditions: list[Rendition]

    def of_type(self, type_: str) -> list[Rendition]:
        return [rendition for rendition in self.renditions if rendition.attributes["TYPE"] == type_]

    def uris(self) -> list[str]:
        """Every playlist that is named."""
        named = [rendition.attributes["URI"] for rendition in self.renditions if "URI" in rendition.attributes]
        return list(dict.fromkeys([*(variant.uri for variant in self.variants), *named]))


@dataclass
class MediaSegment:
    """One segment as its playlist tells it."""

    duration: Decimal
    uri: str
    offset: int | None = None
    length: int | None = None


@dataclass
class MediaPlaylist:
    """A media playlist that broke no rule."""

    target_duration: int
    map_uri: str | None = None
    map_length: int | None = None
    segments: list[MediaSegment] = field(default_factory=list)

    @property
    def duration(self) -> Decimal:
        return sum((segment.duration for segment in self.segments), Decimal(0))


def read_multivariant(text: str) -> Multivariant:
    """Read and check a multivariant playlist."""
    lines = _lines(text)
    version, is_independent = 0, False
    playlist = Multivariant([], [])
    pending: dict[str, str] | None = None
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if pending is not None:
            assert not line.startswith("#"), f"4.3.4.2: a URI line follows EXT-X-STREAM-INF, not {line!r}"
        if not line.startswith("#"):
            assert pending is not None, f"4.3.4.2: a URI without EXT-X-STREAM-INF: {line!r}"
            playlist.variants.append(Variant(pending, _uri(line)))
            pending = None
        elif name == "#EXT-X-VERSION":
            version = _version(value, version)
        elif name == "#EXT-X-INDEPENDENT-SEGMENTS":
            assert not is_independent and not value, "4.3.5.1: once, without a value"
            is_independent = True
        elif name == "#EXT-X-MEDIA":
            playlist.renditions.append(_rendition(value))
        elif name == "#EXT-X-STREAM-INF":
            pending = _stream_inf(value)
        else:
            raise AssertionError(f"4.1: {line!r} has no place in a multivariant playlist")
    assert pending is None and playlist.variants, "4.3.4.2: at least one variant, each with its URI"
    _check_groups(playlist)
    return playlist


def read_media(text: str) -> MediaPlaylist:
    """Read and check a media playlist of a whole film."""
    lines = _lines(text)
    assert lines[-1] == "#EXT-X-ENDLIST", "4.3.3.4: a whole film ends"
    reader = _MediaReader()
    for line in lines[1:-1]:
        reader.take(line)
    return reader.finish()


class _MediaReader:
    """The tags of a media playlist, one after the other."""

    def __init__(self) -> None:
        self.playlist = MediaPlaylist(0)
        self.seen: set[str] = set()
        self.version = 0
        self.duration: Decimal | None = None
        self.range: tuple[int, int] | None = None

    def take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if not line.startswith("#"):
            self._segment(line)
        elif name == "#EXTINF":
            self._extinf(value)
        elif name == "#EXT-X-BYTERANGE":
            assert self.duration is not None and self.range is None, "4.3.2.2: one EXT-X-BYTERANGE a segment"
            self.range = _byterange(value)
        else:
            assert not self.playlist.segments or name == "#EXT-X-MAP", f"4.3.3: {name} comes before the first segment"
            assert name not in self.seen, f"4.3.3: {name} only once"
            self.seen.add(name)
            self._head(name, value)

    def _head(self, name: str, value: str) -> None:
        if name == "#EXT-X-VERSION":
            self.version = _version(value, 0)
        elif name == "#EXT-X-TARGETDURATION":
            assert _FORMS[DECIMAL].fullmatch(value), "4.3.3.1: a decimal integer"
            self.playlist.target_duration = int(value)
        elif name == "#EXT-X-MEDIA-SEQUENCE":
            assert _FORMS[DECIMAL].fullmatch(value), "4.3.3.2: a decimal integer"
        elif name == "#EXT-X-PLAYLIST-TYPE":
            assert value == "VOD", "4.3.3.5: a whole film is VOD"
        elif name == "#EXT-X-INDEPENDENT-SEGMENTS":
            assert not value, "4.3.5.1: no value"
        elif name == "#EXT-X-MAP":
            self._map(value)
        else:
            raise AssertionError(f"4.1: {name} has no place in a media playlist")

    def _map(self, value: str) -> None:
        assert not self.playlist.segments, "4.3.2.5: one EXT-X-MAP for all segments"
        attributes = _attributes(value, _MAP)
        self.playlist.map_uri = _uri(attributes["URI"])
        if "BYTERANGE" in attributes:
            self.playlist.map_length, offset = _byterange(attributes["BYTERANGE"])
            assert offset == 0

    def _extinf(self, value: str) -> None:
        assert self.duration is None, "4.3.2.1: a URI follows each EXTINF"
        number, comma, _title = value.partition(",")
        assert comma, "4.3.2.1: a comma follows the duration"
        assert _FORMS[FLOATING].fullmatch(number), f"4.3.2.1: {number!r} is no duration"
        self.duration = Decimal(number)
        assert self.duration > 0, "a segment without length"

    def _segment(self, line: str) -> None:
        assert self.duration is not None, "4.3.2.1: each segment has an EXTINF"
        length, offset = self.range if self.range is not None else (None, None)
        self.playlist.segments.append(MediaSegment(self.duration, _uri(line), offset, length))
        self.duration = self.range = None

    def finish(self) -> MediaPlaylist:
        playlist = self.playlist
        assert self.duration is None and playlist.segments, "4.3.2.1: a URI follows each EXTINF; there are segments"
        assert "#EXT-X-TARGETDURATION" in self.seen, "4.3.3.1: EXT-X-TARGETDURATION is required"
        assert "#EXT-X-PLAYLIST-TYPE" in self.seen
        for segment in playlist.segments:
            rounded = int(segment.duration.quantize(Decimal(1), ROUND_HALF_UP))
            assert rounded <= playlist.target_duration, f"4.3.3.1: {segment.duration} exceeds {playlist.target_duration}"
        assert self.version >= self._needed_version(), f"7: version {self.version} is too low"
        self._check_ranges()
        return playlist

    def _needed_version(self) -> int:
        if self.playlist.map_uri is not None:
            return 6
        has_ranges = any(segment.length is not None for segment in self.playlist.segments)
        return 4 if has_ranges else 3

    def _check_ranges(self) -> None:
        """Ours lie back to back: any hole or overlap is an error of the writer, though the RFC would allow it."""
        ends: dict[str, int] = {}
        if self.playlist.map_uri and self.playlist.map_length is not None:
            ends[self.playlist.map_uri] = self.playlist.map_length
        for segment in self.playlist.segments:
            if segment.length is not None:
                assert segment.length > 0
                assert segment.offset == ends.get(segment.uri, 0), f"a hole before {segment}"
                ends[segment.uri] = segment.offset + segment.length


def _lines(text: str) -> list[str]:
    assert not text.startswith("\ufeff"), "4: no byte order mark"
    assert text.endswith("\n"), "4.1: lines end"
    assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", text), "4: no control characters but line ends"
    lines = text.replace("\r\n", "\n").split("\n")[:-1]
    assert lines[0] == "#EXTM3U", "4.3.1.1: the first line"
    assert all(line == line.strip() and line for line in lines), "4.1: no white space around lines; ours have no empty ones"
    return lines


def _version(value: str, before: int) -> int:
    assert before == 0, "4.3.1.2: EXT-X-VERSION only once"
    assert _FORMS[DECIMAL].fullmatch(value)
    return int(value)


def _uri(text: str) -> str:
    assert re.fullmatch(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", text), f"RFC 3986: {text!r} is no URI"
    assert not re.search(r"%(?![0-9A-Fa-f]{2})", text), f"RFC 3986: {text!r}"
    return text


def _byterange(value: str) -> tuple[int, int]:
    match = _BYTERANGE.fullmatch(value)
    assert match, f"4.3.2.2: {value!r}"
    return int(match["length"]), int(match["offset"])


def _attributes(text: str, known: dict[str, str]) -> dict[str, str]:
    """4.2: name=value, separated by commas and nothing else; each name once, each value in its form."""
    found: dict[str, str] = {}
    rest = text
    while rest:
        match = _ATTRIBUTE.match(rest)
        assert match, f"4.2: {rest!r} is no attribute"
        name, value = match["name"], match["value"]
        assert name in known, f"4.3: {name} is unknown here"
        assert name not in found, f"4.2: {name} twice"
        assert _FORMS[known[name]].fullmatch(value), f"4.2: {name}={value} is no {known[name]}"
        found[name] = value.strip('"')
        rest = rest[match.end() :]
        assert not rest or rest[0] == ",", f"4.2: a comma before {rest!r}"
        assert rest != ",", "4.2: nothing after the last comma"
        rest = rest[1:]
    return found


def _stream_inf(text: str) -> dict[str, str]:
    attributes = _attributes(text, _STREAM_INF)
    assert int(attributes["BANDWIDTH"]) > 0, "4.3.4.2: BANDWIDTH is required"
    if "AVERAGE-BANDWIDTH" in attributes:
        assert 0 < int(attributes["AVERAGE-BANDWIDTH"]) <= int(attributes["BANDWIDTH"])
    for codec in attributes["CODECS"].split(","):  # 4.3.4.2: SHOULD be there; ours must
        assert _CODEC.fullmatch(codec), f"RFC 6381: {codec!r}"
    if "FRAME-RATE" in attributes:
        assert re.fullmatch(r"[0-9]+\.[0-9]{3}", attributes["FRAME-RATE"]), "4.3.4.2: three decimals"
        assert "RESOLUTION" in attributes
    has_video = any(codec.startswith(("avc1", "hvc1")) for codec in attributes["CODECS"].split(","))
    assert has_video == ("RESOLUTION" in attributes), "4.3.4.2: RESOLUTION where there is video"
    return attributes


def _rendition(text: str) -> Rendition:
    attributes = _attributes(text, _MEDIA)
    assert attributes["TYPE"] in {"AUDIO", "SUBTITLES"}, "4.3.4.1"
    assert attributes["GROUP-ID"] and attributes["NAME"], "4.3.4.1: both are required"
    assert attributes.get("DEFAULT", "NO") in {"YES", "NO"}
    assert attributes.get("AUTOSELECT", "NO") in {"YES", "NO"}
    assert not (attributes.get("DEFAULT") == "YES" and attributes.get("AUTOSELECT") == "NO"), "4.3.4.1: a default is selected"
    assert ("FORCED" not in attributes) or attributes["TYPE"] == "SUBTITLES", "4.3.4.1: FORCED is for subtitles"
    if attributes["TYPE"] == "SUBTITLES":
        assert "URI" in attributes, "4.3.4.1: subtitles have a URI"
    if "LANGUAGE" in attributes:
        assert _LANGUAGE.fullmatch(attributes["LANGUAGE"]), f"RFC 5646: {attributes['LANGUAGE']!r}"
    if "CHANNELS" in attributes:
        assert attributes["TYPE"] == "AUDIO" and attributes["CHANNELS"].isdigit()
    if "URI" in attributes:
        _uri(attributes["URI"])
    return Rendition(attributes)


def _check_groups(playlist: Multivariant) -> None:
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for rendition in playlist.renditions:
        groups.setdefault((rendition.attributes["TYPE"], rendition.attributes["GROUP-ID"]), []).append(rendition.attributes)
    for members in groups.values():
        names = [member["NAME"] for member in members]
        assert len(names) == len(set(names)), "4.3.4.1.1: names differ in a group"
        assert sum(member.get("DEFAULT") == "YES" for member in members) <= 1, "4.3.4.1.1: one default in a group"
    for variant in playlist.variants:
        for type_ in ("AUDIO", "SUBTITLES"):
            if type_ in variant.attributes:
                assert (type_, variant.attributes[type_]) in groups, f"4.3.4.2: no group {variant.attributes[type_]}"
    used = {
        (type_, variant.attributes[type_])
        for variant in playlist.variants
        for type_ in ("AUDIO", "SUBTITLES")
        if type_ in variant.attributes
    }
    assert used == set(groups), "a group that no variant names"
