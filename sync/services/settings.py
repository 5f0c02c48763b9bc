"""What administrators set of a target: its rules, schedule, guard, alerts and sources. Secrets go in and never come out; each change is
audited and a row of the history. What is matched by a changed rule is noted to be matched anew.
"""

from __future__ import annotations

import json
import re
import secrets as randomness
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from catalog import text
from catalog.choices import KIND_BY_EXTENSION, FileKind
from catalog.models import Source
from catalog.services.common import change, check_access, clean_name, lock, name_is_free
from ingest.demo import is_demo
from mam.accounts.services import record_audit
from mam.lib import secrets
from mam.lib.prepared import Prepared
from mam.lib.secrets import CredentialsUnreadableError
from sync import errors
from sync.choices import Adapter, HistoryEvent, HistorySide, TargetState
from sync.matching.touches import touch_all
from sync.models import Target, TargetSource
from sync.selectors.scope import MANAGE
from sync.services.history import Actor, Change, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.db.models import QuerySet

    from mam.accounts.models import User

DEFAULT_NAME = "OTT 플랫폼"
NAME_MAX = 120
PREFIX_MAX = 500
INTERVAL_S = (60, 7 * 24 * 3600)
SECRET_CHARACTERS = (16, 200)
MOST_EXTENSIONS, MOST_ADDRESSES = 50, 20
_RANGES = {"interval_s": INTERVAL_S, "guard_percent": (0, 100), "guard_rows": (0, 2**31 - 1)}
_SECRETS = ("credentials", "webhook_url", "webhook_secret")
_OF_MATCHING = {"is_hls_only", "hls_extensions"}
_OF_PLACE = {"adapter", "options", "credentials"}
_EXTENSION = re.compile(r"[a-z0-9]{1,10}")
_OPTIONS = {"project": re.compile(r"[a-z0-9.:-]{1,100}"), "database": re.compile(r"\(default\)|[a-z0-9-]{1,63}")}  # of Firestore
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\:*?\"<>|]+")
_FIRST = Prepared(lambda _ids: Target.objects.order_by("pk")[:1])
_KEY_MAX = 20_000  # characters of a service account's key
_URL_MAX = 2_000


class TargetChanges(TypedDict, total=False):
    """What may be changed of a target. `credentials`: the JSON key of a service account; it and `webhook_url`: "" takes them away.

    `webhook_secret`: "" leaves the one that there is.
    """

    name: str
    adapter: str
    options: Mapping[str, str]
    credentials: str
    is_hls_only: bool
    hls_extensions: Sequence[str]
    is_automatic: bool
    interval_s: int
    guard_percent: int
    guard_rows: int | None
    is_alerting: bool
    alert_emails: Sequence[str]
    webhook_url: str
    webhook_secret: str


# --- a target ---------------------------------------------------------------------------------------------------------
@transaction.atomic
def change_target(*, target: Target, user: User | None, **values: Unpack[TargetChanges]) -> Target:
    """Change what is given. All files are matched anew after a change of the HLS rules.

    NameTakenError and the like of names, SettingRangeError, HlsExtensionError, HlsExtensionMissingError, AlertAddressError,
    WebhookAddressError, WebhookSecretError, AdapterUnknownError, TargetOptionError, TargetCredentialsError.
    """
    check_access(user, MANAGE)
    row = lock(target)
    before, after = change(row, _clean(values))
    after |= _seal(row, values)
    if not after:
        return row
    if _OF_PLACE & after.keys():  # nothing is known of where it is now
        row.state, row.state_code, row.state_params, row.state_at = TargetState.UNKNOWN, "", {}, timezone.now()
        row.fingerprint, row.read_at, row.size_bytes = "", None, None
        row.works.all().delete()
    if row.next_sync_at and "interval_s" in after:
        row.next_sync_at = min(row.next_sync_at, timezone.now() + timedelta(seconds=row.interval_s))
    with name_is_free(row.name):
        row.save()
    if _OF_MATCHING & after.keys():
        touch_all()
    _note(row, "update", before, after, user)
    return row


@transaction.atomic
def renew_webhook_secret(*, target: Target, user: User | None) -> str:
    """Make another secret; give it, to be shown this once."""
    check_access(user, MANAGE)
    row = lock(target)
    made = randomness.token_urlsafe(32)
    row.webhook_secret = _sealed(made)
    row.save(update_fields=["webhook_secret"])
    _note(row, "update", {}, {"webhook_secret": "changed"}, user)
    return made


def ensure_default_target() -> Target:
    """The first target; made if there is none. Of several that make it at once one does."""
    first: list[Target] = _FIRST.objects()
    return first[0] if first else Target.objects.get_or_create(name=DEFAULT_NAME)[0]


def unsealed(token: str) -> str:
    """The text of `Target.credentials`, `webhook_url` or `webhook_secret`; "" for none. CredentialsUnreadableError."""
    return secrets.decrypt(token, settings.CREDENTIALS_KEYS) if token else ""


# --- its sources ------------------------------------------------------------------------------------------------------
@transaction.atomic
def include_source(*, target: Target, source: Source, user: User | None, is_included: bool, prefix: str | None = None) -> TargetSource:
    """Publish the files of a source at a target, or no more; their paths there begin with `prefix` (None: as before).

    PrefixInvalidError; PrefixTakenError when those of another published source begin so too.
    """
    check_access(user, MANAGE)
    row = lock(target)  # also the lock of all its sources
    ensure_sources(row)
    member = TargetSource.objects.select_related("source").get(target=row, source=source)
    cleaned = member.prefix if prefix is None else _clean_prefix(prefix)
    before, after = change(member, {"is_included": is_included, "prefix": cleaned})
    if not after:
        return member
    others = row.sources.filter(is_included=True).exclude(pk=member.pk).values_list("prefix", flat=True)
    if is_included and text.path_key(cleaned) in map(text.path_key, others):
        raise errors.PrefixTakenError(prefix=cleaned)
    member.save()
    touch_all()
    _note(row, "source", {"source": member.source.name, **before}, {"source": member.source.name, **after}, user)
    return member


def ensure_sources(target: Target) -> None:
    """Have the files of every source published, unless somebody has said otherwise: of the first one as they are, of others below a
    folder of the source's name. The demo archive is published only by who says so.
    """
    if not _unknown_sources(target).exists():
        return
    with transaction.atomic():
        row = lock(target)
        taken = {text.path_key(prefix) for prefix in row.sources.values_list("prefix", flat=True)}
        is_any_published = row.sources.filter(is_included=True).exists()
        for source in list(_unknown_sources(row)):
            is_included = not is_demo(source)
            prefix = _free_prefix(source.name, taken) if is_any_published or "" in taken or not is_included else ""
            taken.add(text.path_key(prefix))
            TargetSource.objects.create(target=row, source=source, is_included=is_included, prefix=prefix)
            _note(row, "source", {}, {"source": source.name, "is_included": is_included, "prefix": prefix}, None)
        touch_all()


def _unknown_sources(target: Target) -> QuerySet[Source]:
    return Source.objects.exclude(pk__in=target.sources.values("source")).order_by("pk")


def _free_prefix(name: str, taken: set[str]) -> str:
    """A folder of that name, as every file system can have it, that no other source has."""
    plain = text.tidy(_UNSAFE.sub("_", name)).strip(". ") or "source"
    number = 1
    while True:
        prefix = f"{plain}/" if number == 1 else f"{plain} {number}/"
        if text.path_key(prefix) not in taken:
            return prefix
        number += 1


def _clean_prefix(prefix: str) -> str:
    """ "" or "a/b/", NFC."""
    parts = [part for part in text.nfc(prefix.strip()).split("/") if part]
    cleaned = "".join(f"{part}/" for part in parts)
    if {".", ".."} & set(parts) or "\\" in cleaned or _CONTROL.search(cleaned) or len(cleaned) > PREFIX_MAX:
        raise errors.PrefixInvalidError(prefix=prefix)
    return cleaned


# --- what is given ----------------------------------------------------------------------------------------------------
def _clean(values: TargetChanges) -> dict[str, Any]:
    """What is stored as it is."""
    cleaned: dict[str, Any] = {name: value for name, value in values.items() if name not in _SECRETS}
    if "name" in cleaned:
        cleaned["name"] = clean_name(cleaned["name"], NAME_MAX)
    if "hls_extensions" in cleaned:
        cleaned["hls_extensions"] = _clean_extensions(cleaned["hls_extensions"])
    if "alert_emails" in cleaned:
        cleaned["alert_emails"] = _clean_addresses(cleaned["alert_emails"])
    if "adapter" in cleaned and cleaned["adapter"] not in Adapter.values:
        raise errors.AdapterUnknownError(adapter=str(cleaned["adapter"]))
    if "options" in cleaned:
        cleaned["options"] = _clean_options(cleaned["options"])
    for option, (least, most) in _RANGES.items():
        value = cleaned.get(option)
        may_be_none = option not in cleaned or option == "guard_rows"
        if not (may_be_none if value is None else type(value) is int and least <= value <= most):
            raise errors.SettingRangeError(option=option, least=least, most=most)
    return cleaned


def _clean_extensions(extensions: Iterable[str]) -> list[str]:
    cleaned = list(dict.fromkeys(filter(None, (text.fold(one.strip()).removeprefix(".") for one in extensions))))
    if not cleaned:
        raise errors.HlsExtensionMissingError
    for extension in cleaned:
        if not _EXTENSION.fullmatch(extension) or KIND_BY_EXTENSION.get(extension, FileKind.VIDEO) != FileKind.VIDEO:
            raise errors.HlsExtensionError(extension=extension)
    if len(cleaned) > MOST_EXTENSIONS:
        raise errors.SettingRangeError(option="hls_extensions", least=1, most=MOST_EXTENSIONS)
    return cleaned


def _clean_addresses(addresses: Iterable[str]) -> list[str]:
    cleaned = list({one.casefold(): one for one in filter(None, map(str.strip, addresses))}.values())
    for address in cleaned:
        try:
            validate_email(address)
        except ValidationError as error:
            raise errors.AlertAddressError(address=address) from error
    if len(cleaned) > MOST_ADDRESSES:
        raise errors.SettingRangeError(option="alert_emails", least=0, most=MOST_ADDRESSES)
    return cleaned


def _clean_options(options: Mapping[str, str]) -> dict[str, str]:
    cleaned = {name: value.strip() for name, value in options.items() if value.strip()}
    for name, value in cleaned.items():
        if name not in _OPTIONS or not _OPTIONS[name].fullmatch(value):
            raise errors.TargetOptionError(option=name)
    return cleaned


def _seal(row: Target, values: TargetChanges) -> dict[str, Any]:
    """Set the secrets that are given and are not there yet; of each whether it was changed or removed, and never what it is."""
    given = {name: value.strip() for name, value in values.items() if name in _SECRETS and isinstance(value, str)}
    if given.get("webhook_url"):
        given["webhook_url"] = _clean_url(given["webhook_url"])
    if given.get("credentials"):
        given["credentials"] = _clean_key(given["credentials"])
    secret, (least, most) = given.pop("webhook_secret", ""), SECRET_CHARACTERS
    if secret and not least <= len(secret) <= most:
        raise errors.WebhookSecretError(least=least, most=most)
    if secret or (given.get("webhook_url") and not row.webhook_secret):
        given["webhook_secret"] = secret or randomness.token_urlsafe(32)
    changed = {name: value for name, value in given.items() if not _is_same(getattr(row, name), value)}
    for name, value in changed.items():
        setattr(row, name, _sealed(value))
    return {name: "changed" if value else "removed" for name, value in changed.items()}


def _sealed(value: str) -> str:
    return secrets.encrypt(value, settings.CREDENTIALS_KEYS) if value else ""


def _is_same(token: str, value: str) -> bool:
    try:
        return unsealed(token) == value
    except CredentialsUnreadableError:  # sealed with a key that is lost: entered again
        return False


def _clean_url(url: str) -> str:
    """The address without its fragment. Which host may be asked is the administrator's choice; how, is not."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and parts.hostname.encode("idna")
    except ValueError as error:  # of the port, of brackets; UnicodeError of the host is one
        raise errors.WebhookAddressError from error
    if not is_usable or "@" in parts.netloc or len(url) > _URL_MAX or _CONTROL.search(url) or " " in url:
        raise errors.WebhookAddressError
    return parts._replace(fragment="").geturl()


def _clean_key(key: str) -> str:
    try:
        found = json.loads(key) if len(key) <= _KEY_MAX else None
    except ValueError as error:
        raise errors.TargetCredentialsError from error
    if not isinstance(found, dict) or found.get("type") != "service_account":
        raise errors.TargetCredentialsError
    if not all(isinstance(found.get(name), str) for name in ("client_email", "private_key", "token_uri")):
        raise errors.TargetCredentialsError
    return json.dumps(found)


def _note(row: Target, action: str, before: dict[str, Any], after: dict[str, Any], user: User | None) -> None:
    record_audit(actor=user, action=f"sync.target.{action}", obj=row, before=before, after=after)
    one = Change(HistoryEvent.SETTING_CHANGED, HistorySide.SYSTEM, f"target:{row.pk}", before=before, after=after)
    record(row, [one], by=Actor.of_user(user))
