"""`manage.py create_api_key EMAIL NAME --scope PERMISSION ...`: a key for a program, printed this once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext

from mam.accounts import services
from mam.accounts.selectors import find_user, known_permissions
from mam.lib.errors import MamError

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Make an API key that acts as a user, with no more than the scopes given. Its text goes to standard output, alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("name", help="what will use the key")
        names = ", ".join(known_permissions())
        parser.add_argument("--scope", action="append", required=True, metavar="PERMISSION", help=f"may be repeated; one of {names}")
        parser.add_argument("--days", type=int, help="days until it ends; else it does not end by itself")

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_user(options["email"])
        if user is None:
            raise CommandError(gettext("There is no user %(user)s.") % {"user": options["email"]})
        if options["days"] is not None and options["days"] < 1:
            raise CommandError(gettext("--days is at least 1."))
        expires_at = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        try:
            key, text = services.create_api_key(actor=None, user=user, name=options["name"], scopes=options["scope"], expires_at=expires_at)
        except MamError as error:
            raise CommandError(str(error)) from error
        words = gettext("Made %(key)s for %(user)s. Use it as `Authorization: Api-Key ...`; it cannot be shown again:")
        self.stderr.write(words % {"key": key, "user": user.email})
        self.stdout.write(text)
