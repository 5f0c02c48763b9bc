"""Which tables are where: those of a target in the target, all others in the main database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS

if TYPE_CHECKING:
    from django.db.models import Model

OTT_ALIAS = "ott"  # the database
_APP = "ott"  # the label of this app


class OttRouter:
    """No table of ours is ever made in a target but its own, and none of its own in the main database."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str | None:
        """The target, for its own models."""
        return OTT_ALIAS if model._meta.app_label == _APP else None

    def db_for_write(self, model: type[Model], **_hints: Any) -> str | None:
        """As for reading."""
        return self.db_for_read(model)

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        """Whether a migration of the app has anything to do in the database."""
        return (app_label == _APP) == (db != DEFAULT_DB_ALIAS)
