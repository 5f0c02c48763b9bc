"""`manage.py add_source NAME URL`: register a share or a folder, test it, and ask for its first scan."""

from __future__ import annotations

import getpass
import shlex
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from catalog.services import sources
from catalog.services.sources import Credentials
from ingest.models import ScanMode
from ingest.services import scans
from mam.lib import messages
from mam.lib.errors import MamError

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Add a source: smb://host[:port]/share/path, or file:///path for NFS, CIFS and local disks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("url")
        parser.add_argument("--username", default="")
        parser.add_argument("--domain", default="")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input; else it is asked for")
        parser.add_argument("--require-encryption", action="store_true", help="SMB3 with encryption, or nothing")
        parser.add_argument("--no-test", action="store_true", help="add it even if it cannot be reached now")
        parser.add_argument("--no-scan", action="store_true", help="do not ask for the first scan")

    def handle(self, *args: Any, **options: Any) -> None:
        credentials = Credentials(options["username"], self._password(options), options["domain"])
        try:
            if not options["no_test"]:
                self._test(options, credentials)
            source = sources.create_source(
                name=options["name"],
                url=options["url"],
                credentials=credentials,
                require_encryption=options["require_encryption"],
                user=None,
            )
            self.stdout.write(gettext("Added %(name)s (%(url)s).") % {"name": source.name, "url": source.url})
            if not options["no_scan"]:
                job = scans.request_scan(source=source, mode=ScanMode.FULL, user=None)
                words = gettext("Its first scan is job %(job)s: `manage.py scan %(name)s` shows it, or runs it if no worker does.")
                self.stdout.write(words % {"job": job.pk, "name": shlex.quote(source.name)})
        except MamError as error:
            raise CommandError(str(error)) from error

    def _password(self, options: dict[str, Any]) -> str:
        if options["password_stdin"]:
            return sys.stdin.readline().rstrip("\n")
        if options["username"] and sys.stdin.isatty():
            return getpass.getpass()
        return ""

    def _test(self, options: dict[str, Any], credentials: Credentials) -> None:
        """Nothing is added that does not answer."""
        report = sources.try_address(url=options["url"], credentials=credentials, require_encryption=options["require_encryption"])
        if not report.is_ok:
            raise CommandError(f"{messages.render(report.code, report.params, gettext)} Nothing was added.")
        words = gettext("%(server)s (%(dialect)s) answers within %(latency)s ms. Entries at the top: %(entries)s.")
        params = {"server": report.server, "dialect": report.dialect, "latency": f"{report.latency_ms:.1f}", "entries": report.root_entries}
        self.stdout.write(words % params)
