"""`manage.py create_user EMAIL --role ROLE`: a user who may log in at once."""

from __future__ import annotations

import getpass
import secrets
import sys
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from mam.accounts import services
from mam.lib.errors import MamError

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Make a user. The password is asked for; without a terminal one is made and printed, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--role", required=True, choices=list(settings.MAM_ROLES))
        parser.add_argument("--name", default="")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        given = self._given_password(options)
        password = given or secrets.token_urlsafe(12)
        try:
            user = services.create_user(actor=None, email=options["email"], name=options["name"], role=options["role"], password=password)
        except MamError as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(gettext("Made %(user)s (%(role)s).") % {"user": user.email, "role": options["role"]})
        if not given:
            self.stdout.write(gettext("Password: %(password)s") % {"password": password})

    def _given_password(self, options: dict[str, Any]) -> str:
        if options["password_stdin"]:
            return sys.stdin.readline().rstrip("\n")
        return getpass.getpass(gettext("Password (empty: make one): ")) if sys.stdin.isatty() else ""
