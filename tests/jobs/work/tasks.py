"""Work that leaves a trace: an audit entry per effect, a file per moment that a test waits for."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mam.accounts.models import AuditEntry
from mam.jobs.registry import job
from mam.lib import process

if TYPE_CHECKING:
    from mam.jobs.context import JobContext

EFFECT = "tests.effect"


def write_effect(job_id: int) -> None:
    """Leave the trace that must be there exactly once."""
    AuditEntry.objects.create(action=EFFECT, object_type="jobs.job", object_id=str(job_id))


@job(kind="tests.effect", max_attempts=100)
def run_effect(ctx: JobContext) -> None:
    """Work for `seconds` beside a child that would sleep for ever, then write the effect and end in one step."""
    done = threading.Event()
    child = threading.Thread(target=_sleep_beside, args=(ctx, done))
    child.start()
    try:
        until = time.monotonic() + ctx.params["seconds"]
        while time.monotonic() < until:
            ctx.check()
            ctx.progress(1, 2, note="working")
            done.wait(0.02)
    finally:
        done.set()
        child.join()
    with ctx.publish(completes=True):
        write_effect(ctx.job_id)


def _sleep_beside(ctx: JobContext, done: threading.Event) -> None:
    with process.start(["sleep", "1000"]) as child:
        while not done.wait(0.02) and not ctx.cancelled.is_set():
            if child.poll() is not None:
                raise AssertionError("the child ended by itself")


@job(kind="tests.sleep")
def run_sleep(ctx: JobContext) -> None:
    """Wait for a program that never ends."""
    process.run(["sh", "-c", "sleep 1000 & sleep 1000"], timeout_s=1000, cancelled=ctx.cancelled)


@job(kind="tests.encode", queue="media")
def run_encode(ctx: JobContext) -> None:
    """The same in the other queue."""
    run_sleep(ctx)


@job(kind="tests.gate")
def run_gate(ctx: JobContext) -> None:
    """Say `started`, wait until the file `gate` is there, publish; say how it went in `outcome`."""
    directory = Path(ctx.params["directory"])
    (directory / f"started-{ctx.attempt}").touch()
    while not (directory / "gate").exists():
        time.sleep(0.02)
    with ctx.publish(completes=True):
        write_effect(ctx.job_id)


@job(kind="tests.trace")
def run_trace(ctx: JobContext) -> None:
    """End at once, leaving a trace whose number tells the order."""
    with ctx.publish(completes=True):
        write_effect(ctx.job_id)


@job(kind="tests.media", queue="media")
def run_media(ctx: JobContext) -> None:
    """The same in the other queue."""
    run_trace(ctx)
