"""What sync needs of a target, whatever it is: a table of files with the target's own ids, written in batches that count once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

READ_ROWS = 5_000  # of a batch that is read


@dataclass(frozen=True, slots=True)
class FileFields:
    """What a target says of a file. `path` is NFC; what is not known is None or ""."""

    path: str
    size_bytes: int
    extension: str = ""
    is_hls: bool = False
    codec: str = ""  # of the picture
    width_px: int | None = None
    height_px: int | None = None
    duration_ms: int | None = None
    content_id: str = ""  # `Work.id` of the content


@dataclass(frozen=True, slots=True)
class TargetFile:
    """A row of the target. `remote_id` is the target's own, as text; it never changes.

    `error`: the message code of why the row cannot be read (`sync.targets.rows`), else ""; such a row still has a path, empty or cut.
    """

    remote_id: str
    fields: FileFields
    is_deleted: bool = False
    deleted_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """One row as it shall be. `before`: the row as it has to be for that (None: there is none, and `remote_id` is "").

    Only what differs from `before` is written. `deleted_at`: since when the row is deleted, if not since `Batch.at`.
    """

    remote_id: str
    fields: FileFields
    is_deleted: bool
    before: TargetFile | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Writes that become true together. Batches of a plan are numbered from 0; each counts once, and one that failed may be left out.

    Paths have to become free before they are taken: in the same batch in any order, else by an earlier batch.
    """

    plan: str  # a uuid
    number: int
    at: datetime  # when the plan was made: what a target says of when rows changed, so that doing it again gives the same
    writes: Sequence[Write]


@dataclass(frozen=True, slots=True)
class Work:
    """A catalog, a series of it, a content of that, or a player. `parent`: ids from the catalog down, without its own.

    Of `details` a target keeps what it has a place for.
    """

    kind: str  # "catalog", "series", "content", "player"
    id: str
    parent: tuple[str, ...] = ()
    name: str = ""
    details: dict[str, str | int | list[str] | None] = field(default_factory=dict)  # description, position, year, players, aliases


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What people are told of a target. `location`: its file, address or project, without secrets.

    `size_bytes`: None while it is away, and where nobody knows.
    """

    name: str
    location: str
    size_bytes: int | None = None


class OttTarget(Protocol):
    """An open target; used by one thread. Every method may raise `TargetError`."""

    batch_rows: int  # at most so many writes in a batch

    @property
    def keeps_works(self) -> bool:
        """Whether works and content ids are kept. Else the target has works of its own: `put_works` does nothing, and content ids are
        neither read (they are "") nor written nor compared.
        """
        ...

    def info(self) -> TargetInfo:
        """Answers also while the target is away, and makes nothing there."""
        ...

    def exists(self) -> bool:
        """Whether there is anything that can be read, though it may not be prepared. Makes nothing. Refuses what is no target of ours."""
        ...

    def prepare(self) -> None:
        """Make what is missing there, and take nothing away; idempotent. Refuses what is no target of ours."""
        ...

    def read_files(self) -> Iterator[list[TargetFile]]:
        """All rows, deleted ones too, in batches of at most READ_ROWS; memory does not grow with their number."""
        ...

    def find_by_id(self, remote_ids: Iterable[str]) -> dict[str, TargetFile]:
        """Those of the rows that exist, by id."""
        ...

    def find_by_path(self, paths: Iterable[str]) -> dict[str, TargetFile]:
        """Rows with these paths, however they are spelt there, by the path in NFC: one that is not deleted before one that is, the first id
        of several.
        """
        ...

    def fingerprint(self) -> str:
        """Changes whenever what `read_files` gives does, whoever changed it. FirestoreTarget says what holds for large collections."""
        ...

    def apply(self, batch: Batch) -> list[str]:
        """Make all of it true in one transaction, and remember that there; the remote id of each write. Done again, it gives the same ids.

        TargetRowsChangedError when a row is not as `before` says, or another one that is not deleted has the path of a new one:
        nothing is written then.
        """
        ...

    def applied(self, plan: str) -> int:
        """How many batches of the plan are there."""
        ...

    def put_works(self, works: Sequence[Work]) -> None:
        """Write what files belong to; again gives the same."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
