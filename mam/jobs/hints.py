"""Queue messages: each says no more than "look into this queue". Losing or doubling one does no harm.

django-q2's ORM broker carries them. A row is written directly instead of by `async_task`, because only the row can say
from when on it may be taken, which is how a delayed job is woken in time.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from mam.jobs.models import Job, JobState

if TYPE_CHECKING:
    import datetime

TASK = "mam.jobs.tasks.work"
# More than this many at once wake nobody more: a woken worker goes on until its queue is empty.
MAX_WAITING = 16


def send(queue: str, *, at: datetime.datetime | None = None, count: int = 1) -> None:
    """Wake a worker of `queue` now, or as soon as `at` has come."""
    OrmQ.objects.bulk_create([OrmQ(key=queue, payload=_payload(queue), lock=at or timezone.now()) for _ in range(count)])


def send_missing() -> int:
    """Wake workers for claimable jobs that no message waits for; return how many messages were sent.

    Doing it twice sends nothing more: the messages of the first time are waiting.
    """
    now = timezone.now()
    sent = 0
    claimable = Job.objects.filter(state=JobState.QUEUED, not_before__lte=now)
    for queue in claimable.order_by().values_list("queue", flat=True).distinct():
        wanted = len(claimable.filter(queue=queue).values("pk")[:MAX_WAITING])
        missing = wanted - OrmQ.objects.filter(key=queue, lock__lte=now).count()
        if missing > 0:
            send(queue, at=now, count=missing)
            sent += missing
    return sent


def _payload(queue: str) -> str:
    """A signed task package as `django_q.tasks.async_task` makes it."""
    task: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "name": f"look into {queue}",
        "func": TASK,
        "args": (queue,),
        "kwargs": {},
        "started": timezone.now(),
        "ack_failure": True,
        "timeout": -1,  # none: a woken worker goes on for as long as there is work, and each job has a lease
    }
    return str(SignedPackage.dumps(task))
