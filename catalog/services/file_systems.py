"""Opening sources: one file system per source and process, so that all its connections are shared and counted."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.module_loading import import_string

from mam.lib import secrets
from mam.lib.errors import MamError
from mam.lib.sources import Limits, open_source
from mam.lib.sources.ledgers import FileLedger, RedisLedger

if TYPE_CHECKING:
    from catalog.models import Source
    from mam.lib.sources import Ledger, SourceFileSystem


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a source's server wants to know. Never shown: `repr` leaves the password out."""

    username: str = ""
    password: str = field(default="", repr=False)
    domain: str = ""

    def __bool__(self) -> bool:
        return bool(self.username or self.password or self.domain)

    def seal(self) -> str:
        """Encrypted, for `Source.credentials`; "" for none."""
        if not self:
            return ""
        plain = json.dumps({"username": self.username, "password": self.password, "domain": self.domain})
        return secrets.encrypt(plain, settings.CREDENTIALS_KEYS)


def credentials_of(source: Source) -> Credentials:
    """The stored credentials. CredentialsUnreadableError when the key is not the one they were sealed with."""
    if not source.credentials:
        return Credentials()
    return Credentials(**json.loads(secrets.decrypt(source.credentials, settings.CREDENTIALS_KEYS)))


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What came of a test: how the server answers, or the error (`code`, `params`) for `mam.lib.messages.render`."""

    is_ok: bool
    latency_ms: float = 0.0
    server: str = ""
    dialect: str = ""
    is_encrypted: bool = False
    root_entries: int = 0
    code: str = ""
    params: dict[str, str | int | float] = field(default_factory=dict)


def try_address(*, url: str, credentials: Credentials, require_encryption: bool = False) -> ConnectionReport:
    """Connect anew, look at the root, and close. Errors of the source are the report, not raised. Takes no lock."""
    try:
        file_system = open_source(
            url,
            username=credentials.username,
            password=credentials.password,
            domain=credentials.domain,
            require_encryption=require_encryption,
            parallelism=1,
        )
        try:
            health = file_system.health()
            entries = len(file_system.list_directory(""))
        finally:
            file_system.close()
    except MamError as error:
        return ConnectionReport(is_ok=False, code=error.code, params=error.params)
    return ConnectionReport(
        is_ok=True,
        latency_ms=health.latency_ms,
        server=health.server,
        dialect=health.dialect,
        is_encrypted=health.is_encrypted,
        root_entries=entries,
    )


_lock = threading.Lock()
_opened: dict[int, tuple[str, SourceFileSystem]] = {}  # source id -> version of its settings, its file system


def open_file_system(source: Source) -> SourceFileSystem:
    """The file system of `source`, shared by all threads of this process; do not close it.

    Opened anew, and the old one closed, when the settings in `source` differ from those it was opened with. Nothing is asked of
    the server yet. Raises CredentialsUnreadableError, and InvalidSourceUrlError's subclasses.
    """
    version = _version_of(source)
    with _lock:
        held = _opened.get(source.pk)
        if held is not None and held[0] == version:
            return held[1]
        credentials = credentials_of(source)
        file_system = open_source(
            source.url,
            username=credentials.username,
            password=credentials.password,
            domain=credentials.domain,
            require_encryption=source.require_encryption,
            parallelism=source.parallelism,
            limits=Limits(source.read_limit_bytes_per_s, source.open_file_limit),
            ledger=_ledger_of(source),
        )
        _opened[source.pk] = (version, file_system)
    if held is not None:
        held[1].close()
    return file_system


def _ledger_of(source: Source) -> Ledger:
    """What all readers of the source share: on this machine, and with Redis on all of them."""
    machine = FileLedger(settings.DATA_DIR / "run" / "sources" / str(source.pk))
    if not settings.REDIS_URL:
        return machine
    # By name: importing it costs a fifth of Django's start, and few have it.
    redis = import_string("redis.Redis")
    client = redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    return RedisLedger(client, f"mam:source:{source.pk}", machine, errors=(OSError, import_string("redis.exceptions.RedisError")))


def close_file_system(source_id: int) -> None:
    """Close the connections of a source that is going away; nothing when there are none."""
    with _lock:
        held = _opened.pop(source_id, None)
    if held is not None:
        held[1].close()


def _version_of(source: Source) -> str:
    """Equal as long as nothing changed that matters to an open connection."""
    limits = [source.read_limit_bytes_per_s, source.open_file_limit]
    parts = [source.url, source.credentials, source.require_encryption, source.parallelism, *limits]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _forget_all() -> None:
    """In a forked child: the sockets are the parent's; closing them would end its sessions."""
    global _lock  # the parent may have forked while it was held
    _lock = threading.Lock()
    _opened.clear()


os.register_at_fork(after_in_child=_forget_all)
