r"""Addresses of sources: `smb://host[:port]/share/path` and `file:///path`; also as others write them, `\\host\share` and `/path`.

No credentials in an address: addresses are shown and logged. Everything after the host is percent-decoded; "#" and "?" are
ordinary characters of a path.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from mam.lib.errors import gettext_noop
from mam.lib.sources.errors import SourceError

SMB_PORT = 445
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\[\]:]*)(?::(?P<port>\d*))?")
_NEEDS_ENCODING = re.compile("[%\x00-\x1f\x7f\udc80-\udcff]")


class InvalidSourceUrlError(SourceError):
    """Base of everything wrong with an address itself. `url` is shown without user name and password."""

    code = "source_url_invalid"
    template = gettext_noop("This is not an address of a source: %(url)s")
    http_status = 400


class UrlSchemeError(InvalidSourceUrlError):
    code = "source_url_scheme"
    template = gettext_noop("The address must begin with smb:// or file:/// : %(url)s")


class UrlCredentialsError(InvalidSourceUrlError):
    code = "source_url_credentials"
    template = gettext_noop("The address must not contain a user name or a password; enter them in their own fields: %(url)s")


class UrlHostError(InvalidSourceUrlError):
    code = "source_url_host"
    template = gettext_noop("The address needs a host name, and a port between 1 and 65535 if one is given: %(url)s")


class UrlShareError(InvalidSourceUrlError):
    code = "source_url_share"
    template = gettext_noop("The address lacks the name of the share: %(url)s")


class UrlPathError(InvalidSourceUrlError):
    code = "source_url_path"
    template = gettext_noop('The path in the address must be absolute, and must not contain "." or "..": %(url)s')


@dataclass(frozen=True, slots=True)
class SmbUrl:
    """A folder of a share; `path` is its names, () is the share's own root."""

    host: str  # without the brackets of an IPv6 address
    port: int
    share: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == SMB_PORT else f":{self.port}"
        return f"smb://{host}{port}/" + "/".join(_readable(name) for name in (self.share, *self.path))


@dataclass(frozen=True, slots=True)
class LocalUrl:
    """A folder of this machine: a local disk, or a mounted NFS or CIFS share."""

    root: Path

    def __str__(self) -> str:
        return "file://" + _readable(str(self.root))


def parse_url(url: str) -> SmbUrl | LocalUrl:
    """The address in parts. Raises a subclass of InvalidSourceUrlError that says what is wrong."""
    scheme, separator, rest = _as_url(url.strip()).partition("://")
    authority, slash, path = rest.partition("/")
    _userinfo, at, authority = authority.rpartition("@")
    if at:
        raise UrlCredentialsError(url=f"{scheme}://{authority}{slash}{path}")
    if not separator or scheme.lower() not in ("smb", "file"):
        raise UrlSchemeError(url=url)
    return _local_url(url, authority, path) if scheme.lower() == "file" else _smb_url(url, authority, path)


def _as_url(typed: str) -> str:
    r"""`\\host\share` and `/path` are addresses as well; no sign in them stands for another."""
    if typed.startswith("\\\\"):
        return "smb:" + typed.replace("\\", "/").replace("%", "%25")
    return "file://" + typed.replace("%", "%25") if typed.startswith("/") else typed


def _readable(path: str) -> str:
    """Percent-encoded only where it has to be, so that people can read their own folder names."""
    return _NEEDS_ENCODING.sub(lambda found: quote(os.fsencode(found[0])), path)


def _local_url(url: str, authority: str, path: str) -> LocalUrl:
    names = [os.fsdecode(unquote_to_bytes(name)) for name in path.split("/") if name]
    if authority not in ("", "localhost") or any(name in (".", "..") or "/" in name or "\0" in name for name in names):
        raise UrlPathError(url=url)
    return LocalUrl(Path("/", *names))


def _smb_url(url: str, authority: str, path: str) -> SmbUrl:
    match = _HOST_AND_PORT.fullmatch(authority)
    port = int(match["port"] or SMB_PORT) if match else 0
    if not match or not match["host"] or not 0 < port < 65536:
        raise UrlHostError(url=url)
    try:
        names = [unquote_to_bytes(name).decode() for name in path.split("/") if name]
    except UnicodeDecodeError:
        raise UrlPathError(url=url) from None
    if any(name in (".", "..") or set(name) & set('/\\:*?"<>|\0') for name in names):
        raise UrlPathError(url=url)
    if not names:
        raise UrlShareError(url=url)
    return SmbUrl(host=match["host"].strip("[]"), port=port, share=names[0], path=tuple(names[1:]))
