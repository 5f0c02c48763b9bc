"""The kinds of work there are. Filled by `@job` in the `tasks.py` of each app, loaded when Django starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mam.jobs.errors import UnknownJobKindError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mam.jobs.context import JobContext

    TaskFunction = Callable[[JobContext], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of work: where it waits, how often it is tried, and the function that does it."""

    name: str
    queue: str
    max_attempts: int
    label: str  # English, for people; the Korean comes from gettext
    run: TaskFunction


_kinds: dict[str, JobKind] = {}


def job(*, kind: str, queue: str = "fast", max_attempts: int = 3, label: str = "") -> Callable[[TaskFunction], TaskFunction]:
    """Register a task: `@job(kind="ingest.scan", label=gettext_noop("Scan"))` on `def run_scan(ctx: JobContext)`.

    The function returns the job's result (JSON) or None. It is idempotent: a job whose worker died is done again, so what
    it writes goes through `ctx.publish()`. A MamError fails the job with its code; one that is not permanent is tried
    again after 1, 2, 4 s, at most `max_attempts` times in all. ValueError when the kind exists already.
    """

    def register(run: TaskFunction) -> TaskFunction:
        known = _kinds.get(kind)
        if known is not None and known.run.__qualname__ != run.__qualname__:
            raise ValueError(f"job kind {kind!r} is registered twice")
        _kinds[kind] = JobKind(name=kind, queue=queue, max_attempts=max_attempts, label=label or kind, run=run)
        return run

    return register


def get_kind(name: str) -> JobKind:
    """The registered kind; UnknownJobKindError when no app has it (any more)."""
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownJobKindError(kind=name) from None


def list_kinds() -> list[JobKind]:
    """All kinds by name."""
    return sorted(_kinds.values(), key=lambda kind: kind.name)


def names_of(words: str) -> list[str]:
    """The names of the kinds that `words` names, with commas between; "sync." stands for all that begin so."""
    named = [word.strip() for word in words.split(",")]
    return [kind for kind in sorted(_kinds) if any(kind == word or (word.endswith(".") and kind.startswith(word)) for word in named)]


def label_of(name: str) -> str:
    """The English label of a kind, for gettext; a kind that no app has any more is its own label."""
    known = _kinds.get(name)
    return known.label if known else name


def forget(name: str) -> None:
    """Take a kind out again: for tests that made one."""
    del _kinds[name]
