"""What found files look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils.html import format_html, format_html_join

from catalog.search.tokens import query_tokens, spans
from catalog.text import nfc
from mam.templatetags.mam_ui import breakable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.template import Context
    from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def marked_title(context: Context, title: object) -> SafeString:
    """A title with the words marked that the page's search (`words` of the context) has found in it."""
    words: Sequence[str] = context.get("words") or ()
    text, wanted = nfc(str(title)), {*words, *(token for word in words for token in query_tokens(word))}
    parts: list[SafeString] = []
    at = 0
    for start, end in spans(text, wanted) if wanted else ():
        parts += [breakable(text[at:start]), format_html("<mark>{}</mark>", breakable(text[start:end]))]
        at = end
    return format_html_join("", "{}", ((part,) for part in (*parts, breakable(text[at:]))))
