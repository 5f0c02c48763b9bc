"""What a search can be narrowed by: for each file a few tokens `facet_value`, which no word of a text can be. No queries here."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING

from catalog.choices import FileKind, Presence, ProbeState
from catalog.search.query import Field
from mam.lib.resolution import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator


FACETS = tuple(field for field in Field if field is not Field.SIZE)  # in the order in which they are shown
MISSING = "missing"
YEARS = range(1900, 2100)
DURATIONS_MIN = (0, 1, 10, 30, 60, 180)  # lower bounds in minutes
HLS_PICTURE, HLS_SOUND = "h264", {"", "aac", "mp3"}  # codecs that browsers play as they are; "": no sound
_YEAR = re.compile(r"(?<!\d)(19[5-9]\d|20[0-4]\d)(?!\d)")
_UNSAFE = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=4096)
def facet_token(facet: Field, value: str | int) -> str:
    """The token of one value: `codec_h264`, `tag_12`."""
    return f"{facet}_{_UNSAFE.sub('', str(value).lower())}"


@lru_cache(maxsize=1 << 16)
def split_token(token: str) -> tuple[Field, str]:
    """Field and value of a token."""
    facet, _, value = token.partition("_")
    return Field(facet), value


def minutes_of(duration_ms: int) -> int:
    """Lower bound of the duration class, of DURATIONS_MIN."""
    return DURATIONS_MIN[bisect_right(DURATIONS_MIN, duration_ms / 60_000) - 1]


def minutes_up_to(minutes: int) -> int | None:
    """Where the duration class ends that begins at `minutes`; None: nowhere."""
    return next((end for end in DURATIONS_MIN if end > minutes), None)


def year_in(path: str) -> int | None:
    """The year a path names: the last one of its last part that names any."""
    for part in reversed(path.split("/")):
        years = _YEAR.findall(part)
        if years:
            return int(years[-1])
    return None


def technical_facets(
    *,
    kind: str,
    extension: str,
    presence: str,
    probe_state: str,
    video_codec: str,
    audio_codec: str,
    width_px: int | None,
    height_px: int | None,
    duration_ms: int | None,
) -> Iterator[str]:
    """Tokens of what is known of a file's bytes."""
    yield facet_token(Field.KIND, kind)
    if extension:
        yield facet_token(Field.CONTAINER, extension)
    yield facet_token(Field.STATE, presence)
    if probe_state in (ProbeState.PENDING, ProbeState.FAILED):
        yield facet_token(Field.STATE, probe_state)
    if video_codec or audio_codec:
        yield facet_token(Field.CODEC, video_codec or audio_codec)
    lines = lines_of(width_px, height_px)
    if lines is not None:
        yield facet_token(Field.RESOLUTION, lines)
    if duration_ms is not None:
        yield facet_token(Field.DURATION, minutes_of(duration_ms))
    if kind == FileKind.VIDEO and probe_state == ProbeState.DONE:
        yield facet_token(Field.HLS, "yes" if video_codec == HLS_PICTURE and audio_codec in HLS_SOUND else "no")


STATES = {*Presence.values, ProbeState.PENDING.value, ProbeState.FAILED.value}
