"""`manage.py up`: prepares the data directory and keeps web, workers and clock running on this machine.

The children die with the supervisor, also when it is killed; what they started dies with them. Two supervisors never share
a data directory: each holds a lock on a file of it, which the kernel takes back whatever happens to us.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import select
import signal
import socket
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING

import uvicorn
from django.conf import settings
from django.db import connections
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from mam.accounts.services import ensure_first_administrator
from mam.jobs import prepare
from mam.jobs.children import Child
from mam.jobs.clock import Clock
from mam.jobs.forks import set_name
from mam.jobs.stopping import StopFlag
from mam.jobs.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

_STOP_S = 8.0  # for children to end by themselves, out of the 10 s in which everything has to be gone
_WEB_GRACE_S = 3  # for answers that are under way; video streams would go on for hours
_POLL_S = 0.02
_WATCH_S = 0.5
_WORKERS_AFTER_S = 15.0  # start the workers even when the web server does not answer


class CannotStartError(Exception):
    """The system cannot start here; the text says why and what to do."""


class Supervisor:
    """Runs the system until SIGINT, SIGTERM or SIGHUP. It never has a second thread: its children are forks of it."""

    def __init__(self) -> None:
        self._stopping = StopFlag()
        self._lock: IO[str] | None = None
        self._web = self._child("web", _serve)
        workers = [self._child(queue, partial(_work, queue, count)) for queue, count in settings.MAM_QUEUES.items() if count > 0]
        self._others = [*workers, self._child("clock", _run_clock), self._child("first", _first_start, is_restarted=False)]

    def _child(self, name: str, function: Callable[[], None], *, is_restarted: bool = True) -> Child:
        def run() -> None:
            if self._lock is not None:
                self._lock.close()  # it would be held by the child after our death; closing a copy does not unlock it
            translation.deactivate()  # the terminal's language is ours alone
            function()

        return Child(name, run, _say, is_restarted)

    def run(self) -> None:
        """Prepare, start everything, keep it running, stop it. CannotStartError when that is not possible here."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        set_name("mam-up")
        with translation.override(_terminal_language()), _only_supervisor() as self._lock:
            _check_port()
            prepare.migrate(_say)
            login = ensure_first_administrator()
            prepare.collect_static(_say)
            _close_connections()
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
        while not self._stopping.is_set():
            self._wait(children, _POLL_S if not is_ready else _WATCH_S)
            if not is_ready and _answers():
                is_ready = True
                _welcome(login)
            if len(children) == 1 and (is_ready or time.monotonic() - started_at > _WORKERS_AFTER_S):
                children += self._others
                for child in self._others:
                    child.start()
            for child in children:
                _keep_alive(child)

    def _wait(self, children: Sequence[Child], timeout_s: float) -> None:
        """Until somebody prints something or ends, or we are to stop; hand on what was printed."""
        outputs = {child.output: child for child in children if child.output is not None}
        readable, _writable, _failed = select.select([self._stopping.fileno(), *outputs], [], [], timeout_s)
        for output in readable:
            if output in outputs:
                outputs[output].relay()

    def _stop_children(self) -> None:
        children = [self._web, *self._others]
        _say(_("Stopping"))
        for child in children:
            child.terminate()
        deadline = time.monotonic() + _STOP_S
        while (left := [child for child in children if not child.has_ended()]) and time.monotonic() < deadline:
            select.select([child.output for child in left if child.output is not None], [], [], _POLL_S)
            for child in left:
                child.relay()
        for child in left:
            child.kill_group()


def _keep_alive(child: Child) -> None:
    """Start a child again that has ended, when its time has come."""
    was_running = child.pid is not None
    if not child.has_ended() or not child.is_restarted:
        return
    if was_running:
        _say(
            _("%(name)s ended (status %(status)s); starting it again in %(seconds)s s")
            % {"name": child.name, "status": child.status, "seconds": round(max(0.0, child.start_at - time.monotonic()))}
        )
    if time.monotonic() >= child.start_at:
        child.start()


def _serve() -> None:
    uvicorn.run(
        "mam.asgi:application",
        host=settings.HOST,
        port=settings.PORT,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws_per_message_deflate=False,  # of a hundred readers of a log it took an eighth of the time; pages are compressed by nginx
        timeout_graceful_shutdown=_WEB_GRACE_S,
    )


def _work(queue: str, processes: int) -> None:
    Worker(queue, processes).run()


def _run_clock() -> None:
    clock = Clock()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, clock.stop)
    clock.run()


def _close_connections() -> None:
    """Close all, psycopg's pool with its threads too: what is forked from us must find none."""
    connections.close_all()
    for wrapper in connections.all():
        if hasattr(wrapper, "close_pool"):
            wrapper.close_pool()


@contextmanager
def _only_supervisor() -> Iterator[IO[str]]:
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
        yield lock


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
    for path in settings.MAM_FIRST_START:
        import_string(path)()


def _terminal_language() -> str:
    """Korean for a Korean terminal, else English."""
    name = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "ko" if name.startswith("ko") else "en"


def _say(text: str, name: str = "mam") -> None:
    sys.stdout.write(f"{name:<6}| {text}\n")
    sys.stdout.flush()
