"""What a page says, as its reader sees it."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.test import Client

HTMX = {"HX-Request": "true"}


def show(person: Client, url: str, query: dict[str, Any] | None = None, *, part: str = "") -> str:
    """The words of a page, or of the part with this id, without its tags."""
    headers = HTMX | {"HX-Target": part} if part else {}
    response = person.get(url, query or {}, headers=headers)
    assert response.status_code == 200, response.content
    return words_of(response.content.decode())


def words_of(markup: str) -> str:
    """Without tags, scripts and the frame, with single spaces."""
    main = re.search(r"<main.*?</main>", markup, re.DOTALL)
    text = re.sub(r"<(script|template|svg).*?</\1>", " ", main[0] if main else markup, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text.replace("<wbr>", ""))).split())
