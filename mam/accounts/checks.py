"""What `manage.py check` says about the installation's secrets."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.apps import AppConfig


@register(Tags.security)
def check_secrets_file(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The file of the secrets is readable by its owner alone."""
    path = settings.DATA_DIR / "secrets.env"
    if not path.exists() or not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return []
    return [Error(f"{path} can be read by others.", hint=f"chmod 600 {path}", id="accounts.E001")]


@register(Tags.security)
def check_credentials_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Each credentials key is one: 32 bytes in URL-safe base64."""
    bad = [number for number, key in enumerate(settings.CREDENTIALS_KEYS, start=1) if not _is_fernet_key(key)]
    return [
        Error(
            f"Key {number} of MAM_CREDENTIALS_KEY is not a Fernet key.",
            hint="Make one with cryptography.fernet.Fernet.generate_key().",
            id="accounts.E002",
        )
        for number in bad
    ]


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True
