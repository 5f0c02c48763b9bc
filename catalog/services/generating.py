"""A generated archive in the database, as if it had been scanned, analysed and curated. For benchmarks and trials only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from catalog import text
from catalog.choices import FileKind, Presence, ProbeState
from catalog.generated import Archive
from catalog.models import Catalog, Content, Folder, MediaFile, Player, Series, Source
from catalog.services import rollups
from catalog.services.file_rows import OLD_FILE_PRIORITY
from catalog.services.placement import recount_series
from catalog.services.players import create_player
from catalog.services.registration import ensure_root
from catalog.services.tags import get_or_create_tags
from mam.lib.bulk import database_time, insert_rows, reserve_ids
from mam.lib.errors import MamError, gettext_noop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from catalog.generated import GeneratedFile, GeneratedFolder

BATCH_FILES = 10_000
_FILE_COLUMNS = [
    *("id", "source_id", "first_seen_at", "folder_id", "name", "name_key", "extension", "kind", "size_bytes", "mtime_ns", "ctime_ns"),
    *("file_id", "presence", "settled_since", "probe_state", "probe_priority", "container", "duration_ms", "duration_ticks"),
    *("duration_base_den", "bit_rate_bps", "video_codec", "audio_codec", "width_px", "height_px", "frame_rate_num", "frame_rate_den"),
    *("content_id", "part_number"),
]
_CONTENT_COLUMNS = ["id", "series_id", "key", "title", "description", "is_curated", "created_at"]


class AlreadyGeneratedError(MamError):
    code = "already_generated"
    template = gettext_noop("There is a source “%(name)s” already; remove it first.")


def generate(*, files: int, seed: int, on_progress: Callable[[int], None] | None = None) -> Source:
    """Write an archive of `files` files, with folders, works, players and tags, and return its source, which is disabled: it has no bytes.

    AlreadyGeneratedError. Whoever is killed leaves the part that is whole; it goes with its source.
    """
    name = f"Generated archive {seed}"
    if Source.objects.filter(name=name).exists():
        raise AlreadyGeneratedError(name=name)
    archive = Archive(seed)
    source = Source.objects.create(name=name, url=f"file:///generated-archive-{seed}", is_enabled=False)
    with transaction.atomic():
        writer = _Writer(source, archive)
    written = 0
    for batch in _batches(archive, files):
        with transaction.atomic():
            written += writer.write(batch)
        if on_progress is not None:
            on_progress(written)
    rollups.verify(source=source)
    recount_series(writer.series.values())
    return source


def _batches(archive: Archive, files: int) -> Iterator[list[GeneratedFolder]]:
    """Folders with `files` files in all, some thousand at a time; what the last folders have too many is left out."""
    batch: list[GeneratedFolder] = []
    count = 0
    for folder in archive.folders():
        kept = _first(folder, files)
        batch.append(kept)
        here = sum(len(content.files) for content in kept.contents)
        files, count = files - here, count + here
        if files == 0 or count >= BATCH_FILES:
            yield batch
            batch, count = [], 0
        if files == 0:
            return


def _first(folder: GeneratedFolder, files: int) -> GeneratedFolder:
    """`folder` with its first `files` files at most."""
    contents = []
    for content in folder.contents:
        contents.append(replace(content, files=content.files[:files]))
        files -= len(contents[-1].files)
        if not files:
            break
    return replace(folder, contents=tuple(contents))


class _Writer:
    """Writes folders with all that is in them. Knows the rows that many of them share."""

    def __init__(self, source: Source, archive: Archive) -> None:
        self.source = source
        self.now = database_time(timezone.now())
        self.folders = {"": ensure_root(source=source)}
        self.series: dict[tuple[str, str], int] = {}
        self.tag_ids = [tag.pk for tag in get_or_create_tags(names=archive.tags, user=None)]
        known = dict(Player.objects.values_list("name", "pk"))
        self.player_ids = [
            known.get(one.name_en) or create_player(name=one.name_en, name_ko=one.name_ko, name_en=one.name_en, user=None).pk
            for one in archive.players
        ]

    def write(self, folders: list[GeneratedFolder]) -> int:
        """One batch; returns how many files that were."""
        contents = [(folder, content) for folder in folders for content in folder.contents]
        content_ids = reserve_ids(Content, len(contents))
        file_ids = iter(reserve_ids(MediaFile, sum(len(content.files) for _, content in contents)))
        content_rows, file_rows, taggings, casts = [], [], [], []
        for pk, (folder, content) in zip(content_ids, contents, strict=True):
            key = text.name_key(content.title)
            content_rows.append((pk, self._series_id(folder), key, content.title, "", False, self.now))
            casts += [(pk, self.player_ids[index]) for index in content.cast]
            folder_id = self._folder_id(folder.path)
            for part, file in enumerate(content.files, 1):
                file_id = next(file_ids)
                file_rows.append(self._file_row(file_id, folder_id, pk, part, file))
                taggings += [(file_id, self.tag_ids[index]) for index in file.tags]
        insert_rows(Content, _CONTENT_COLUMNS, content_rows)
        insert_rows(Content.players.through, ["content_id", "player_id"], casts)  # before the files, which it would note one by one
        insert_rows(MediaFile, _FILE_COLUMNS, file_rows)
        insert_rows(MediaFile.tags.through, ["mediafile_id", "tag_id"], taggings)
        return len(file_rows)

    def _file_row(self, pk: int, folder_id: int, content_id: int, part: int, file: GeneratedFile) -> tuple[Any, ...]:
        place = (pk, self.source.pk, self.now, folder_id, file.name, text.name_key(file.name), file.extension, FileKind.VIDEO.value)
        fingerprint = (file.size_bytes, file.mtime_s * 1_000_000_000, 0, pk, Presence.PRESENT.value, self.now)
        probed = (ProbeState.DONE.value, OLD_FILE_PRIORITY, file.extension, file.duration_ms, file.duration_ms, 1000, file.bit_rate_bps)
        picture = (file.video_codec, file.audio_codec, file.width_px, file.height_px, 25, 1)
        return (*place, *fingerprint, *probed, *picture, content_id, part)

    def _series_id(self, folder: GeneratedFolder) -> int:
        key = folder.catalog, folder.series
        if key not in self.series:
            catalog, _ = Catalog.objects.get_or_create(key=text.name_key(folder.catalog), defaults={"name": folder.catalog})
            fields = {"name": folder.series, "year": folder.year}
            series, _ = Series.objects.get_or_create(catalog=catalog, key=text.name_key(folder.series), defaults=fields)
            self.series[key] = series.pk
        return self.series[key]

    def _folder_id(self, path: str) -> int:
        if path not in self.folders:
            above, _, name = path.rpartition("/")
            self._folder_id(above)
            parent = self.folders[above]
            self.folders[path] = Folder.objects.create(
                source=self.source,
                parent=parent,
                name=name,
                path=path,
                name_key=text.name_key(name),
                path_key=text.path_key(path),
                lineage=parent.subtree_prefix,
                depth=parent.depth + 1,
                listed_at=timezone.now(),
            )
        return self.folders[path].pk
