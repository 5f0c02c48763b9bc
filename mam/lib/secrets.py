"""The installation's own secrets: made once into a 0600 file, or taken from the environment; and encryption at rest.

No Django here. Nothing in this module is ever logged.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from mam.lib.errors import MamError, gettext_noop

if TYPE_CHECKING:
    from pathlib import Path


class CredentialsUnreadableError(MamError):
    code = "credentials_unreadable"
    template = gettext_noop("The stored credentials cannot be decrypted. Enter them again, or restore the key.")
    http_status = 409


def load_or_create(path: Path, names_and_makers: dict[str, str]) -> dict[str, str]:
    """Read NAME=value lines from `path` (mode 0600); make what is missing, atomically, and return all of it.

    `names_and_makers`: name -> "token" (URL-safe random) or "fernet" (a Fernet key). An environment variable of the
    same name wins and is not written. Two processes that start at once agree: the file is created with O_EXCL and a rename.
    """
    found: dict[str, str] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, sep, value = line.partition("=")
            if sep:
                found[name] = value
    missing = [name for name in names_and_makers if name not in found and not os.environ.get(name)]
    if missing:
        for name in missing:
            is_fernet = names_and_makers[name] == "fernet"
            found[name] = Fernet.generate_key().decode() if is_fernet else secrets.token_urlsafe(50)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            out.writelines(f"{name}={value}\n" for name, value in found.items())
        try:
            if path.exists():
                draft.replace(path)
            else:
                os.link(draft, path)  # fails where another process was first
                draft.unlink()
        except FileExistsError:
            draft.unlink()
            return load_or_create(path, names_and_makers)
    return {name: os.environ.get(name) or found[name] for name in names_and_makers}


def encrypt(text: str, keys: list[str]) -> str:
    """Fernet token of `text` under the first key."""
    return _box(keys).encrypt(text.encode()).decode()


def decrypt(token: str, keys: list[str]) -> str:
    """Text of a token made under any of `keys` (rotation). Raises CredentialsUnreadableError."""
    try:
        return _box(keys).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise CredentialsUnreadableError from error


def _box(keys: list[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
