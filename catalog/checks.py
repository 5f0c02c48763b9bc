"""What `manage.py check --database default` says of a database that the catalog cannot be searched well in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.checks import Tags, Warning, register
from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Sequence

# Where the database knows no letters but ASCII, upper and lower case of all others differ, and so do names that only differ in it.
_KNOWS_LETTERS = "SELECT lower('É') = 'é', current_setting('server_encoding')"


@register(Tags.database)
def check_letters(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[Warning]:
    """PostgreSQL only: its LC_CTYPE decides what a letter is, and its encoding whether Korean can be kept at all."""
    found = []
    for alias in databases or ():
        if connections[alias].vendor != "postgresql":
            continue
        with connections[alias].cursor() as cursor:
            cursor.execute(_KNOWS_LETTERS)
            knows_letters, encoding = cursor.fetchone()
        if encoding != "UTF8" or not knows_letters:
            hint = "Make a database with ENCODING 'UTF8' LC_CTYPE 'C.UTF-8' (or ko_KR.UTF-8), and load a dump of this one into it."
            text = "The database compares no letters but ASCII (LC_CTYPE, encoding): lists are sorted and names compared wrongly."
            found.append(Warning(text, hint=hint, id="catalog.W001"))
    return found
