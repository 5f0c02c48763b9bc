"""Tags, and which files carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from catalog import text
from catalog.errors import MergeIntoItselfError, ObjectNotFoundError
from catalog.models import MediaFile, Tag
from catalog.services.common import CURATE, audit, change, check_access, clean_color, clean_name, lock, name_is_free
from catalog.services.links import link, unlink

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mam.accounts.models import User

NAME_MAX = text.TAG_KEY_MAX

_Tagging = MediaFile.tags.through


@transaction.atomic
def create_tag(*, name: str, user: User | None, color: str = "") -> Tag:
    """A new tag. NameTakenError when there is one of the same key ("Bluff" and "bluff" are one)."""
    check_access(user, CURATE)
    name = clean_name(name, NAME_MAX)
    row = Tag(name=name, key=text.tag_key(name), color=clean_color(color))
    with name_is_free(name):
        row.save()
    audit(user, "tag.create", row, {}, {"name": row.name, "color": row.color})
    return row


@transaction.atomic
def get_or_create_tags(*, names: Sequence[str], user: User | None) -> list[Tag]:
    """Tags by name, in the given order, each once; those that do not exist are made."""
    check_access(user, CURATE)
    cleaned = {text.tag_key(name): name for name in (clean_name(name, NAME_MAX) for name in names)}
    known = {tag.key: tag for tag in Tag.objects.filter(key__in=cleaned)}
    return [known.get(key) or create_tag(name=name, user=user) for key, name in cleaned.items()]


@transaction.atomic
def rename_tag(*, tag: Tag, name: str, user: User | None) -> Tag:
    """Rename a tag on all its files. NameTakenError: merge instead."""
    check_access(user, CURATE)
    row = lock(tag)
    name = clean_name(name, NAME_MAX)
    before, after = change(row, {"name": name, "key": text.tag_key(name)})
    if after:
        with name_is_free(name):
            row.save()
        audit(user, "tag.rename", row, before, after)
    return row


@transaction.atomic
def recolor_tag(*, tag: Tag, color: str, user: User | None) -> Tag:
    """Give a tag another colour ("#rrggbb", "" for none). ColorInvalidError."""
    check_access(user, CURATE)
    row = lock(tag)
    before, after = change(row, {"color": clean_color(color)})
    if after:
        row.save()
        audit(user, "tag.recolor", row, before, after)
    return row


@transaction.atomic
def merge_tags(*, into: Tag, other: Tag, user: User | None) -> Tag:
    """Put `into` on all files of `other`, and delete `other`. MergeIntoItselfError."""
    check_access(user, CURATE)
    if into.pk == other.pk:
        raise MergeIntoItselfError
    rows = Tag.objects.select_for_update().in_bulk([into.pk, other.pk])
    if len(rows) < 2:
        raise ObjectNotFoundError
    target, gone = rows[into.pk], rows[other.pk]
    doubled = _Tagging.objects.filter(tag=target).values("mediafile_id")
    moved = _Tagging.objects.filter(tag=gone).exclude(mediafile_id__in=doubled).update(tag=target)
    audit(user, "tag.merge", target, {"name": gone.name, "id": gone.pk}, {"files": moved})
    gone.delete()
    return target


@transaction.atomic
def delete_tag(*, tag: Tag, user: User | None) -> None:
    """Take a tag off all files and delete it."""
    check_access(user, CURATE)
    row = lock(tag)
    audit(user, "tag.delete", row, {"name": row.name, "files": _Tagging.objects.filter(tag=row).count()}, {})
    row.delete()


@transaction.atomic
def add_tags(*, file_ids: Collection[int], tags: Collection[Tag], user: User | None) -> int:
    """Put `tags` on files; return how many taggings are new. Files that are gone are passed over."""
    check_access(user, CURATE)
    return sum(len(link(tag, file_ids, user)) for tag in sorted(tags, key=lambda tag: tag.pk))


@transaction.atomic
def remove_tags(*, file_ids: Collection[int], tags: Collection[Tag], user: User | None) -> int:
    """Take `tags` off files; return how many taggings went."""
    check_access(user, CURATE)
    return sum(len(unlink(tag, file_ids, user)) for tag in sorted(tags, key=lambda tag: tag.pk))


@transaction.atomic
def set_tags(*, file: MediaFile, tags: Collection[Tag], user: User | None) -> None:
    """Make `tags` the tags of a file."""
    check_access(user, CURATE)
    row = lock(file)
    has = {tag.pk: tag for tag in row.tags.all()}
    wanted = {tag.pk: tag for tag in tags}
    add_tags(file_ids=[row.pk], tags=[tag for pk, tag in wanted.items() if pk not in has], user=user)
    remove_tags(file_ids=[row.pk], tags=[tag for pk, tag in has.items() if pk not in wanted], user=user)
