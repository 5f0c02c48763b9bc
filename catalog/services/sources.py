"""Sources: adding, changing, testing and taking away places that hold media. What is stored of a password is encrypted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from django.db import transaction
from django.utils import timezone

from catalog import text
from catalog.choices import SourceState
from catalog.errors import ConfirmationMismatchError, SourceOptionInvalidError
from catalog.models import Content, Folder, MediaFile, Source
from catalog.services.common import MANAGE_SOURCE, audit, change, check_access, clean_name, lock, name_is_free
from catalog.services.file_systems import (
    ConnectionReport,
    Credentials,
    close_file_system,
    credentials_of,
    open_file_system,
    try_address,
)
from catalog.services.placement import lock_catalogs, settle
from mam.jobs.services import enqueue
from mam.lib.bulk import CHUNK
from mam.lib.sources import parse_url

if TYPE_CHECKING:
    from mam.accounts.models import User
    from mam.jobs.models import Job

__all__ = [
    "ConnectionReport",
    "Credentials",
    "create_source",
    "delete_source",
    "open_file_system",
    "purge_source",
    "set_credentials",
    "set_state",
    "test_connection",
    "try_address",
    "update_source",
]

NAME_MAX = 120
DELETE_JOB = "catalog.delete_source"
MAX_PARALLELISM = 64
MIN_POLL_INTERVAL_S = 5
MIN_OPEN_FILES = 2  # picture and sound of one viewer


class SourceOptions(TypedDict, total=False):
    """How a source is treated. Globs are matched against paths relative to the root."""

    require_encryption: bool
    read_limit_bytes_per_s: int | None
    open_file_limit: int | None
    parallelism: int
    include_globs: Sequence[str]
    exclude_globs: Sequence[str]
    poll_interval_s: int
    is_enabled: bool


class SourceChanges(SourceOptions, total=False):
    """What may be changed of a source beside its credentials."""

    name: str
    url: str


@transaction.atomic
def create_source(
    *, name: str, url: str, user: User | None, credentials: Credentials | None = None, **options: Unpack[SourceOptions]
) -> Source:
    """A new source; nothing is asked of it yet. NameTakenError, InvalidSourceUrlError, SourceOptionInvalidError."""
    check_access(user, MANAGE_SOURCE)
    row = Source(credentials=(credentials or Credentials()).seal())
    _before, after = change(row, _clean({"name": name, "url": url, **options}))
    with name_is_free(row.name):
        row.save()
    audit(user, "source.create", row, {}, after | {"credentials": bool(credentials)})
    return row


@transaction.atomic
def update_source(*, source: Source, user: User | None, **changes: Unpack[SourceChanges]) -> Source:
    """Change name, address or options. A new address forgets which root was there and what state it was in."""
    check_access(user, MANAGE_SOURCE)
    row = lock(source)
    before, after = change(row, _clean(changes))
    if not after:
        return row
    if "url" in after:
        row.root_identity = ""
        row.state, row.state_code, row.state_params, row.state_at = SourceState.UNKNOWN, "", {}, timezone.now()
    with name_is_free(row.name):
        row.save()
    audit(user, "source.update", row, before, after)
    return row


@transaction.atomic
def set_credentials(*, source: Source, credentials: Credentials, user: User | None) -> Source:
    """Replace the credentials; empty ones take them away. The audit says only whether there are any."""
    check_access(user, MANAGE_SOURCE)
    row = lock(source)
    had = bool(row.credentials)
    row.credentials = credentials.seal()
    row.save(update_fields=["credentials"])
    audit(user, "source.credentials", row, {"credentials": had}, {"credentials": bool(credentials)})
    return row


def set_state(*, source_id: int, state: SourceState, code: str = "", params: dict[str, Any] | None = None) -> bool:
    """Write down how a source answers, and why (a message code); True when that is news. For the system, not audited."""
    values = {"state": state, "state_code": code, "state_params": params or {}}
    same = Source.objects.filter(pk=source_id, state=state, state_code=code)
    return Source.objects.filter(pk=source_id).exclude(pk__in=same.values("pk")).update(**values, state_at=timezone.now()) > 0


def test_connection(*, source: Source, user: User | None) -> ConnectionReport:
    """Connect anew with the stored settings and say how it went. The source's state follows; a degraded one stays so."""
    check_access(user, MANAGE_SOURCE)
    report = try_address(url=source.url, credentials=credentials_of(source), require_encryption=source.require_encryption)
    if not report.is_ok:
        set_state(source_id=source.pk, state=SourceState.OFFLINE, code=report.code, params=report.params)
    elif source.state in {SourceState.UNKNOWN, SourceState.OFFLINE}:
        set_state(source_id=source.pk, state=SourceState.ONLINE)
    return report


@transaction.atomic
def delete_source(*, source: Source, confirm_name: str, user: User | None) -> Job:
    """Take a source with all its files out of the catalog, by a job; nothing on the source itself is touched.

    `confirm_name` is the source's name, typed by the person who means it; else ConfirmationMismatchError.
    """
    check_access(user, MANAGE_SOURCE)
    row = lock(source)
    if text.fold(confirm_name.strip()) != text.fold(row.name):
        raise ConfirmationMismatchError(name=row.name)
    Source.objects.filter(pk=row.pk).update(is_enabled=False)
    audit(user, "source.delete", row, {"name": row.name, "url": row.url}, {})
    return enqueue(kind=DELETE_JOB, params={"source_id": row.pk}, key=f"{DELETE_JOB}:{row.pk}", subject=row.name, user=user)


def purge_source(*, source_id: int, on_progress: Callable[[int], None]) -> int:
    """Delete a source's files in batches, then its folders, then the source; return how many files went. For the job.

    Interrupted, it goes on where it was. `on_progress(files so far)` may raise to stop.
    """
    close_file_system(source_id)
    total = 0
    while ids := list(MediaFile.objects.filter(source=source_id).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        _purge_files(ids)
        total += len(ids)
        on_progress(total)
    while (folders := Folder.objects.filter(source=source_id).order_by("-depth").values_list("pk", flat=True)[:CHUNK]).exists():
        Folder.objects.filter(pk__in=list(folders)).delete()
        on_progress(total)
    Source.objects.filter(pk=source_id).delete()
    return total


@transaction.atomic
def _purge_files(ids: list[int]) -> None:
    contents = Content.objects.filter(files__in=ids).distinct()
    locked = lock_catalogs(contents.values_list("series__catalog_id", flat=True))
    content_ids = list(contents.values_list("pk", flat=True))
    MediaFile.objects.filter(pk__in=ids).delete()
    settle(catalog_ids=locked, content_ids=content_ids, folder_ids=[])


def _clean(values: SourceChanges) -> SourceChanges:
    cleaned = values.copy()
    if "name" in cleaned:
        cleaned["name"] = clean_name(cleaned["name"], NAME_MAX)
    if "url" in cleaned:
        cleaned["url"] = str(parse_url(cleaned["url"]))
    if "include_globs" in cleaned:
        cleaned["include_globs"] = _clean_globs(cleaned["include_globs"])
    if "exclude_globs" in cleaned:
        cleaned["exclude_globs"] = _clean_globs(cleaned["exclude_globs"])
    _check_range(cleaned, "parallelism", 1, MAX_PARALLELISM)
    _check_range(cleaned, "poll_interval_s", MIN_POLL_INTERVAL_S, 7 * 24 * 3600)
    _check_range(cleaned, "read_limit_bytes_per_s", 64 * 1024, 2**40)
    _check_range(cleaned, "open_file_limit", MIN_OPEN_FILES, 1000)
    return cleaned


def _clean_globs(globs: Sequence[str]) -> list[str]:
    return [glob for glob in dict.fromkeys(part.strip() for part in globs) if glob]


def _check_range(values: SourceChanges, option: str, least: int, most: int) -> None:
    value = dict(values).get(option)
    if value is not None and not (isinstance(value, int) and least <= value <= most):
        raise SourceOptionInvalidError(option=option)
