"""An S3 bucket as a store of bytes, on django-storages' backend: large objects in parts, patient with outages, ranged reads.

Each request is tried twice within seconds, since somebody may be waiting for it. Only writing is patient: hours of work lie in
what is being written, so its parts are sent again until `patience_s` have passed without an answer.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage as DjangoS3Storage

from mam.lib.storages.base import StoredEntry
from mam.lib.storages.errors import ObjectMissingError, StorageError, StorageOfflineError, UploadCancelledError
from mam.lib.storages.s3_errors import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from mam.lib.storages.base import Readable

PART_BYTES = 16 * 1024 * 1024  # times 10,000 parts: 160 GB, more than any rendition; S3 takes 5 MiB to 5 GiB
PARTS_AT_ONCE = 3
_DELETED_AT_ONCE = 100  # a server that deletes one by one has to answer in time
_PAUSES_S = (0.25, 0.5, 1, 2, 4, 8)  # between tries of a patient request; the last one repeats
_LOOK_S = 0.25  # how soon a cancel is seen
T = TypeVar("T")


def client_config(*, connect_timeout_s: float = 5, read_timeout_s: float = 30) -> Config:
    """How requests are made: path addresses and version 4 signatures (every S3 server has them), bodies signed.

    With the body in the signature the server refuses bytes that were changed on their way, and what a server other than Amazon's
    does not know (checksums as trailers) is not used.
    """
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path", "payload_signing_enabled": True},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=connect_timeout_s,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=32,
        tcp_keepalive=True,
    )


class S3Storage(DjangoS3Storage):  # type: ignore[misc]  # django-storages has no types
    """Objects below `location` of a bucket. Options as django-storages', and how long a write waits for a silent server."""

    def __init__(self, *, patience_s: float = 300, part_bytes: int = PART_BYTES, names_at_once: int = 1000, **options: Any) -> None:
        super().__init__(**{"client_config": client_config(), **options})
        self._patience_s = patience_s
        self._part_bytes = part_bytes
        self._names_at_once = names_at_once  # S3 gives and takes 1,000 at most
        self._lock = threading.Lock()
        self._client_of: tuple[int, Any] = (0, None)

    @property
    def client(self) -> Any:
        """One for all threads (clients are thread-safe, sessions are not), a new one after a fork."""
        with self._lock:
            pid, client = self._client_of
            if pid != os.getpid():
                client = self._create_session().client(
                    "s3", region_name=self.region_name, endpoint_url=self.endpoint_url, config=self.client_config, verify=self.verify
                )
                self._client_of = (os.getpid(), client)
            return client

    def write(self, name: str, source: Readable, *, content_type: str, cancelled: threading.Event | None = None) -> None:
        """See `ByteStore.write`: one request for a small object, parts for a large one."""
        target = self._target(name)
        patience = Patience(self._patience_s, name, cancelled)
        first = _read_full(source, self._part_bytes)
        if len(first) < self._part_bytes:
            patience.ask(lambda: self.ask("put_object", **target, Body=first, ContentType=content_type))
            return
        _Upload(self, target, content_type, patience).run(first, source, self._part_bytes)

    def adopt(self, name: str, path: Path, *, content_type: str, cancelled: threading.Event | None = None) -> None:
        """See `ByteStore.adopt`."""
        with path.open("rb") as source:
            self.write(name, source, content_type=content_type, cancelled=cancelled)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """See `ByteStore.read_range`."""
        if length <= 0:
            return b""
        try:
            with self._translated(name):
                answer = self.client.get_object(**self._target(name), Range=f"bytes={offset}-{offset + length - 1}")
                with contextlib.closing(answer["Body"]) as body:
                    data: bytes = body.read()
                    return data
        except _BehindTheEndError:
            return b""

    def stat(self, name: str) -> StoredEntry:
        """See `ByteStore.stat`."""
        found = self.ask("head_object", **self._target(name))
        return StoredEntry(name, found["ContentLength"], found["LastModified"])

    def list_entries(self, prefix: str) -> Iterator[StoredEntry]:
        """See `ByteStore.list_entries`: many names a request."""
        root = self._key("")
        more: dict[str, str] = {}
        while True:
            page = self.ask("list_objects_v2", Bucket=self.bucket_name, Prefix=root + prefix, MaxKeys=self._names_at_once, **more)
            for item in page.get("Contents", ()):
                yield StoredEntry(item["Key"].removeprefix(root), item["Size"], item["LastModified"])
            if not page["IsTruncated"]:
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def delete_many(self, names: Iterable[str]) -> None:
        """See `ByteStore.delete_many`: many names a request."""
        keys = [{"Key": self._key(name)} for name in names]
        at_once = min(_DELETED_AT_ONCE, self._names_at_once)
        for start in range(0, len(keys), at_once):
            chunk = {"Objects": keys[start : start + at_once], "Quiet": True}
            answer = self.ask("delete_objects", Bucket=self.bucket_name, Delete=chunk)
            if answer.get("Errors"):
                raise StorageError(reason=answer["Errors"][0].get("Code", ""))

    def local_path(self, name: str) -> Path | None:
        """None: nothing lies here."""
        return None

    def presigned_url(self, name: str, *, expires_s: int, method: Literal["GET", "PUT"] = "GET") -> str | None:
        """See `ByteStore.presigned_url`. Asks nobody: the address is computed."""
        with self._translated(name):
            operation = {"GET": "get_object", "PUT": "put_object"}[method]
            url: str = self.client.generate_presigned_url(operation, Params=self._target(name), ExpiresIn=expires_s)
            return url

    def purge_unfinished(self, prefix: str, *, older_than: datetime.timedelta) -> int:
        """See `ByteStore.purge_unfinished`: uploads in parts, whose parts are paid for and in no listing."""
        latest = datetime.datetime.now(datetime.UTC) - older_than
        count = 0
        for upload in list(self._unfinished(prefix)):
            if upload["Initiated"] < latest:
                self.ask("abort_multipart_upload", Bucket=self.bucket_name, Key=upload["Key"], UploadId=upload["UploadId"])
                count += 1
        return count

    def _unfinished(self, prefix: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            page = self.ask("list_multipart_uploads", Bucket=self.bucket_name, Prefix=self._key(prefix), **more)
            yield from page.get("Uploads", ())
            if not page.get("IsTruncated"):
                return
            more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def _key(self, name: str) -> str:
        location = str(self.location).strip("/")
        return f"{location}/{name}" if location else name

    def _target(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._key(name)}

    def ask(self, operation: str, **params: Any) -> Any:
        """The answer to one request. Raises StorageErrors."""
        with self._translated(str(params.get("Key", ""))):
            return getattr(self.client, operation)(**params)

    @contextlib.contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in {"InvalidRange", "416"}:
                raise _BehindTheEndError from error
            raise translate(error, name=name, bucket=self.bucket_name) from error


class _BehindTheEndError(Exception):
    """A range was asked for that begins after the object's last byte."""


@dataclass(slots=True)
class Patience:
    """Repeats requests of one write while the server does not answer. Used by several threads."""

    seconds: float
    name: str
    cancelled: threading.Event | None
    is_abandoned: bool = False  # another request of the same write has failed for good

    def ask(self, request: Callable[[], T]) -> T:
        """The answer, or the last StorageOfflineError after `seconds` of silence; UploadCancelledError once cancelled."""
        give_up_at = time.monotonic() + self.seconds
        pauses = iter(_PAUSES_S)
        while True:
            self.check()
            try:
                return request()
            except StorageOfflineError:
                pause_s = next(pauses, _PAUSES_S[-1])
                if time.monotonic() + pause_s > give_up_at:
                    raise
            self._pause(pause_s)

    def check(self) -> None:
        """Return if the write may go on; else UploadCancelledError."""
        if self.is_abandoned or (self.cancelled is not None and self.cancelled.is_set()):
            raise UploadCancelledError(name=self.name)

    def result(self, future: Future[T]) -> T:
        """What `future` gives; UploadCancelledError at once when cancelled before."""
        while not wait([future], timeout=_LOOK_S).done:
            self.check()
        return future.result()

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (rest_s := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(rest_s, _LOOK_S))


class _Upload:
    """One upload in parts: sent by a few threads, an object at its end, and forgotten when it fails."""

    def __init__(self, storage: S3Storage, target: Mapping[str, str], content_type: str, patience: Patience) -> None:
        self._storage = storage
        self._patience = patience
        begun = patience.ask(lambda: storage.ask("create_multipart_upload", **target, ContentType=content_type))
        self._object = target
        self._target = {**target, "UploadId": begun["UploadId"]}

    def run(self, first: bytes, source: Readable, part_bytes: int) -> None:
        """Send `first` and the rest of `source`. Raises StorageErrors and what `source` raises; then nothing is stored."""
        threads = ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="s3-part")
        try:
            tags, size_bytes = self._send(threads, first, source, part_bytes)
            self._complete(tags, size_bytes)
        except BaseException:
            self._patience.is_abandoned = True
            with contextlib.suppress(StorageError):  # the sweep finds what stays
                self._storage.ask("abort_multipart_upload", **self._target)
            raise
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def _send(self, threads: ThreadPoolExecutor, first: bytes, source: Readable, part_bytes: int) -> tuple[list[str], int]:
        """Entity tags of all parts in their order, and the length of all. PARTS_AT_ONCE + 1 parts are in memory."""
        tags: list[str] = []
        sending: deque[Future[str]] = deque()
        part, size_bytes = first, 0
        while part:
            sending.append(threads.submit(self._send_part, len(tags) + len(sending) + 1, part))
            size_bytes += len(part)
            part = _read_full(source, part_bytes)
            if len(sending) == PARTS_AT_ONCE:
                tags.append(self._patience.result(sending.popleft()))
        tags.extend(self._patience.result(future) for future in sending)
        return tags, size_bytes

    def _send_part(self, number: int, body: bytes) -> str:
        def send() -> str:
            tag: str = self._storage.ask("upload_part", **self._target, PartNumber=number, Body=body)["ETag"]
            return tag

        return self._patience.ask(send)

    def _complete(self, tags: list[str], size_bytes: int) -> None:
        """Make the parts one object. Asked again after an answer that was lost, the upload is gone and the object is there."""
        parts = {"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]}
        try:
            self._patience.ask(lambda: self._storage.ask("complete_multipart_upload", **self._target, MultipartUpload=parts))
        except ObjectMissingError:
            found = self._patience.ask(lambda: self._storage.ask("head_object", **self._object))
            if found["ContentLength"] != size_bytes:
                raise


def _read_full(source: Readable, length: int) -> bytes:
    """Exactly `length` bytes, fewer only at the end: a raw stream may give less at a time."""
    parts = []
    while length and (data := source.read(length)):
        parts.append(data)
        length -= len(data)
    return b"".join(parts)
