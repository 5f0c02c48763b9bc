"""Jobs in the admin: read only. Cancelling and retrying are on the Jobs page."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin

from mam.accounts.admin_site import NamedPermissionsMixin
from mam.jobs.models import Job

# The engine's own tables hold hints only; changing them here would change nothing for a job.
for engine_model in (Failure, OrmQ, Schedule, Success):
    admin.site.unregister(engine_model)


@admin.register(Job)
class JobAdmin(NamedPermissionsMixin, ModelAdmin):  # type: ignore[misc]
    """Read only: jobs are written by services and workers."""

    named_permissions: ClassVar = {"view": "jobs.view_job"}
    list_display: ClassVar = ["id", "kind", "subject", "queue", "priority", "state", "attempt", "created_at", "finished_at"]
    list_filter: ClassVar = ["state", "queue", "kind"]
    list_select_related: ClassVar = ["requested_by"]
    search_fields: ClassVar = ["subject", "key"]
    show_full_result_count = False  # counts every job there ever was
