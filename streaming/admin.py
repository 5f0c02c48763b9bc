"""Renditions in the admin: read only, to see why a picture is not there."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from unfold.admin import ModelAdmin

from mam.accounts.admin_site import NamedPermissionsMixin
from streaming.models import Rendition


@admin.register(Rendition)
class RenditionAdmin(NamedPermissionsMixin, ModelAdmin):  # type: ignore[misc]
    """Read only: renditions are written by services."""

    named_permissions: ClassVar = {"view": "catalog.curate"}
    list_display: ClassVar = ["file", "kind", "state", "attempts", "error_code", "size_bytes", "made_at", "last_access_at"]
    list_filter: ClassVar = ["state", "kind", "file__source"]
    list_select_related: ClassVar = ["file"]
    raw_id_fields: ClassVar = ["file"]
    show_full_result_count = False  # as many as files
