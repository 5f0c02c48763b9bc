"""Source file systems: local disks and mounts, SMB shares; one interface, chosen by the address.

No Django, no models here. `open_source` is the door; the rest of the product needs Entry, RangedReader, SourceFileSystem and
the errors of `mam.lib.sources.errors`.
"""

from __future__ import annotations

from functools import partial

from mam.lib.sources.base import Entry, Health, RangedReader, SourceFileSystem, split_path
from mam.lib.sources.facade import PooledSource
from mam.lib.sources.governor import Governor, Ledger, Limits
from mam.lib.sources.ledgers import MemoryLedger
from mam.lib.sources.local import LocalConnection, local_path
from mam.lib.sources.login import Login
from mam.lib.sources.pool import Timing
from mam.lib.sources.smb import SmbConnector
from mam.lib.sources.smb2.watch import watch
from mam.lib.sources.url import LocalUrl, SmbUrl, parse_url

__all__ = [
    "Entry",
    "Health",
    "Ledger",
    "Limits",
    "LocalUrl",
    "RangedReader",
    "SmbUrl",
    "SourceFileSystem",
    "Timing",
    "open_source",
    "parse_url",
    "split_path",
]

DEFAULT_TIMEOUT_S = 20.0


def open_source(
    url: str,
    *,
    username: str = "",
    password: str = "",
    domain: str = "",
    require_encryption: bool = False,
    parallelism: int = 4,
    limits: Limits | None = None,
    ledger: Ledger | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    timing: Timing | None = None,
) -> SourceFileSystem:
    """The source at `url`, safe to use from many threads; nothing is asked of it before the first call.

    `parallelism` connections at most. `limits` hold for all who share the `ledger`; without one, for this process. `timeout_s` is the
    longest silence of a server before TransientError. Raises InvalidSourceUrlError's subclasses for the address alone.
    """
    address = parse_url(url)
    timing = timing or Timing()
    governor = Governor(limits, ledger or MemoryLedger(timing.monotonic), timing) if limits else None
    if isinstance(address, LocalUrl):
        return PooledSource(
            partial(LocalConnection, address.root, str(address)),
            address=str(address),
            parallelism=parallelism,
            timing=timing,
            governor=governor,
            local_path=partial(local_path, address.root),
        )
    user_domain, _, user = username.rpartition("\\")  # people type DOMAIN\\user
    login = Login(str(address), address.host, address.port, user, password, domain or user_domain, timeout_s)
    connector = SmbConnector(address, login, require_encryption=require_encryption)
    return PooledSource(connector.connect, address=str(address), parallelism=parallelism, timing=timing, governor=governor, watcher=watch)
