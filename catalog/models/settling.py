"""What changes of many files share: they are wanted in some way, and a job brings their parts there."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mam.jobs.models import JobState


class Settling(models.Model):
    """A change in parts. Subclasses say how far it is: `is_settled` when nothing is left to be done."""

    requested_at = models.DateTimeField(_("at"), default=timezone.now)
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="+")  # the last one that works on it

    class Meta:
        abstract = True

    @property
    def is_settled(self) -> bool:
        """Nothing is left to be done."""
        raise NotImplementedError

    @property
    def has_stopped(self) -> bool:
        """Something is left, and no job does it: the last one failed or was cancelled. Needs `job` loaded."""
        return not self.is_settled and (self.job is None or self.job.state in {JobState.FAILED, JobState.CANCELLED})
