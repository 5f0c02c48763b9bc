"""`manage.py scan NAME`: scan a source now and show how it goes; ends with 0 only when the scan is complete."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils.translation import gettext

from catalog.models import Source
from ingest.models import ScanMode
from ingest.services import scans
from mam.jobs import runner
from mam.jobs.models import ACTIVE, Job, JobState
from mam.jobs.tasks import reap
from mam.lib import messages
from mam.lib.errors import MamError
from mam.lib.terminal import progress_bar

if TYPE_CHECKING:
    from argparse import ArgumentParser

_POLL_S = 0.25


class Command(BaseCommand):
    help = "Scan a source now: changed folders only, or every folder with --full."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the source")
        parser.add_argument("--full", action="store_true", help="list every directory, not only changed ones")

    def handle(self, *args: Any, **options: Any) -> None:
        source = Source.objects.filter(name=options["name"]).first()
        if source is None:
            names = ", ".join(Source.objects.values_list("name", flat=True)) or "-"
            raise CommandError(gettext("There is no source named “%(name)s”. Known: %(names)s") % {"name": options["name"], "names": names})
        mode = ScanMode.FULL if options["full"] else ScanMode.GATED
        try:
            job = scans.request_scan(source=source, mode=mode, user=None)
        except MamError as error:
            raise CommandError(str(error)) from error
        self._follow(job, source)
        job.refresh_from_db()
        if job.state != JobState.SUCCEEDED:
            raise CommandError(messages.render(job.error_code, job.error_params, gettext) or job.state)
        numbers = job.result or {}
        self.stdout.write("  ".join(f"{name} {value}" for name, value in numbers.items()))

    def _follow(self, job: Job, source: Source) -> None:
        """Run the job here when no worker has it; show the progress of whoever runs it."""
        with progress_bar() as bar:
            worker = _run_here(job.pk)
            while True:
                job.refresh_from_db()
                bar.show(source.name, job.progress_done, job.progress_total, job.progress_note)
                if job.state not in ACTIVE:
                    break
                if job.state == JobState.QUEUED and not worker.is_alive():
                    reap()  # an earlier scan may have been killed, and no clock may be running to notice
                    worker = _run_here(job.pk)
                time.sleep(_POLL_S)
            worker.join()


def _run_here(job_id: int) -> threading.Thread:
    """A thread that runs the job unless a worker was first."""

    def run() -> None:
        try:
            job = runner.take(job_id)
            if job is not None:
                runner.execute(job)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, name="scan")
    thread.start()
    return thread
