"""What can go wrong with a job, and why its work may have to stop."""

from __future__ import annotations

from mam.lib.errors import MamError, gettext_noop


class UnknownJobKindError(MamError):
    code = "unknown_job_kind"
    template = gettext_noop("This system has no work of the kind “%(kind)s”.")


class JobStateError(MamError):
    """The job is not in a state in which this can be done."""

    code = "job_state"
    template = gettext_noop("This is not possible any more: the job has changed meanwhile.")
    http_status = 409


class WorkerLostError(MamError):
    code = "worker_lost"
    template = gettext_noop("The worker stopped answering, %(attempts)s times in a row.")


class SupersededError(MamError):
    code = "superseded"
    template = gettext_noop("The same work is waiting as another job, which will do it.")


class JobInterruptedError(MamError):
    """Base of the reasons for which a running task has to stop. Tasks let it pass."""

    code = "job_interrupted"
    template = gettext_noop("The job was interrupted.")


class JobCancelledError(JobInterruptedError):
    code = "job_cancelled"
    template = gettext_noop("The job was cancelled.")


class LeaseLostError(JobInterruptedError):
    """The row belongs to another worker by now (or to nobody): nothing this worker still does may count."""

    code = "lease_lost"
    template = gettext_noop("The worker was too slow to answer; the job was given to another one.")


class WorkerStoppingError(JobInterruptedError):
    """The worker is shutting down; the job goes back to its queue, and this run does not count as an attempt."""

    code = "worker_stopping"
    template = gettext_noop("The worker is shutting down; the job goes on with the next one.")
