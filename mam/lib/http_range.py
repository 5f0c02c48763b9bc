"""What a GET or HEAD for a file is answered with: preconditions and byte ranges of RFC 9110. Pure: no IO, no request object.

Evaluated in the order of RFC 9110, 13.2.2: If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, Range with If-Range.
Only one range is ever sent. Several ranges that make one contiguous piece are answered with that piece; several separate ones with
the whole file, which 14.2 allows ("a server MAY ignore the Range header field") and which keeps multipart bodies out of the product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from django.utils.http import http_date, parse_etags, parse_http_date_safe

MAX_RANGES = 16  # more in one header are an attack or an error: ignored, as 14.2 allows
MAX_HEADER_CHARS = 4096
# Every number with more digits than this is larger than any file. It is never converted: int() of thousands of digits raises.
_MAX_DIGITS = 18
_BEYOND_ANY_FILE = 10**_MAX_DIGITS
_RANGE_SPEC = re.compile(r"(?P<first>[0-9]+)-(?P<last>[0-9]*)|-(?P<suffix>[0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`length` > 0 bytes from `offset`."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.offset + self.length

    def content_range(self, size_bytes: int) -> str:
        """Value of Content-Range."""
        return f"bytes {self.offset}-{self.end - 1}/{size_bytes}"


@dataclass(frozen=True, slots=True)
class Representation:
    """The file as it is now: its size and its validators."""

    size_bytes: int
    etag: str  # quoted, strong: '"..."'
    modified_s: int  # since 1970-01-01 UTC


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and the bytes of the body: `length` from `offset` (0 for HEAD and for every status without a body)."""

    status: HTTPStatus
    offset: int = 0
    length: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


class Unsatisfiable:
    """A well-formed Range of which nothing lies within the file: 416."""


def answer(method: str, headers: Mapping[str, str], file: Representation) -> Answer:
    """What to send for `method` ("GET" or "HEAD") with the request's `headers` (a case-insensitive mapping, as Django's).

    Never raises, whatever the headers hold: what cannot be understood is ignored, as the RFC wants.
    """
    validators = {"ETag": file.etag, "Last-Modified": http_date(file.modified_s), "Accept-Ranges": "bytes"}
    failed = _failed_precondition(headers, file)
    if failed is not None:
        return Answer(failed, headers=validators)
    wanted: ByteRange | Unsatisfiable | None = None
    if method == "GET" and "Range" in headers and _if_range_holds(headers.get("If-Range"), file):  # 14.2: only GET has ranges
        wanted = parse_range(headers["Range"], file.size_bytes)
    if isinstance(wanted, Unsatisfiable):
        refusal = {"Content-Range": f"bytes */{file.size_bytes}", "Accept-Ranges": "bytes"}
        return Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=refusal)
    if wanted is None:
        length = file.size_bytes if method == "GET" else 0
        return Answer(HTTPStatus.OK, 0, length, {**validators, "Content-Length": str(file.size_bytes)})
    partial = {**validators, "Content-Length": str(wanted.length), "Content-Range": wanted.content_range(file.size_bytes)}
    return Answer(HTTPStatus.PARTIAL_CONTENT, wanted.offset, wanted.length, partial)


def parse_range(header: str, size_bytes: int) -> ByteRange | Unsatisfiable | None:
    """The one piece a Range header asks for; None where the whole file is the answer (malformed, other unit, separate pieces)."""
    unit, separator, specs = header.partition("=")
    if not separator or unit.lower() != "bytes" or len(header) > MAX_HEADER_CHARS:
        return None
    wanted = [spec.strip(" \t") for spec in specs.split(",")]
    wanted = [spec for spec in wanted if spec]  # empty list elements are allowed (5.6.1.2)
    if not wanted or len(wanted) > MAX_RANGES:
        return None
    pieces: list[ByteRange] = []
    for spec in wanted:
        match = _RANGE_SPEC.fullmatch(spec)
        if match is None:
            return None
        piece = _piece(match, size_bytes)
        if piece is None:
            return None
        if isinstance(piece, ByteRange):
            pieces.append(piece)
    return _one_piece(pieces) if pieces else Unsatisfiable()


def _piece(match: re.Match[str], size_bytes: int) -> ByteRange | Unsatisfiable | None:
    """One range within the file; None: the header is invalid, or a suffix of an empty file is wanted (which is all of it)."""
    if match["suffix"] is not None:
        length = min(_number(match["suffix"]), size_bytes)
        if size_bytes == 0:
            return None
        return ByteRange(size_bytes - length, length) if length else Unsatisfiable()
    first = _number(match["first"])
    last = _number(match["last"]) if match["last"] else _BEYOND_ANY_FILE
    if last < first:
        return None
    if first >= size_bytes:
        return Unsatisfiable()
    return ByteRange(first, min(last + 1, size_bytes) - first)


def _one_piece(pieces: list[ByteRange]) -> ByteRange | None:
    """The union of `pieces` if it has no hole."""
    pieces = sorted(pieces, key=lambda piece: piece.offset)
    end = pieces[0].end
    for piece in pieces[1:]:
        if piece.offset > end:
            return None
        end = max(end, piece.end)
    return ByteRange(pieces[0].offset, end - pieces[0].offset)


def _number(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= _MAX_DIGITS else _BEYOND_ANY_FILE


def _failed_precondition(headers: Mapping[str, str], file: Representation) -> HTTPStatus | None:
    if "If-Match" in headers:
        if not _lists_etag(headers["If-Match"], file.etag, is_weak_enough=False):
            return HTTPStatus.PRECONDITION_FAILED
    elif "If-Unmodified-Since" in headers:
        since = parse_http_date_safe(headers["If-Unmodified-Since"])
        if since is not None and file.modified_s > since:
            return HTTPStatus.PRECONDITION_FAILED
    if "If-None-Match" in headers:
        if _lists_etag(headers["If-None-Match"], file.etag, is_weak_enough=True):
            return HTTPStatus.NOT_MODIFIED
    elif "If-Modified-Since" in headers:
        since = parse_http_date_safe(headers["If-Modified-Since"])
        if since is not None and file.modified_s <= since:
            return HTTPStatus.NOT_MODIFIED
    return None


def _lists_etag(header: str, etag: str, *, is_weak_enough: bool) -> bool:
    if header.strip() == "*":
        return True
    tags = parse_etags(header[:MAX_HEADER_CHARS])
    return etag in tags or (is_weak_enough and f"W/{etag}" in tags)


def _if_range_holds(header: str | None, file: Representation) -> bool:
    """13.1.5: strong comparison only, and a date only when it is exactly Last-Modified."""
    if header is None:
        return True
    value = header.strip()
    if value.startswith(('"', "W/")):
        return value == file.etag
    return parse_http_date_safe(value) == file.modified_s
