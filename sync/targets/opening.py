"""Opens the target that a row of `Target` describes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from mam.lib import secrets
from mam.lib.secrets import CredentialsUnreadableError
from sync.choices import Adapter
from sync.errors import TargetKeyLostError
from sync.targets.database import DatabaseTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sync.models import Target
    from sync.targets.base import OttTarget


@contextmanager
def open_target(target: Target) -> Iterator[OttTarget]:
    """The adapter for a target, closed at the end. Nothing is asked of it yet. TargetKeyLostError, TargetAccessError."""
    adapter = _OPENERS[Adapter(target.adapter)](target)
    try:
        yield adapter
    finally:
        adapter.close()


def _open_database(_target: Target) -> OttTarget:
    return DatabaseTarget()


def _open_firestore(target: Target) -> OttTarget:
    from sync.targets.firestore.client import DEFAULT_DATABASE, connector  # noqa: PLC0415  (a second and 60 MB that few need)
    from sync.targets.firestore.target import FirestoreTarget  # noqa: PLC0415

    project, database = str(target.options.get("project", "")), str(target.options.get("database") or DEFAULT_DATABASE)
    connect = connector(project=project, database=database, credentials=_credentials(target))
    return FirestoreTarget(connect, name=target.name, location=f"{project}/{database}")


def _credentials(target: Target) -> str:
    """The service account's key file, decrypted; never logged."""
    try:
        return secrets.decrypt(target.credentials, settings.CREDENTIALS_KEYS)
    except CredentialsUnreadableError as error:
        raise TargetKeyLostError(target=target.name) from error


_OPENERS: dict[Adapter, Callable[[Target], OttTarget]] = {Adapter.DATABASE: _open_database, Adapter.FIRESTORE: _open_firestore}
