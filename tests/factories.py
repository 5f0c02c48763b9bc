"""Rows for tests: plain functions with sensible defaults, every field can be given. They keep what services keep
(keys, lineage, folder roll-ups), so that a page made from them looks like one made from a scan.
"""

from __future__ import annotations

import itertools
import time
from pathlib import PurePosixPath
from typing import Any

from django.contrib.auth.models import Group

from catalog.choices import KIND_BY_EXTENSION, FileKind, ProbeState, SourceState, StreamKind
from catalog.models import (
    Catalog,
    Collection,
    CollectionItem,
    Content,
    Folder,
    MediaFile,
    MediaStream,
    PathRule,
    Player,
    Series,
    Source,
    Tag,
)
from catalog.services.rollups import Deltas, totals_of_file
from catalog.text import fold, name_key, path_key, split_extension
from ingest.models import MissingHold, ProbeResult, Scan, ScanMode
from mam.accounts.models import User
from mam.jobs.models import Job, JobLog, JobState
from streaming.models import Rendition, StoredObject
from streaming.stores.objects import folder_for

PASSWORD = "correct horse battery"

_numbers = itertools.count(1)


# --- accounts -------------------------------------------------------------------------------------------------------
def make_user(role: str | None = "viewer", **fields: Any) -> User:
    """A user in the group of `role` (None: no role), with the password PASSWORD. "operator" and above may use the admin."""
    fields.setdefault("email", f"user{next(_numbers)}@example.test")
    fields.setdefault("is_staff", role in {"operator", "administrator"})
    user = User.objects.create_user(password=PASSWORD, **fields)
    if role is not None:
        user.groups.add(Group.objects.get(name=role))
    return user


# --- sources, folders, files ----------------------------------------------------------------------------------------
def make_source(name: str | None = None, **fields: Any) -> Source:
    """An online source with its root folder."""
    number = next(_numbers)
    fields.setdefault("url", f"file:///nonexistent/source-{number}")
    fields.setdefault("state", SourceState.ONLINE)
    source = Source.objects.create(name=name or f"source {number}", **fields)
    Folder.objects.create(source=source, name="", name_key="")
    return source


def make_folder(source: Source | None = None, path: str = "", **fields: Any) -> Folder:
    """The folder at `path` of `source`, with all folders above it; the root for "". Existing folders are kept as they are."""
    folder = Folder.objects.get(source=source or make_source(), parent=None)
    for name in PurePosixPath(path).parts:
        folder = _child_of(folder, name)
    if fields:
        Folder.objects.filter(pk=folder.pk).update(**fields)
        folder.refresh_from_db()
    return folder


def _child_of(parent: Folder, name: str) -> Folder:
    path = f"{parent.path}/{name}" if parent.path else name
    child, _is_new = Folder.objects.get_or_create(
        parent=parent,
        name=name,
        defaults={
            "source": parent.source,
            "path": path,
            "name_key": name_key(name),
            "path_key": path_key(path),
            "lineage": parent.subtree_prefix,
            "depth": parent.depth + 1,
        },
    )
    return child


def make_file(path: str | None = None, *, source: Source | None = None, folder: Folder | None = None, **fields: Any) -> MediaFile:
    """An analysed file at `path` (relative to `folder`, or to the root of `source`, else of a new source).

    Kind and extension follow the name; video and audio get ten seconds of technical description unless given.
    """
    number = next(_numbers)
    pure = PurePosixPath(path or f"clip {number}.mp4")
    parent = "" if str(pure.parent) == "." else str(pure.parent)
    if folder is not None:
        parent = f"{folder.path}/{parent}".strip("/")
    place = make_folder(folder.source if folder else source, parent)
    extension = split_extension(pure.name)[1]
    kind = fields.pop("kind", None) or KIND_BY_EXTENSION.get(extension, FileKind.OTHER)
    defaults: dict[str, Any] = {
        "size_bytes": 1_000_000 + number,
        "mtime_ns": time.time_ns() - 3_600_000_000_000,
        "file_id": number,
        **(_technical(kind) if fields.get("probe_state", ProbeState.DONE) == ProbeState.DONE else {}),
    }
    tags = fields.pop("tags", [])
    file = MediaFile.objects.create(
        source=place.source,
        folder=place,
        name=pure.name,
        name_key=name_key(pure.name),
        extension=extension,
        kind=kind,
        **(defaults | fields),
    )
    file.tags.set(tags)
    deltas = Deltas()
    deltas[place.pk].add(totals_of_file(kind=file.kind, size_bytes=file.size_bytes, presence=file.presence, probe_state=file.probe_state))
    deltas.apply()
    return file


def _technical(kind: str) -> dict[str, Any]:
    """What a probe would have stored of a ten-second 1080p29.97 clip, or of ten seconds of sound."""
    if kind not in {FileKind.VIDEO, FileKind.AUDIO}:
        return {}
    sound = {
        "probe_state": ProbeState.DONE,
        "container": "mov,mp4,m4a,3gp,3g2,mj2" if kind == FileKind.VIDEO else "wav",
        "duration_ticks": 10_000,
        "duration_base_num": 1,
        "duration_base_den": 1000,
        "duration_ms": 10_000,
        "bit_rate_bps": 800_000,
        "audio_codec": "aac",
    }
    if kind == FileKind.AUDIO:
        return sound
    return sound | {"video_codec": "h264", "width_px": 1920, "height_px": 1080, "frame_rate_num": 30_000, "frame_rate_den": 1001}


def make_stream(file: MediaFile, kind: str = StreamKind.VIDEO, **fields: Any) -> MediaStream:
    """The next stream of `file`."""
    fields.setdefault("index", file.streams.count())
    defaults: dict[str, Any] = (
        {"codec": "h264", "profile": "High", "width_px": 1920, "height_px": 1080, "frame_rate_num": 30_000, "frame_rate_den": 1001}
        if kind == StreamKind.VIDEO
        else {"codec": "aac", "channels": 2, "channel_layout": "stereo", "sample_rate_hz": 48_000}
    )
    return MediaStream.objects.create(file=file, kind=kind, **(defaults | fields))


# --- works ----------------------------------------------------------------------------------------------------------
def make_catalog(name: str | None = None, **fields: Any) -> Catalog:
    """A catalog with the key its rules would give it."""
    name = name or f"catalog {next(_numbers)}"
    return Catalog.objects.create(name=name, key=fields.pop("key", fold(name)), **fields)


def make_series(catalog: Catalog | None = None, name: str | None = None, **fields: Any) -> Series:
    """A series of `catalog`, else of a new one; a name that is a year gives the year."""
    name = name or f"series {next(_numbers)}"
    if name.isdecimal():
        fields.setdefault("year", int(name))
    return Series.objects.create(catalog=catalog or make_catalog(), name=name, key=fields.pop("key", fold(name)), **fields)


def make_content(series: Series | None = None, title: str | None = None, **fields: Any) -> Content:
    """A content of `series`, else of a new one."""
    title = title or f"content {next(_numbers)}"
    return Content.objects.create(series=series or make_series(), title=title, key=fields.pop("key", fold(title)), **fields)


def make_rule(pattern: str = r"^(?P<catalog>[^/]+)/(?P<series>[^/]+)/(?P<title>[^/]+)$", **fields: Any) -> PathRule:
    """An enabled path rule for all sources."""
    fields.setdefault("name", f"rule {next(_numbers)}")
    return PathRule.objects.create(pattern=pattern, **fields)


# --- curation -------------------------------------------------------------------------------------------------------
def make_tag(name: str | None = None, **fields: Any) -> Tag:
    """A tag with its key."""
    name = name or f"tag {next(_numbers)}"
    return Tag.objects.create(name=name, key=fold(name), **fields)


def make_player(name: str | None = None, **fields: Any) -> Player:
    """A player."""
    return Player.objects.create(name=name or f"Player {next(_numbers)}", **fields)


def make_collection(name: str | None = None, *, files: list[MediaFile] | None = None, **fields: Any) -> Collection:
    """A collection that holds `files` in their order."""
    collection = Collection.objects.create(name=name or f"collection {next(_numbers)}", **fields)
    for position, file in enumerate(files or []):
        CollectionItem.objects.create(collection=collection, file=file, position=position)
    return collection


# --- jobs, ingest, streaming ----------------------------------------------------------------------------------------
def make_job(kind: str = "ingest.scan", **fields: Any) -> Job:
    """A waiting job of the fast queue."""
    fields.setdefault("queue", "fast")
    fields.setdefault("state", JobState.QUEUED)
    return Job.objects.create(kind=kind, **fields)


def make_job_log(job: Job, code: str, **fields: Any) -> JobLog:
    """One line of `job`'s log."""
    return JobLog.objects.create(job=job, code=code, **fields)


def make_scan(source: Source | None = None, **fields: Any) -> Scan:
    """A running full scan."""
    fields.setdefault("mode", ScanMode.FULL)
    return Scan.objects.create(source=source or make_source(), **fields)


def make_hold(source: Source | None = None, **fields: Any) -> MissingHold:
    """An open hold of a hundred files."""
    defaults = {"files": 100, "total_bytes": 10**9, "share_percent": 50}
    return MissingHold.objects.create(source=source or make_source(), **(defaults | fields))


def make_probe_result(file: MediaFile, **fields: Any) -> ProbeResult:
    """What the probe of `file`'s present version gave and cost."""
    defaults: dict[str, Any] = {"version": file.version, "stage": "head", "bytes_read": 131_072, "requests": 1, "elapsed_ms": 4}
    return ProbeResult.objects.create(file=file, **(defaults | fields))


def make_rendition(file: MediaFile, kind: str = Rendition.Kind.POSTER, **fields: Any) -> Rendition:
    """A finished rendition of `file` with one object (no bytes are stored)."""
    defaults: dict[str, Any] = {
        "state": Rendition.State.READY,
        "source_fingerprint": file.fingerprint,
        "made_from": file.fingerprint,
    }
    rendition = Rendition.objects.create(file=file, kind=kind, **(defaults | fields))
    name = f"{folder_for(file_id=file.pk, kind=kind)}/{kind}"
    StoredObject.objects.create(rendition=rendition, name=name, content_type="image/jpeg", size_bytes=1, checksum="0" * 64)
    return rendition
