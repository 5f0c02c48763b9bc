"""`manage.py up`: prepares the data directory and keeps web, workers and clock running on this machine.

The children die with the supervisor (`mam.lib.process`), also when it is killed; what they started dies with them. Two
supervisors never share a data directory: a lock on a file of it, which the kernel takes back whatever happens to us.
"""

from __future__ import annotations

import fcntl
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connections
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from mam.accounts.services import ensure_first_administrator
from mam.jobs import prepare
from mam.jobs.stopping import StopFlag
from mam.lib import process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

_logger = logging.getLogger(__name__)
_STOP_S = 8.0  # for children to end by themselves, out of the 10 s in which everything has to be gone
_WEB_GRACE_S = 3  # for answers that are under way; video streams would go on for hours
_POLL_S = 0.05
_WORKERS_AFTER_S = 15.0  # start the workers even when the web server does not answer
_LONGEST_BACKOFF_S = 30.0
_SOUND_AFTER_S = 60.0  # a child that ran for so long is restarted at once


class CannotStartError(Exception):
    """The system cannot start here; the text says why and what to do."""


@dataclass(slots=True)
class Child:
    """One process of the system, restarted with growing pauses when it ends."""

    name: str
    args: Sequence[str]
    popen: process.GroupPopen | None = None
    started_at: float = 0.0
    start_at: float = 0.0  # not before
    failures: int = 0
    relay: threading.Thread | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it; its output appears on ours, line by line, under its name."""
        self.started_at = time.monotonic()
        self.popen = process.start(
            self.args,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=settings.BASE_DIR,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        self.relay = threading.Thread(target=_relay, args=(self.name, self.popen), name=f"output of {self.name}", daemon=True)
        self.relay.start()

    def note_end(self) -> None:
        """Set when to start it again, if it has ended."""
        if self.popen is None or self.popen.poll() is None:
            return
        now = time.monotonic()
        self.failures = 0 if now - self.started_at > _SOUND_AFTER_S else self.failures + 1
        self.start_at = now + min(_LONGEST_BACKOFF_S, 2.0 ** (self.failures - 1)) if self.failures else now
        _say(
            _("%(name)s ended (status %(status)s); starting it again in %(seconds)s s")
            % {"name": self.name, "status": self.popen.returncode, "seconds": round(self.start_at - now)}
        )
        self.popen = None


class Supervisor:
    """Runs the system until SIGINT, SIGTERM or SIGHUP."""

    def __init__(self) -> None:
        self._stopping = StopFlag()
        python = sys.executable
        manage = str(settings.BASE_DIR / "manage.py")
        self._web = Child("web", [python, "-m", "uvicorn", "mam.asgi:application", *_web_options()])
        self._others = [
            Child(queue, [python, manage, "worker", "--queue", queue]) for queue, processes in settings.MAM_QUEUES.items() if processes > 0
        ] + [Child("clock", [python, manage, "clock"])]

    def run(self) -> None:
        """Prepare, start everything, keep it running, stop it. CannotStartError when that is not possible here."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        with translation.override(_terminal_language()), _only_supervisor():
            _check_port()
            prepare.migrate(_say)
            login = ensure_first_administrator()
            prepare.collect_static(_say)
            connections.close_all()
            try:
                self._keep_running(login)
            finally:
                self._stop_children()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _keep_running(self, login: tuple[str, str] | None) -> None:
        """The web server first: on a small machine the others would make people wait for the first page."""
        self._web.start()
        children = [self._web]
        started_at = time.monotonic()
        is_ready = False
        while not self._stopping.wait(_POLL_S):
            if not is_ready and _answers():
                is_ready = True
                _welcome(login)
                threading.Thread(target=_first_start, name="first start", daemon=True).start()
            if len(children) == 1 and (is_ready or time.monotonic() - started_at > _WORKERS_AFTER_S):
                children += self._others
            for child in children:
                child.note_end()
                if child.popen is None and time.monotonic() >= child.start_at:
                    child.start()

    def _stop_children(self) -> None:
        running = [child.popen for child in [self._web, *self._others] if child.popen is not None]
        if running:
            _say(_("Stopping"))
        for child in running:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + _STOP_S
        for child in running:
            child.stop(grace_s=max(0.0, deadline - time.monotonic()))


def _web_options() -> list[str]:
    return [
        *("--host", settings.HOST, "--port", str(settings.PORT)),
        *("--log-level", "warning", "--no-access-log", "--no-server-header"),
        *("--lifespan", "off", "--timeout-graceful-shutdown", str(_WEB_GRACE_S)),
    ]


@contextmanager
def _only_supervisor() -> Iterator[None]:
    """Hold the data directory's lock. The file stays: removing it would let two of us lock two files of the same name."""
    with (settings.DATA_DIR / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStartError(
                _(
                    "The system is already running on %(directory)s (process %(pid)s). "
                    "Set MAM_DATA_DIR and MAM_PORT to run another one beside it."
                )
                % {"directory": settings.DATA_DIR, "pid": lock.read().strip()}
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _check_port() -> None:
    """Say so before anything is started when another program listens where we want to."""
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            raise CannotStartError(
                _("Cannot listen on %(host)s, port %(port)s: %(reason)s. Set MAM_PORT to a free one.")
                % {"host": settings.HOST, "port": settings.PORT, "reason": error.strerror}
            ) from None


def _address() -> tuple[str, int]:
    """Where the web server can be reached from this machine."""
    own: dict[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound
    host: str = settings.HOST
    return own.get(host, host), settings.PORT


def _answers() -> bool:
    """Whether /health says that the web server is ready."""
    host, port = _address()
    web = http.client.HTTPConnection(host, port, timeout=2)
    try:
        web.request("GET", "/health")
        return web.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        web.close()


def _welcome(login: tuple[str, str] | None) -> None:
    host, port = _address()
    shown = f"[{host}]" if ":" in host else host
    _say(_("Ready: http://%(host)s:%(port)s/  (Ctrl-C stops it)") % {"host": shown, "port": port})
    if login:
        _say(_("First login: %(email)s  password: %(password)s") % {"email": login[0], "password": login[1]})
        _say(_("It is shown only now; change it on your account's page."))


def _first_start() -> None:
    """Call `settings.MAM_FIRST_START`; each decides by itself whether there is anything to do."""
    try:
        for path in settings.MAM_FIRST_START:
            import_string(path)()
    except Exception:
        _logger.exception("preparing the first start failed")
    finally:
        connections.close_all()


def _terminal_language() -> str:
    """Korean for a Korean terminal, else English."""
    name = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "ko" if name.startswith("ko") else "en"


_output_lock = threading.Lock()


def _say(text: str, name: str = "mam") -> None:
    with _output_lock:
        sys.stdout.write(f"{name:<6}| {text}\n")
        sys.stdout.flush()


def _relay(name: str, child: process.GroupPopen) -> None:
    if child.stdout is not None:
        for line in child.stdout:
            _say(line.decode(errors="replace").rstrip("\n"), name)
        child.stdout.close()
