"""What belongs to the request that is being served, for code that has no request at hand (audit, log lines)."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REQUEST_ID_HEADER = "HTTP_X_REQUEST_ID"  # in `HttpRequest.META`
_request_id: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The id of the request being served; "" outside of one."""
    return _request_id.get()


@contextmanager
def request_id_context(request_id: str) -> Iterator[None]:
    """Make `request_id` the current one inside the block. A context variable: safe in threads and coroutines."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


class RequestIdFilter(logging.Filter):
    """Gives every log record `request_id` ("-" outside of a request)."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        record.request_id = current_request_id() or self._of_answered(record) or "-"
        return True

    @staticmethod
    def _of_answered(record: logging.LogRecord) -> str:
        """Django logs what it refuses when all middleware is done, with the request."""
        headers: Mapping[str, str] = getattr(getattr(record, "request", None), "META", {})
        return headers.get(REQUEST_ID_HEADER, "")


class RefusalFilter(logging.Filter):
    """Takes the traceback from what was refused: a 403 is an answer, not a fault. The line stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        if record.name == "django.request" and record.levelno < logging.ERROR:
            record.exc_info = None
        return True


class MaskingFormatter(logging.Formatter):
    """Lines without what would open a door to whoever reads them: of each match of `secret` only its group `before` stays."""

    def __init__(self, fmt: str, secret: str) -> None:
        super().__init__(fmt)
        self._secret = re.compile(secret)

    def format(self, record: logging.LogRecord) -> str:
        """The whole line, with its traceback."""
        return self._secret.sub(r"\g<before>…", super().format(record))
