"""`manage.py probe PATH`: look into one file and show what is in it and what that cost; nothing is stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from catalog.choices import ProbeReason
from ingest.services import probing
from mam.lib import messages
from mam.lib.errors import MamError
from mam.lib.media import Description, Kind, ProbeOutcome, Stream, description_as_json

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Show what is in a media file: a local path, or SOURCE:path/in/source. Ends with 1 if it cannot be understood."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", help="a local file, or SOURCE:path/in/source")
        parser.add_argument("--json", action="store_true", help="everything, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = probing.probe_path(options["path"])
        except MamError as error:
            raise CommandError(messages.render(error.code, error.params, gettext)) from error
        except OSError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(as_json(outcome), ensure_ascii=False, indent=2))
        else:
            console = Console(file=self.stdout, highlight=False)  # type: ignore[arg-type]  # has write and flush, all it uses
            show(outcome, console)
        if not outcome.ok:
            raise CommandError(reason_text(outcome), returncode=1)


def as_json(outcome: ProbeOutcome) -> dict[str, Any]:
    """An outcome for programs."""
    return {
        "ok": outcome.ok,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "description": description_as_json(outcome.description) if outcome.description else None,
        "raw": outcome.raw,
        "sample_hash": outcome.sample_hash,
        "stage": outcome.stage,
        "bytes_read": outcome.bytes_read,
        "requests": outcome.requests,
        "elapsed_ms": outcome.elapsed_ms,
    }


def reason_text(outcome: ProbeOutcome) -> str:
    """Why there is nothing, or what is wrong with it, for people; "" if nothing is."""
    return str(ProbeReason(outcome.reason).label) if outcome.reason else ""


def show(outcome: ProbeOutcome, console: Console) -> None:
    """An outcome for people."""
    if outcome.description:
        console.print(_file_table(outcome.description, reason_text(outcome)))
        console.print(_stream_table(outcome.description))
    read = f"{outcome.bytes_read:,}"
    console.print(
        gettext("Read %(bytes)s bytes in %(requests)s requests, %(ms)s ms (%(stage)s).")
        % {"bytes": read, "requests": outcome.requests, "ms": outcome.elapsed_ms, "stage": outcome.stage}
    )


def _file_table(description: Description, complaint: str) -> Table:
    table = Table(show_header=False, box=None)
    seconds = description.duration
    rows = [
        (gettext("Container"), description.container),
        (gettext("Size"), f"{description.size_bytes:,}"),
        (gettext("Duration"), f"{float(seconds):.3f} s ({description.duration_ticks} × {description.duration_base})" if seconds else ""),
        (gettext("Bit rate"), f"{description.bit_rate_bps:,} bit/s" if description.bit_rate_bps else ""),
        (gettext("Recorded"), description.recorded_at.isoformat() if description.recorded_at else ""),
        (gettext("Start timecode"), description.start_timecode),
        (gettext("Rotation"), f"{description.rotation}°" if description.rotation else ""),
        (gettext("Chapters"), ", ".join(chapter.title for chapter in description.chapters)),
        (gettext("Remark"), complaint),
    ]
    for name, value in rows:
        if value:
            table.add_row(name, escape(value))
    return table


def _stream_table(description: Description) -> Table:
    table = Table("#", gettext("Kind"), gettext("Codec"), gettext("Format"), gettext("Language"), gettext("Title"), box=None)
    for stream in description.streams:
        codec = " ".join(part for part in (stream.codec, stream.profile) if part)
        table.add_row(str(stream.index), stream.kind, escape(codec), escape(_format(stream)), stream.language, escape(stream.title))
    return table


def _format(stream: Stream) -> str:
    if stream.kind is Kind.VIDEO:
        parts = [f"{stream.width_px}×{stream.height_px}", f"{stream.frame_rate} fps" if stream.frame_rate else "", stream.pixel_format]
        parts += [stream.field_order, stream.color_transfer]
    else:
        parts = [f"{stream.sample_rate_hz} Hz" if stream.sample_rate_hz else "", stream.channel_layout]
        parts += [f"{stream.channels} ch" if stream.channels and not stream.channel_layout else ""]
    return " ".join(part for part in parts if part)
