"""Tables of curated metadata: exported, uploaded, checked, applied and taken back."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from catalog.models import Content, MediaFile, MetadataImport, Series
from catalog.selectors import metadata
from catalog.services import metadata_import
from mam.jobs.testing import run_pending

if TYPE_CHECKING:
    from mam.accounts.models import User

    pass


ENGLISH = {"Accept-Language": "en"}
HOSTILE = [
    'He said "all in", then folded',
    "one\ntwo\n\nfour",
    "=1+1",
    "'=1+1",
    "''-2",
    "'tis no formula",
    "+82 2 123",
    "-3",
    "@here",
    "a;b, c\td",
    "결승 🃏👩‍👩‍👧 테이블",
    "\\; back\\slash\\",
    "＝fullwidth",
    "</td><script>alert(1)</script>",
]


def export() -> bytes:
    return b"".join(metadata.write_table(metadata.list_all_pages()))


def rows_of(exported: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported.decode("utf-8-sig"), newline="")))


def table(head: str, *lines: str) -> bytes:
    return "\r\n".join([head, *lines, ""]).encode()


def checked(data: bytes, user: User | None, name: str = "a.csv") -> MetadataImport:
    """Uploaded, and its job has run."""
    found = metadata_import.upload(stream=io.BytesIO(data), name=name, user=user)
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    found.refresh_from_db()
    return found


def applied(found: MetadataImport, user: User | None) -> MetadataImport:
    metadata_import.apply_import(found=found, digest=found.digest, user=user)
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    found.refresh_from_db()
    return found


def undone(found: MetadataImport, user: User | None) -> MetadataImport:
    metadata_import.undo_import(found=found, user=user)
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    found.refresh_from_db()
    return found


def problems_of(found: MetadataImport) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.column, problem.code) for problem in metadata.list_problems(found)]


def everything() -> dict[str, Any]:
    """All that an import may change, without the ids of works."""
    columns = ("pk", "content__series__catalog__name", "content__series__name", "content__title", "part_number", "placement")
    return {
        "texts": list(MediaFile.objects.order_by("pk").values_list("pk", "title", "description")),
        "tags": set(MediaFile.tags.through.objects.values_list("mediafile_id", "tag__name")),
        "players": set(MediaFile.players.through.objects.values_list("mediafile_id", "player__name")),
        "places": list(MediaFile.objects.order_by("pk").values_list(*columns)),
        "series": set(Series.objects.values_list("name", "total_contents")),
        "contents": set(Content.objects.values_list("title", flat=True)),
    }
