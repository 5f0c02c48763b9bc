"""The catalog's jobs: thin, idempotent, ids in."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from catalog.search import index
from catalog.selectors.rules import PLACE_JOB
from catalog.services import bulk_edits, metadata_import, upkeep
from catalog.services.placement import place_all
from catalog.services.sources import DELETE_JOB, purge_source
from mam.jobs.registry import job
from mam.lib.errors import gettext_noop

if TYPE_CHECKING:
    from mam.jobs.context import JobContext


@job(kind=PLACE_JOB, label=gettext_noop("Apply path rules"))
def run_place(ctx: JobContext) -> dict[str, Any]:
    """Put every file where the rules say. Progress counts ids, not files: gaps in them are no reason to count first."""

    def report(reached: int, last: int) -> None:
        ctx.check()
        ctx.progress(reached, last)

    return asdict(place_all(on_progress=report))


@job(kind=DELETE_JOB, label=gettext_noop("Remove source"))
def run_delete_source(ctx: JobContext) -> dict[str, Any]:
    """Take the source `source_id` and its files out of the catalog."""

    def report(files: int) -> None:
        ctx.check()
        ctx.progress(files, unit="files")

    return {"files": purge_source(source_id=ctx.params["source_id"], on_progress=report)}


@job(kind=bulk_edits.EDIT_JOB, label=gettext_noop("Change many files"))
def run_bulk_edit(ctx: JobContext) -> dict[str, Any]:
    """Bring the parts of the edit `edit_id` to where they are wanted."""
    edit_id, user_id = ctx.params["edit_id"], ctx.params.get("user_id")
    return {"changed": bulk_edits.settle(edit_id=edit_id, user_id=user_id, publish=ctx.publish, on_progress=ctx.progress)}


@job(kind=metadata_import.IMPORT_JOB, label=gettext_noop("Import metadata"))
def run_metadata_import(ctx: JobContext) -> dict[str, Any]:
    """Check, apply or undo the parts of the import `import_id`."""
    return metadata_import.settle(import_id=ctx.params["import_id"], publish=ctx.publish, on_progress=ctx.progress)


@job(kind=index.INDEX_JOB, label=gettext_noop("Update the search"))
def run_index_search(ctx: JobContext) -> dict[str, Any]:
    """Make the search entries of files that changed."""

    def report(files: int) -> None:
        ctx.check()
        ctx.progress(files, unit="files")

    return {"changes": index.refresh_all(report)}


@job(kind=index.CHECK_JOB, label=gettext_noop("Check the search"))
def run_check_search(ctx: JobContext) -> dict[str, Any]:
    """Compare the search with the catalog, and repair it. Progress counts ids."""

    def report(reached: int, last: int) -> None:
        ctx.check()
        ctx.progress(reached, last)

    return asdict(index.check(report))


def enqueue_index_search() -> None:
    """Clock: files have changed, whoever changed them."""
    index.request_due_refresh()


def enqueue_check_search() -> None:
    """Clock: the nightly comparison."""
    index.request_due_check()


@job(kind=upkeep.CHECK_JOB, label=gettext_noop("Check the counts"))
def run_check_counts(ctx: JobContext) -> dict[str, Any]:
    """Compare folder totals and cubes with what is there, and repair them."""
    return upkeep.check_counts(ctx)


@job(kind=upkeep.SETTLE_JOB, label=gettext_noop("Settle the counts"))
def run_settle_counts(ctx: JobContext) -> dict[str, Any]:
    """Compare cubes after files and what they belong to were changed at the same time."""
    return upkeep.settle_counts(ctx)


def tend_cubes() -> None:
    """Clock: keep the cubes small."""
    upkeep.tend_cubes()


def enqueue_check_counts() -> None:
    """Clock: the nightly comparison of all counts."""
    upkeep.request_due_check()
