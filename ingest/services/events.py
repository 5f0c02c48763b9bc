"""File events from scripts on the NAS: a reason to look at a folder, never trusted for more."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from django.conf import settings

from catalog.models import Source
from ingest.errors import BadSignatureError, SourceUnknownError
from ingest.services.scans import hint_folders
from mam.lib.sources.base import split_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

SIGNATURE_MAX_AGE_S = 300


def sign(*, secret: str, timestamp: int, body: bytes) -> str:
    """The value of `X-MAM-Signature` for `body`: "t=<unix seconds>,v1=<hex HMAC-SHA256 of '<t>.' + body>"."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def verify_signature(*, header: str, body: bytes, now: datetime) -> None:
    """Raises BadSignatureError unless `header` signs `body` with the shared secret within the last 5 minutes."""
    fields = dict(part.partition("=")[::2] for part in header.split(","))
    try:
        timestamp = int(fields.get("t", ""))
    except ValueError as error:
        raise BadSignatureError from error
    expected = sign(secret=settings.MAM_WEBHOOK_SECRET, timestamp=timestamp, body=body)
    is_fresh = abs(now.timestamp() - timestamp) <= SIGNATURE_MAX_AGE_S
    if not (settings.MAM_WEBHOOK_SECRET and is_fresh and hmac.compare_digest(expected.encode(), header.strip().encode())):
        raise BadSignatureError


def accept_event(*, paths: Sequence[str], source_name: str = "") -> list[Source]:
    """Have the folders that hold `paths` looked at. Returns the sources concerned.

    A path is relative to its source's root, or absolute on the NAS with the source's own path somewhere in it (what inotify on the NAS
    reports). Without `source_name` every enabled source gets the hint whose known root fits; a path that fits nowhere hints the roots.
    Raises SourceUnknownError, and PathOutsideRootError for a path that leaves the root.
    """
    sources = list(Source.objects.filter(is_enabled=True))
    if source_name:
        sources = [source for source in sources if source.name == source_name]
        if not sources:
            raise SourceUnknownError(source=source_name)
    for source in sources:
        hint_folders(source=source, paths=[parent_of(relative_to_root(path, source)) for path in paths])
    return sources


def relative_to_root(path: str, source: Source) -> str:
    """`path` below the source's root. An absolute path is cut behind the source's own path, where it contains that."""
    path = path.replace("\\", "/")
    if path.startswith("/"):
        root = "/" + source.url.partition("://")[2].partition("/")[2].strip("/")
        if source.url.startswith("file://"):
            root = source.url.removeprefix("file://").rstrip("/")
        before, found, after = path.partition(f"{root}/")
        path = after if found and root != "/" else before.lstrip("/")
    path = "/".join(part for part in path.split("/") if part)
    split_path(path)
    return path


def parent_of(path: str) -> str:
    """The folder of a path; "" for a name in the root."""
    return path.rpartition("/")[0]
