"""Which file belongs to which content, as curators decide: move, merge, split, give back to the rules.

What a curator placed stays where it is put, whatever the rules say later.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db import transaction

from catalog import text
from catalog.choices import Placement
from catalog.errors import MergeIntoItselfError, ObjectNotFoundError, SplitTakesAllError
from catalog.models import Catalog, Content, MediaFile, Series
from catalog.rules import GROUP_MAX, TITLE_MAX, clean, split_part
from catalog.services.common import CURATE, audit, check_access, clean_name, lock, name_is_free
from catalog.services.placement import PlacementResult, lock_catalogs, place_files, settle

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mam.accounts.models import User


@transaction.atomic
def move_files(*, file_ids: Collection[int], content: Content | None, user: User | None, part_number: int | None = None) -> int:
    """Put files into `content` (None: out of every content); return how many moved. Parts are kept unless `part_number` says.

    Contents of rules that become empty go away. ObjectNotFoundError when the content or one of the files is gone.
    """
    check_access(user, CURATE)
    files = _lock_files_and_catalogs(file_ids, content.series.catalog_id if content else None)
    target = lock(content) if content else None
    left = {file.content_id for file in files.rows if file.content_id is not None}
    changes = {"content": target, "placement": Placement.CURATOR} | ({"part_number": part_number} if part_number or not target else {})
    MediaFile.objects.filter(pk__in=files.ids).update(**changes)
    _audit_move(files, target, user)
    files.settle(left | ({target.pk} if target else set()))
    return len(files.rows)


@transaction.atomic
def move_files_to_series(*, file_ids: Collection[int], series: Series, user: User | None) -> int:
    """Put files into contents of `series` that are titled as those they leave (or as the files); return how many moved.

    A content that has to be made gets the description and the players of those.
    """
    check_access(user, CURATE)
    files = _lock_files_and_catalogs(file_ids, series.catalog_id)
    target = lock(series)
    groups: defaultdict[tuple[str, str], list[MediaFile]] = defaultdict(list)
    for file in files.rows:
        groups[_title_and_key(file)].append(file)
    touched = {file.content_id for file in files.rows if file.content_id is not None}
    for (title, key), rows in groups.items():
        content, made = Content.objects.get_or_create(series=target, key=key, defaults={"title": title})
        if made:
            _take_along(content, {file.content_id for file in rows if file.content_id is not None})
        MediaFile.objects.filter(pk__in=[file.pk for file in rows]).update(content=content, placement=Placement.CURATOR)
        touched.add(content.pk)
    _audit_move(files, target, user)
    files.settle(touched)
    return len(files.rows)


def _take_along(content: Content, left: Collection[int]) -> None:
    """What curators have said of the contents that its files leave: a new content stands for those."""
    former = list(Content.objects.filter(pk__in=left).order_by("pk"))
    content.description = next((one.description for one in former if one.description), "")
    content.is_curated = any(one.is_curated for one in former)
    content.save(update_fields=["description", "is_curated"])
    content.players.add(*Content.players.through.objects.filter(content__in=former).values_list("player_id", flat=True))


@transaction.atomic
def move_content(*, content: Content, series: Series, user: User | None) -> Content:
    """Move a content with all its files to another series. NameTakenError when that has one of the same key."""
    check_access(user, CURATE)
    row, catalogs = _lock_contents([content], series.catalog_id)[0]
    target = lock(series)
    if row.series_id == target.pk:
        return row
    before = row.series_id
    row.series, row.is_curated = target, True
    with name_is_free(row.title):
        row.save()
    row.files.update(placement=Placement.CURATOR)
    audit(user, "content.move", row, {"series": before}, {"series": target.pk})
    settle(catalog_ids=catalogs, content_ids=[row.pk], folder_ids=[], series_ids=[before])
    return row


@transaction.atomic
def merge_contents(*, into: Content, others: Sequence[Content], user: User | None) -> Content:
    """Put the files and players of `others` into `into`, and delete `others`. MergeIntoItselfError."""
    check_access(user, CURATE)
    if not others or into.pk in {other.pk for other in others}:
        raise MergeIntoItselfError
    locked = _lock_contents([into, *others])
    (target, catalogs), gone = locked[0], [row for row, _catalogs in locked[1:]]
    for row in gone:
        moved = list(row.files.values_list("pk", flat=True))
        target.players.add(*row.players.all())
        MediaFile.objects.filter(content=row).update(content=target, placement=Placement.CURATOR)
        audit(user, "content.merge", target, {"title": row.title, "id": row.pk}, {"files": moved})
    target.is_curated = True
    target.save(update_fields=["is_curated"])
    series_ids = [row.series_id for row in gone]
    Content.objects.filter(pk__in=[row.pk for row in gone]).delete()
    settle(catalog_ids=catalogs, content_ids=[target.pk], folder_ids=[], series_ids=series_ids)
    return target


@transaction.atomic
def split_content(*, content: Content, file_ids: Collection[int], title: str, user: User | None) -> Content:
    """Take some of a content's files out into a new content beside it. SplitTakesAllError, NameTakenError."""
    check_access(user, CURATE)
    row, catalogs = _lock_contents([content])[0]
    title = clean_name(title, TITLE_MAX)
    files = list(row.files.select_for_update().order_by("pk").values_list("pk", "folder_id"))
    taken = {pk for pk, _folder_id in files} & set(file_ids)
    if not taken or len(taken) == len(files):
        raise SplitTakesAllError
    made = Content(series=row.series, key=text.bounded_key(title, GROUP_MAX), title=title, is_curated=True)
    with name_is_free(title):
        made.save()
    MediaFile.objects.filter(pk__in=taken).update(content=made, placement=Placement.CURATOR)
    audit(user, "content.split", made, {"content": row.pk}, {"title": title, "files": sorted(taken)})
    settle(catalog_ids=catalogs, content_ids=[row.pk, made.pk], folder_ids={folder_id for pk, folder_id in files if pk in taken})
    return made


def release_files(*, file_ids: Collection[int], user: User | None) -> PlacementResult:
    """Give files back to the rules and place them at once."""
    check_access(user, CURATE)
    with transaction.atomic():
        rows = MediaFile.objects.select_for_update().filter(pk__in=file_ids, placement=Placement.CURATOR).order_by("pk")
        for file in rows:
            audit(user, "file.release", file, {"content": file.content_id}, {})
        MediaFile.objects.filter(pk__in=[file.pk for file in rows]).update(placement=Placement.RULE)
    return place_files(file_ids=file_ids)


class _LockedFiles:
    """Files with the catalogs of the contents they are in, locked."""

    def __init__(self, rows: list[MediaFile], catalog_ids: set[int]) -> None:
        self.rows = rows
        self.ids = [file.pk for file in rows]
        self.catalog_ids = catalog_ids

    def settle(self, content_ids: Collection[int]) -> None:
        settle(catalog_ids=self.catalog_ids, content_ids=content_ids, folder_ids={file.folder_id for file in self.rows})


def _lock_files_and_catalogs(file_ids: Collection[int], catalog_id: int | None) -> _LockedFiles:
    """Lock first the catalogs, then the files. ObjectNotFoundError when a file or the catalog `catalog_id` is gone."""
    wanted = set(file_ids)
    old = MediaFile.objects.filter(pk__in=wanted).exclude(content=None).order_by().values_list("content__series__catalog_id", flat=True)
    locked = lock_catalogs({*old.distinct(), *([catalog_id] if catalog_id else [])})
    rows = MediaFile.objects.select_related("content").select_for_update(of=("self",)).filter(pk__in=wanted).order_by("pk")
    if len(rows) != len(wanted) or (catalog_id is not None and catalog_id not in locked):
        raise ObjectNotFoundError
    return _LockedFiles(list(rows), locked)


def _lock_contents(contents: Sequence[Content], catalog_id: int | None = None) -> list[tuple[Content, set[int]]]:
    """`contents` as they are now, in the given order, each with the ids of all locked catalogs. ObjectNotFoundError."""
    ids = [content.pk for content in contents]
    catalogs = Catalog.objects.filter(series__contents__in=ids).order_by().values_list("pk", flat=True).distinct()
    locked = lock_catalogs({*catalogs, *([catalog_id] if catalog_id else [])})
    rows = Content.objects.select_related("series").select_for_update(of=("self",)).filter(series__catalog__in=locked).in_bulk(ids)
    if len(rows) != len(set(ids)) or (catalog_id is not None and catalog_id not in locked):
        raise ObjectNotFoundError
    return [(rows[pk], locked) for pk in ids]


def _title_and_key(file: MediaFile) -> tuple[str, str]:
    """Title and key of the content that stands for this file's in another series."""
    if file.content is not None:
        return file.content.title, file.content.key
    stem = text.split_extension(file.name)[0]
    title = (file.title or split_part(stem)[0] or clean(stem) or file.name)[:TITLE_MAX]
    return title, text.bounded_key(title, GROUP_MAX)


def _audit_move(files: _LockedFiles, target: Content | Series | None, user: User | None) -> None:
    after = {target._meta.model_name or "": target.pk} if target else {"content": None}
    for file in files.rows:
        audit(user, "file.move", file, {"content": file.content_id}, after)
