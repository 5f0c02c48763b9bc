"""Posting to addresses that people entered: within a time, to nowhere else than they said, and without believing what comes back.

No Django here. Proxies of the environment are not used.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from mam.lib.errors import MamError, gettext_noop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WITHIN_S = 5.0
_SHOWN_CHARACTERS = 200
_READ_BYTES = 4_096
_SAFE = "/%:@!$&'()*+,;=~?"  # what stays as it is in the path and the query
_LATER = {408, 425, 429}  # statuses that ask for another attempt, as all from 500 on


class WebhookError(MamError):
    """The base of what can go wrong; not raised itself. `host` stands for the address, which may be a secret."""

    code = "webhook_failed"
    template = gettext_noop("The webhook could not be called.")
    http_status = 502
    is_permanent = False


class WebhookUnreachableError(WebhookError):
    code = "webhook_unreachable"
    template = gettext_noop("%(host)s cannot be reached: %(detail)s")


class WebhookSlowError(WebhookError):
    code = "webhook_slow"
    template = gettext_noop("%(host)s did not answer within %(seconds)s s.")


class WebhookForbiddenError(WebhookError):
    code = "webhook_forbidden"
    template = gettext_noop("%(host)s is at an address (%(address)s) that no webhook is sent to.")
    is_permanent = True


class WebhookBusyError(WebhookError):
    code = "webhook_busy"
    template = gettext_noop("%(host)s could not take the message just now (%(status)s): %(detail)s")


class WebhookRefusedError(WebhookError):
    code = "webhook_refused"
    template = gettext_noop("%(host)s did not take the message (%(status)s): %(detail)s")
    is_permanent = True


class WebhookMovedError(WebhookError):
    code = "webhook_moved"
    template = gettext_noop("%(host)s answers that the webhook is elsewhere (%(status)s). Enter the address where it is.")
    is_permanent = True


def host_of(url: str) -> str:
    """What people are shown of an address."""
    return urlsplit(url).hostname or ""


def post(url: str, *, body: bytes, headers: Mapping[str, str], within_s: float = WITHIN_S) -> int:
    """Post `body`; the status, one of 200 to 299. What else is answered, or nothing, is a WebhookError.

    `url`: http or https, checked by whoever stored it. Redirects are not followed. Connecting may take `within_s` for each address that the
    host has, all the rest together as long again.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    port = parts.port or kind.default_port
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    cut = threading.Event()
    try:
        with socket.create_connection((host, port), timeout=within_s) as plain, _cut_after(within_s, plain, cut):
            _check_address(host, plain)
            is_secure = kind is http.client.HTTPSConnection
            with contextlib.closing(kind(host, port)) as connection:
                connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if is_secure else plain
                connection.request("POST", target, body=body, headers=dict(headers))
                answer = connection.getresponse()
                if 200 <= answer.status < 300:
                    return answer.status
                raise _refusal(host, answer.status, _shown(answer.read(_READ_BYTES)))
    except TimeoutError as error:
        raise WebhookSlowError(host=host, seconds=within_s) from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        if cut.is_set():
            raise WebhookSlowError(host=host, seconds=within_s) from error
        raise WebhookUnreachableError(host=host, detail=_shown(str(error).encode()) or type(error).__name__) from error


@contextlib.contextmanager
def _cut_after(seconds: float, connected: socket.socket, cut: threading.Event) -> Iterator[None]:
    """Break the connection when the time is over: a socket's own time-out begins anew with each byte that drips in."""
    handle = connected.dup()

    def shut() -> None:
        cut.set()
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        handle.close()


def _check_address(host: str, connected: socket.socket) -> None:
    """Looks at where the connection has led, whatever the name meant before: clouds keep the keys of machines at link-local addresses."""
    address = ipaddress.ip_address(connected.getpeername()[0].partition("%")[0])
    real = getattr(address, "ipv4_mapped", None) or address
    if real.is_link_local or real.is_multicast:
        raise WebhookForbiddenError(host=host, address=str(real))


def _refusal(host: str, status: int, detail: str) -> WebhookError:
    if 300 <= status < 400:
        return WebhookMovedError(host=host, status=status)
    if status in _LATER or status >= 500:
        return WebhookBusyError(host=host, status=status, detail=detail)
    return WebhookRefusedError(host=host, status=status, detail=detail)


def _shown(answer: bytes) -> str:
    """Some of what was answered, on one line."""
    words = "".join(one if one.isprintable() else " " for one in answer.decode(errors="replace")).split()
    return " ".join(words)[:_SHOWN_CHARACTERS]
