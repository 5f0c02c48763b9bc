"""A collection of Firestore as a target: `files/{id}`, and beside it `catalogs/{id}/series/{id}/contents/{id}`, `players/{id}`,
`_sync_metadata/{...}`.
"""

from __future__ import annotations

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, Forbidden, GoogleAPIError, NotFound, ServiceUnavailable
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore import FieldFilter, Query

from mam.lib.bulk import chunks
from sync.errors import TargetBusyError, TargetReadOnlyError, TargetRowsChangedError
from sync.targets.base import READ_ROWS, TargetInfo
from sync.targets.firestore import documents
from sync.targets.firestore.client import NEVER_AGAIN, TIMEOUT_S
from sync.targets.firestore.documents import FILES, MARKS, READ_FIELDS, file_in
from sync.targets.firestore.errors import translated
from sync.targets.rows import DELETED, preferred, spellings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from google.cloud.firestore import Client, DocumentReference, DocumentSnapshot

    from sync.targets.base import Batch, TargetFile, Work
    from sync.targets.firestore.client import Connect

COMMIT_WRITES = 500  # what one commit may have
BATCH_ROWS = COMMIT_WRITES - 1  # and the mark of the batch
FINGERPRINT_READS = 20_000  # documents that are read for a fingerprint
_PATHS_IN_QUERY = 30  # firebase.google.com/docs/firestore/query-data/queries: comparisons in a query
_QUERIES_AT_ONCE = 4
_READ_AGAIN = Retry(predicate=if_exception_type(ServiceUnavailable), initial=0.2, maximum=1.0, timeout=5.0)
_READING: Mapping[str, Any] = {"retry": _READ_AGAIN, "timeout": TIMEOUT_S}


class FirestoreTarget:
    """The database that `connect` opens. An `OttTarget`; after an error it is opened anew.

    Only what has changed is written, and of a document only the fields that have. A commit holds if every document in it is as it was when
    it was compared (its update time), so nobody has to be locked out. Ids of new documents follow from plan, batch and place in it.
    """

    batch_rows = BATCH_ROWS
    keeps_works = True

    def __init__(self, connect: Connect, *, name: str, location: str) -> None:
        self._connect, self._name, self._location = connect, name, location
        self._client: Client | None = None

    def info(self) -> TargetInfo:
        """As in `OttTarget`; nobody is asked."""
        return TargetInfo(self._name, self._location)

    def exists(self) -> bool:
        """As in `OttTarget`: a collection without documents can be read too."""
        return True

    def prepare(self) -> None:
        """As in `OttTarget`: collections are made by what is written to them, so this looks whether we may write."""
        with self._session() as client:
            mark = client.document(MARKS, "target")
            if mark.get(**_READING).exists:
                return
            try:
                mark.create({"format": 1}, retry=NEVER_AGAIN, timeout=TIMEOUT_S)
            except AlreadyExists:
                return
            except Forbidden as error:
                raise TargetReadOnlyError(target=self._name) from error

    # --- reading ------------------------------------------------------------------------------------------------------
    def read_files(self) -> Iterator[list[TargetFile]]:
        """As in `OttTarget`: all documents as they were when the first page was read. Each costs a read."""
        with self._session() as client:
            pages = client.collection(FILES).select(READ_FIELDS).order_by("__name__").limit(READ_ROWS)
            page = list(pages.stream(**_READING))
            read_time = page[0].read_time if page else None
            while page:
                yield [file_in(snapshot) for snapshot in page]
                page = list(pages.start_after(page[-1]).stream(**_READING, read_time=read_time)) if len(page) == READ_ROWS else []

    def find_by_id(self, remote_ids: Iterable[str]) -> dict[str, TargetFile]:
        """As in `OttTarget`."""
        with self._session() as client:
            found: dict[str, TargetFile] = {}
            for part in chunks(filter(_is_id, remote_ids), COMMIT_WRITES):
                found |= {
                    id_: file_in(snapshot) for id_, snapshot in self._get(client, [client.document(FILES, id_) for id_ in part]).items()
                }
            return found

    def find_by_path(self, paths: Iterable[str]) -> dict[str, TargetFile]:
        """As in `OttTarget`."""
        with self._session() as client:
            return preferred(self._by_path(client, paths))

    def _by_path(self, client: Client, paths: Iterable[str]) -> list[TargetFile]:
        """All with these paths, however they are spelt there."""
        wanted = set(paths)
        files = client.collection(FILES).select(READ_FIELDS)

        def find(part: list[str]) -> list[TargetFile]:
            query = files.where(filter=FieldFilter(documents.FIELDS["path"], "in", part))
            return [file_in(snapshot) for snapshot in query.stream(**_READING)]

        with ThreadPoolExecutor(_QUERIES_AT_ONCE) as pool:
            found = [file for part in pool.map(find, chunks(spellings(wanted), _PATHS_IN_QUERY)) for file in part]
        return [file for file in found if file.fields.path in wanted]

    def _get(self, client: Client, references: Sequence[DocumentReference]) -> dict[str, DocumentSnapshot[Any]]:
        """The documents that exist, by id."""
        return {snapshot.id: snapshot for snapshot in client.get_all(list(references), **_READING) if snapshot.exists}

    def fingerprint(self) -> str:
        """As in `OttTarget`, for up to FINGERPRINT_READS documents: a digest of their ids and update times, which Firestore itself sets at
        every write of whatever program. That is certain, and costs a read for each document.

        For more of them that would cost as much as reading all of them anew (700,000: $0.42, every half hour). So only sums are asked for,
        at a read for each thousand: how many there are, how many of them deleted, their bytes, and the newest `updated_at`. It misses a
        program that changes a document in place and leaves size, status and `updated_at` alone; `apply` does not, for it compares every
        document that it writes to, whole.
        """
        with self._session() as client:
            files = client.collection(FILES)
            count = self._count(files)
            if count <= FINGERPRINT_READS:
                digest = hashlib.blake2b(digest_size=16)
                for snapshot in files.select([]).order_by("__name__").stream(**_READING):
                    digest.update(f"{snapshot.id}\n{snapshot.update_time.rfc3339()}\n".encode())
                return f"all:{count}:{digest.hexdigest()}"
            deleted = self._count(files.where(filter=FieldFilter("status", "==", DELETED)))
            total_bytes = files.sum(documents.FIELDS["size"]).get(**_READING)[0][0].value
            newest = list(files.select(["updated_at"]).order_by("updated_at", direction=Query.DESCENDING).limit(1).stream(**_READING))
            return f"sums:{count}:{deleted}:{total_bytes}:{newest[0].get('updated_at') if newest else ''}"

    @staticmethod
    def _count(query: Any) -> int:
        return int(query.count().get(**_READING)[0][0].value)

    def applied(self, plan: str) -> int:
        """As in `OttTarget`."""
        with self._session() as client:
            return self._count(client.collection(MARKS).where(filter=FieldFilter("plan", "==", plan)))

    # --- writing ------------------------------------------------------------------------------------------------------
    def apply(self, batch: Batch) -> list[str]:
        """As in `OttTarget`. TargetBusyError when others write to the same documents at this moment."""
        if len(batch.writes) > self.batch_rows:
            raise ValueError(f"{len(batch.writes)} writes in a batch")
        ids = _ids(batch)
        with self._session() as client:
            mark = client.document(MARKS, f"{batch.plan}.{batch.number}")
            now = self._now(client, mark, batch)
            if now is None or self._is_done_or_refused(client, mark, batch, ids, now):
                return ids
            try:
                self._commit(client, mark, batch, ids, now)
            except Forbidden as error:
                raise TargetReadOnlyError(target=self._name) from error
            except (AlreadyExists, FailedPrecondition, NotFound) as error:  # what was compared is not so any more
                now = self._now(client, mark, batch)
                if now is None or self._is_done_or_refused(client, mark, batch, ids, now):
                    return ids
                raise TargetBusyError(target=self._name) from error
        return ids

    def _now(self, client: Client, mark: DocumentReference, batch: Batch) -> dict[str, DocumentSnapshot[Any]] | None:
        """The documents that the batch changes, as they are; None when it is there already."""
        references = [
            client.document(FILES, write.remote_id) for write in batch.writes if write.before is not None and _is_id(write.remote_id)
        ]
        found = self._get(client, [mark, *references])
        return None if mark.id in found else found

    def _is_done_or_refused(
        self, client: Client, mark: DocumentReference, batch: Batch, ids: Sequence[str], now: Mapping[str, DocumentSnapshot[Any]]
    ) -> bool:
        """TargetRowsChangedError unless all is as the batch says; or True because another process of ours has done it just now."""
        changed = self._first_changed(client, batch, ids, now)
        if changed is None:
            return False
        if mark.get(**_READING).exists:
            return True
        raise TargetRowsChangedError(remote_id=changed)

    def _first_changed(self, client: Client, batch: Batch, ids: Sequence[str], now: Mapping[str, DocumentSnapshot[Any]]) -> str | None:
        """The id of a document that is not as the batch says, or has the path of a new one."""
        for write in batch.writes:
            if write.before is not None and not (write.remote_id in now and _is_same(write.before, file_in(now[write.remote_id]))):
                return write.remote_id
        paths = [write.fields.path for write in batch.writes if write.before is None and not write.is_deleted]
        others = (file for file in self._by_path(client, paths) if file.remote_id not in set(ids))
        return next((file.remote_id for file in others if not (file.is_deleted or file.error)), None)

    def _commit(
        self, client: Client, mark: DocumentReference, batch: Batch, ids: Sequence[str], now: Mapping[str, DocumentSnapshot[Any]]
    ) -> None:
        """All of it and the mark, if every document is still the one that was compared."""
        commit = client.batch()
        commit.create(mark, {"plan": batch.plan, "batch": batch.number, "at": batch.at})
        for remote_id, write in zip(ids, batch.writes, strict=True):
            reference = client.document(FILES, remote_id)
            if write.before is None:
                fresh = documents.fields_of(write.fields) | documents.status_of(write, batch.at)
                commit.create(reference, fresh | {"created_at": batch.at, "updated_at": batch.at})
            elif changed := documents.changes(write, write.before, batch.at):
                commit.update(reference, changed, option=client.write_option(last_update_time=now[remote_id].update_time))
        commit.commit(retry=NEVER_AGAIN, timeout=TIMEOUT_S)

    def put_works(self, works: Sequence[Work]) -> None:
        """As in `OttTarget`. Works that are there as they should be are not written."""
        with self._session() as client:
            for part in chunks(works, COMMIT_WRITES):
                wanted = {documents.work_reference(client, work): documents.work_fields(work) for work in part}
                there = {snapshot.reference: snapshot.to_dict() or {} for snapshot in client.get_all(list(wanted), **_READING)}
                commit = client.batch()
                for reference, fields in wanted.items():
                    if any(name not in there[reference] or there[reference][name] != value for name, value in fields.items()):
                        commit.set(reference, dict(fields), merge=True)
                if len(commit):
                    commit.commit(retry=NEVER_AGAIN, timeout=TIMEOUT_S)

    # --- the connection -----------------------------------------------------------------------------------------------
    def close(self) -> None:
        """As in `OttTarget`."""
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]

    @contextmanager
    def _session(self) -> Iterator[Client]:
        try:
            if self._client is None:
                self._client = self._connect()
            yield self._client
        except (GoogleAPIError, GoogleAuthError) as error:
            self.close()
            raise translated(error, target=self._name) from error


def _ids(batch: Batch) -> list[str]:
    """Of all writes; those of new documents are the same each time."""
    plan = uuid.UUID(batch.plan)
    return [
        str(uuid.uuid5(plan, f"{batch.number}:{index}")) if write.before is None else write.remote_id
        for index, write in enumerate(batch.writes)
    ]


def _is_same(before: TargetFile, now: TargetFile) -> bool:
    is_same = before.fields == now.fields or documents.as_kept(before).fields == now.fields
    return is_same and before.is_deleted == now.is_deleted


def _is_id(remote_id: str) -> bool:
    """Whether a document may be called so."""
    return bool(remote_id) and "/" not in remote_id and remote_id not in {".", ".."} and not remote_id.startswith("__")
