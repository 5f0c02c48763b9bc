"""Django's sessions in the database, looked up without the query's SQL being made anew for every request (settings.SESSION_ENGINE)."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import connections, router
from django.utils import timezone

from mam.lib.bulk import database_time


class SessionStore(db.SessionStore):
    """As Django's."""

    def _get_session_from_db(self) -> Any:
        using = router.db_for_read(Session)
        table, columns = Session._meta.db_table, "session_key, session_data, expire_date"
        with connections[using].cursor() as cursor:
            cursor.execute(
                f"SELECT {columns} FROM {table} WHERE session_key = %s AND expire_date > %s",  # noqa: S608  (Django's own names)
                [self.session_key, database_time(timezone.now(), using=using)],
            )
            row = cursor.fetchone()
        # Django's own says what else there is to say of a session that is not there.
        return Session(*row) if row else super()._get_session_from_db()  # type: ignore[misc]  # left out of the stubs

    async def _aget_session_from_db(self) -> Any:
        return await sync_to_async(self._get_session_from_db)()
