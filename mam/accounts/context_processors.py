"""What the frame around every page needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language, get_language_info

from mam.accounts.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class NavItem:
    """One word in the rail. `keys` is the keyboard way there ("g l"), "" for none."""

    url: str
    label: str
    icon: str
    keys: str
    is_active: bool


def frame(request: HttpRequest) -> dict[str, Any]:
    """`nav`, `site_name`, `theme`, `html_lang`, `languages`; no query for strangers."""
    user = request.user if hasattr(request, "user") else None
    member = user if isinstance(user, User) else None
    return {
        "nav": _nav_of(member, request.path) if member else [],
        "site_name": settings.SITE_NAME,
        "theme": member.theme if member else User.Theme.SYSTEM,
        "html_lang": get_language() or settings.LANGUAGE_CODE,
        # Each in its own words, so that it can be found by who reads nothing else.
        "languages": [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES],
    }


def _nav_of(user: User, path: str) -> list[NavItem]:
    entries = [entry for entry in settings.MAM_NAV if _may_use(user, entry["permission"])]
    return [
        NavItem(
            url=(url := reverse(entry["url_name"])),
            label=str(entry["label"]),
            icon=entry["icon"],
            keys=entry["keys"],
            is_active=path == url or path.startswith((*entry.get("paths", ()), *((url,) if url != "/" else ()))),
        )
        for entry in entries
    ]


def _may_use(user: User, permission: str) -> bool:
    return user.is_staff if permission == "staff" else user.has_perm(permission)
