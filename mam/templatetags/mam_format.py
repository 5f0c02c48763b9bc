"""How values are written for people: one place each, in the reader's language. Filters answer "–" for what is not known.

Units: sizes are decimal (1 kB = 1,000 bytes), rates are bits per second, durations milliseconds, frame rates exact fractions.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from django import template
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mam.lib import messages
from mam.lib import timecode as timecodes
from mam.lib.resolution import RESOLUTIONS, lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.utils.safestring import SafeString

register = template.Library()

UNKNOWN = "–"
_NO_BREAK = "\u00a0"
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_BIT_RATE_UNITS = ("bps", "kbps", "Mbps", "Gbps")
_RESOLUTION_NAMES = {480: "SD", 2160: "4K", 4320: "8K"}  # of those that are not called by their lines
CODEC_NAMES = {
    "h264": "H.264",
    "hevc": "HEVC",
    "av1": "AV1",
    "vp8": "VP8",
    "vp9": "VP9",
    "prores": "ProRes",
    "dnxhd": "DNxHD",
    "mpeg2video": "MPEG-2",
    "mpeg4": "MPEG-4",
    "mjpeg": "Motion JPEG",
    "rawvideo": "Raw",
    "aac": "AAC",
    "ac3": "AC-3",
    "eac3": "E-AC-3",
    "mp2": "MP2",
    "mp3": "MP3",
    "opus": "Opus",
    "vorbis": "Vorbis",
    "flac": "FLAC",
    "subrip": "SRT",
    "webvtt": "WebVTT",
    "mov_text": "Timed text",
}
_CONTAINER_NAMES = {"matroska": "Matroska", "webm": "WebM", "mpegts": "MPEG-TS", "mov": "QuickTime"}

# Unit of a job's progress -> (an amount, an amount of a total), with {done} and {total} already written out.
AMOUNT_TEXTS = {
    "plain": (gettext_lazy("{done}"), gettext_lazy("{done} of {total}")),
    "files": (gettext_lazy("{done} files"), gettext_lazy("{done} of {total} files")),
    "folders": (gettext_lazy("{done} folders"), gettext_lazy("{done} of {total} folders")),
    "frames": (gettext_lazy("{done} frames"), gettext_lazy("{done} of {total} frames")),
    "entries": (gettext_lazy("{done} entries"), gettext_lazy("{done} of {total} entries")),
}


@register.filter("bytes")
def format_bytes(size_bytes: int | None) -> str:
    """1234567 -> "1.23 MB": three digits at most, none after the point below 1 kB."""
    return UNKNOWN if size_bytes is None else _scaled(size_bytes, _BYTE_UNITS)


@register.filter("bit_rate")
def format_bit_rate(bit_rate_bps: int | None) -> str:
    """8012345 -> "8.01 Mbps"."""
    return UNKNOWN if bit_rate_bps is None else _scaled(bit_rate_bps, _BIT_RATE_UNITS)


@register.filter("number")
def format_number(value: int | None) -> str:
    """12345 -> "12,345"."""
    return UNKNOWN if value is None else number_format(value, use_l10n=True, force_grouping=True)


@register.filter("percent")
def format_percent(share: float | Fraction | None) -> str:
    """Share of one -> whole percent, rounded down so that 100 % means done: 0.999 -> "99%"."""
    return UNKNOWN if share is None else f"{int(share * 100)}%"


@register.simple_tag
def progress_amount(done: int, total: int | None, unit: str) -> str:
    """How far a job is, in its own unit: "1,200 of 5,000 files", "1.2 GB of 5.0 GB"; without a total only what is done."""
    write = format_bytes if unit == "bytes" else format_number
    amount, amount_of = AMOUNT_TEXTS.get(unit, AMOUNT_TEXTS["plain"])
    return str(amount if total is None else amount_of).format(done=write(done), total=write(total))


@register.filter("duration_ms")
def format_duration(duration_ms: int | None) -> str:
    """3723004 -> "1:02:03"; under an hour "2:03". Rounded to the nearest second."""
    if duration_ms is None:
        return UNKNOWN
    minutes, seconds = divmod(int(Fraction(duration_ms, 1000) + Fraction(1, 2)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.filter("duration_until")
def format_duration_until(start: datetime, end: datetime) -> str:
    """`{{ job.started_at|duration_until:job.finished_at }}` -> "1:02:03"."""
    return format_duration(int((end - start).total_seconds() * 1000))


@register.filter("frame_rate")
def format_frame_rate(rate: Fraction | int | None) -> str:
    """Fraction(30000, 1001) -> "29.97 fps", Fraction(25) -> "25 fps"; three decimals at most, zeros at the end cut."""
    if not rate:
        return UNKNOWN
    text = f"{float(round(Fraction(rate), 3)):.3f}".rstrip("0").rstrip(".")
    return f"{number_format(text, use_l10n=True)}{_NO_BREAK}fps"


@register.filter("resolution")
def format_resolution(width_px: int | None, height_px: int | None) -> str:
    """`{{ file.width_px|resolution:file.height_px }}` -> "1920 × 1080"."""
    return f"{width_px}{_NO_BREAK}×{_NO_BREAK}{height_px}" if width_px and height_px else UNKNOWN


@register.filter("resolution_class")
def classify_resolution(width_px: int | None, height_px: int | None) -> str:
    """`{{ file.width_px|resolution_class:file.height_px }}` -> "1080p", "4K", "SD"; "" when not known."""
    lines = lines_of(width_px, height_px)
    return "" if lines is None else name_resolution(lines)


def name_resolution(lines: int) -> str:
    """The class with this lower bound, of `RESOLUTIONS`, as people call it."""
    return _RESOLUTION_NAMES.get(lines, f"{lines}p") if lines else _("under %(lines)sp") % {"lines": RESOLUTIONS[1]}


def format_names(names: Sequence[str], most: int = 3) -> str:
    """The first of them, for a sentence: "A, B, C, …"."""
    return ", ".join([*names[:most], *(["…"] if len(names) > most else [])])


@register.filter("codec_name")
def format_codec(codec: str) -> str:
    """FFmpeg's codec name -> the name people know: "h264" -> "H.264"; others in capitals."""
    return CODEC_NAMES.get(codec, codec.upper().replace("_", " ")) if codec else UNKNOWN


@register.filter("container_name")
def format_container(container: str, extension: str = "") -> str:
    """FFmpeg's name of a container, or its names for a family of them -> one that people know: "mov,mp4,m4a" -> "MP4"."""
    names = container.split(",")
    name = extension.lower() if extension.lower() in names else names[0]
    return _CONTAINER_NAMES.get(name, name.upper()) if container else UNKNOWN


@register.simple_tag
def timecode(frame: int | None, rate: Fraction | None, *, is_drop_frame: bool = False) -> str:
    """`{% timecode frame file.frame_rate is_drop_frame=file.is_drop_frame %}` -> "01:00:00;02"."""
    if frame is None or not rate:
        return UNKNOWN
    return timecodes.label(frame, rate, is_drop_frame=is_drop_frame)


@register.filter("relative_time")
def format_relative_time(moment: datetime | None) -> str | SafeString:
    """`<time>` with "3 minutes ago", and the absolute time in the viewer's zone as title; static/js/time.js keeps it fresh."""
    if moment is None:
        return UNKNOWN
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>', moment.isoformat(), format_absolute_time(moment), _relative_words(moment)
    )


@register.filter("absolute_time")
def format_absolute_time(moment: datetime | None) -> str:
    """Date and time to the second in the viewer's zone, with the zone's name."""
    if moment is None:
        return UNKNOWN
    local = timezone.localtime(moment)
    return f"{local.replace(tzinfo=None).isoformat(' ', 'seconds')} {local.tzname()}"  # Django's own formats take ten times as long


@register.filter("from_ns")
def moment_from_ns(nanoseconds: int | None) -> datetime | None:
    """Nanoseconds since 1970 (a file's mtime) -> aware datetime; None for what no calendar holds."""
    if nanoseconds is None:
        return None
    try:
        return datetime.fromtimestamp(nanoseconds / 1_000_000_000, tz=timezone.get_default_timezone())
    except (OverflowError, ValueError, OSError):
        return None


def _scaled(value: int, units: tuple[str, ...]) -> str:
    """`value` in the largest unit that keeps it at one or more; three digits. Decimal steps of 1,000."""
    size, divisor, unit = abs(value), 1, units[0]
    for unit in units:
        # 999.5 would be written as 1000: it belongs to the next unit.
        if 2 * size < 1999 * divisor or unit == units[-1]:
            break
        divisor *= 1000
    decimals = 0 if unit == units[0] or 20 * size >= 1999 * divisor else 1 if 200 * size >= 1999 * divisor else 2
    return f"{number_format(f'{value / divisor:.{decimals}f}', use_l10n=True)}{_NO_BREAK}{unit}"


def _relative_words(moment: datetime) -> str:
    """Words for the distance to now; a date from 30 days on. The future is said too ("in 5 minutes")."""
    seconds = int((timezone.now() - moment).total_seconds())
    size = abs(seconds)
    if size < 10:
        return _("just now")
    if size < 60:
        return _ago(seconds, ngettext("%(count)d second", "%(count)d seconds", size) % {"count": size})
    if size < 3600:
        return _ago(seconds, ngettext("%(count)d minute", "%(count)d minutes", size // 60) % {"count": size // 60})
    if size < 86_400:
        return _ago(seconds, ngettext("%(count)d hour", "%(count)d hours", size // 3600) % {"count": size // 3600})
    if size < 30 * 86_400:
        return _ago(seconds, ngettext("%(count)d day", "%(count)d days", size // 86_400) % {"count": size // 86_400})
    return timezone.localtime(moment).date().isoformat()


def _ago(seconds: int, words: str) -> str:
    return _("%(time)s ago") % {"time": words} if seconds > 0 else _("in %(time)s") % {"time": words}


@register.simple_tag
def message_text(code: str, params: Mapping[str, object] | None = None) -> str:
    """`{% message_text source.state_code source.state_params %}`: a stored code in the reader's words; "" for no code."""
    return messages.render(code, params or {}, _) if code else ""
