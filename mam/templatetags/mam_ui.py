"""Tags that put the components of `templates/components/` on a page. Knows no app's data.

`{% ui "button" label=_("Scan") icon="refresh" hx_post=url %}` renders a component without a body,
`{% component "menu" label=_("More") %} ... {% slot "actions" %} ... {% endslot %} {% endcomponent %}` one with a body.
Arguments whose name starts with `hx_`, `data_` or `aria_` become HTML attributes in `{{ attrs }}`; the rest is the
component's context, which holds nothing else but `request` and `csrf_token`.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django import template
from django.http import QueryDict
from django.template import Engine
from django.template.base import token_kwargs
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.templatetags.static import static
from django.utils.html import escape, format_html, format_html_join, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from mam.accounts.context import current_request_id
from mam.lib.static_modules import module_graph
from mam.templatetags.mam_format import AMOUNT_TEXTS

if TYPE_CHECKING:
    from django.template.base import FilterExpression, NodeList, Parser, Token
    from django.template.context import Context

register = template.Library()

_ATTRIBUTE_PREFIXES = ("hx_", "data_", "aria_")
_BREAK_AFTER = re.compile(r"[/\\_.-]")

# A state's value (of any model) -> (tone, icon). A tone is never alone: the icon and the state's word stand beside it.
STATE_LOOKS: dict[str, tuple[str, str]] = {
    "online": ("success", "check"),
    "degraded": ("warning", "alert"),
    "offline": ("danger", "offline"),
    "unknown": ("neutral", "help"),
    "present": ("success", "check"),
    "growing": ("info", "edit"),
    "held": ("warning", "pause"),
    "missing": ("danger", "alert"),
    "none": ("neutral", "file"),
    "pending": ("neutral", "clock"),
    "done": ("success", "check"),
    "queued": ("neutral", "clock"),
    "running": ("info", "activity"),
    "succeeded": ("success", "check"),
    "failed": ("danger", "error"),
    "cancelled": ("neutral", "x"),
    "checking": ("info", "activity"),
    "ready": ("success", "check"),
    "doing": ("info", "activity"),
    "undoing": ("info", "activity"),
    "undone": ("neutral", "x"),
    "synced": ("success", "check"),
    "synced_with_duplicates": ("success", "duplicate"),
    "new": ("info", "plus"),
    "moved": ("info", "arrow-right"),
    "deleted": ("danger", "trash"),
    "duplicate": ("warning", "duplicate"),
    "not_synced": ("neutral", "x"),
    "added": ("success", "plus"),
    "changed": ("info", "edit"),
    "restored": ("success", "undo"),
    "setting_changed": ("neutral", "admin"),
    "plan_approved": ("success", "shield"),
    "applying": ("info", "activity"),
    "applied": ("success", "check"),
    "partial": ("warning", "alert"),
    "stale": ("neutral", "clock"),
    "discarded": ("neutral", "x"),
    "parked": ("danger", "error"),
}


@register.simple_tag
def preload_modules(*names: str, without: str = "") -> SafeString:
    """Links by which a browser asks at once for modules and all that they import, instead of for one behind the other.

    `without`: a module whose imports are asked for already.
    """
    known = set(module_graph(without)) if without else set()
    wanted = dict.fromkeys(one for name in names for one in module_graph(name) if one not in known)
    return format_html_join("\n", '<link rel="modulepreload" href="{}">', ((static(one),) for one in wanted))


@register.simple_tag
def icon(name: str, *, label: str = "", size: str = "") -> SafeString:
    """One line icon of static/icons.svg; `name` may carry classes after a space. `size`: "sm", "lg", "xl".

    Without `label` it is decoration and hidden from screen readers.
    """
    return _icon(name, str(label), size)


@lru_cache(maxsize=1024)  # a page has a hundred icons, the same ones
def _icon(name: str, label: str, size: str) -> SafeString:
    symbol, _sep, more_classes = name.partition(" ")
    classes = " ".join(part for part in ("icon", f"icon-{size}" if size else "", more_classes) if part)
    link = f"{static('icons.svg')}#{symbol}"
    if label:
        return format_html('<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>', classes, label, link)
    return format_html('<svg class="{}" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', classes, link)


@register.simple_tag(takes_context=True)
def ui(context: Context, name: str, **arguments: Any) -> SafeString:
    """Render the component `name` (see the module)."""
    return _render_component(context, name, arguments)


@register.simple_tag
def attrs(**attributes: Any) -> SafeString:
    """`{% attrs hx_post=url hx_target="#x" as more %}`: HTML attributes for a plain include; False and None are left out."""
    return _html_attributes(attributes)


@register.tag("component")
def compile_component(parser: Parser, token: Token) -> ComponentNode:
    """`{% component "name" key=value ... %} body {% slot "name" %} ... {% endslot %} {% endcomponent %}`."""
    bits = token.split_contents()[1:]
    if not bits:
        raise template.TemplateSyntaxError("component needs a name")
    name, arguments = parser.compile_filter(bits[0]), token_kwargs(bits[1:], parser)
    body = parser.parse(("endcomponent",))
    parser.delete_first_token()
    return ComponentNode(name, arguments, body)


@register.tag("slot")
def compile_slot(parser: Parser, token: Token) -> SlotNode:
    """A named part of a component's body; given to its template under that name."""
    bits = token.split_contents()
    if len(bits) != 2:
        raise template.TemplateSyntaxError("slot needs exactly one name")
    body = parser.parse(("endslot",))
    parser.delete_first_token()
    return SlotNode(bits[1].strip("\"'"), body)


@register.tag("block_again")
def compile_block_again(parser: Parser, token: Token) -> BlockAgainNode:
    """`{% block_again title %}` renders a block a second time: the page's title is also its heading."""
    return BlockAgainNode(token.split_contents()[1])


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(context: Context, key: str, label: str, *, ordering: str = "", is_number: bool = False) -> dict[str, Any]:
    """`<th>` that sorts by `key` through `?ordering=`; `ordering` is the present one ("name", "-size_bytes")."""
    direction = {key: "ascending", f"-{key}": "descending"}.get(ordering, "none")
    following = f"-{key}" if direction == "ascending" else key
    return {
        "key": key,
        "label": label,
        "direction": direction,
        "is_number": is_number,
        "url": _query_url(context, ordering=following, cursor=None),
    }


@register.simple_tag(takes_context=True)
def query_url(context: Context, **changes: str | int | None) -> str:
    """The present address with some parameters changed; None and "" remove one. Works in components too."""
    return _query_url(context, **changes)


@register.filter
def state_tone(state: str) -> str:
    """Tone of a state value: success, warning, danger, info or neutral."""
    return STATE_LOOKS.get(state, ("neutral", "info"))[0]


@register.filter
def state_icon(state: str) -> str:
    """Icon of a state value."""
    return STATE_LOOKS.get(state, ("neutral", "info"))[1]


@register.filter
def breakable(text: str) -> SafeString:
    """Let a long file name or path wrap after its separators, and nowhere inside a word."""
    return mark_safe(_BREAK_AFTER.sub(r"\g<0><wbr>", escape(text)))  # noqa: S308  (nothing that is escaped has a separator in it)


@register.filter
def initials(name: object) -> str:
    """One letter (or Hangul syllable) for an avatar."""
    return str(name).strip()[:1].upper() or "?"


@register.filter
def split_keys(keys: str) -> list[str]:
    """ "g l" -> ["g", "l"]."""
    return keys.split()


@register.filter
def message_tone(level_tag: str) -> str:
    """Tone of one of Django's message levels."""
    return {"error": "danger", "debug": "info"}.get(level_tag, level_tag)


@register.filter
def ring_dash(share: float | None) -> str:
    """`stroke-dasharray` of a ring with pathLength 100."""
    return f"{max(0, min(100, int((share or 0) * 100)))} 100"


@register.simple_tag
def share(done: int | None, total: int | None) -> float | None:
    """done / total within 0..1; None while the total is not known."""
    return max(0.0, min(1.0, (done or 0) / total)) if total else None


@register.simple_tag
def request_id() -> str:
    """Id of the request being served, for who reports an error; works on pages rendered without a request too."""
    return current_request_id()


@register.simple_tag
def ui_texts() -> SafeString:
    """The texts of static/js, in the reader's language, as a JSON data block."""
    return json_script(_script_texts(), "ui-texts")


class SlotNode(template.Node):
    """Renders nothing where it stands: its component asks for it."""

    def __init__(self, name: str, body: NodeList) -> None:
        self.name = name
        self.body = body

    def render(self, context: Context) -> SafeString:
        return SafeString("")


class ComponentNode(template.Node):
    """A component with a body and slots."""

    def __init__(self, name: FilterExpression, arguments: dict[str, FilterExpression], body: NodeList) -> None:
        self.name = name
        self.arguments = arguments
        self.slots = [node for node in body if isinstance(node, SlotNode)]
        self.body = template.NodeList(node for node in body if not isinstance(node, SlotNode))

    def render(self, context: Context) -> SafeString:
        values: dict[str, Any] = {key: expression.resolve(context) for key, expression in self.arguments.items()}
        values |= {slot.name: _stripped(slot.body, context) for slot in self.slots}
        values["body"] = _stripped(self.body, context)
        return _render_component(context, self.name.resolve(context), values)


class BlockAgainNode(template.Node):
    """A block of the page, once more."""

    def __init__(self, name: str) -> None:
        self.name = name

    def render(self, context: Context) -> SafeString:
        block_context = context.render_context.get(BLOCK_CONTEXT_KEY)
        block = block_context.get_block(self.name) if block_context else None
        return block.render(context) if block else SafeString("")


def _stripped(body: NodeList, context: Context) -> SafeString:
    """What was rendered, so that an `if` sees an empty body as empty."""
    return mark_safe(body.render(context).strip())  # noqa: S308  (a template's output is safe)


def _render_component(context: Context, name: str, arguments: dict[str, Any]) -> SafeString:
    attributes = {key: value for key, value in arguments.items() if key.startswith(_ATTRIBUTE_PREFIXES)}
    values = {key: value for key, value in arguments.items() if key not in attributes}
    extra = _html_attributes(attributes)
    if extra:
        values["attrs"] = format_html("{} {}", values["attrs"], extra) if values.get("attrs") else extra
    for key in ("request", "csrf_token"):
        values.setdefault(key, context.get(key))
    return Engine.get_default().get_template(f"components/{name}.html").render(context.new(values))


def _html_attributes(attributes: dict[str, Any]) -> SafeString:
    """hx_vals={"a": 1} -> hx-vals='{"a": 1}'; True is an attribute without a value."""
    pairs: list[SafeString] = []
    for key, value in attributes.items():
        name = key.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            pairs.append(format_html("{}", name))
        else:
            pairs.append(format_html('{}="{}"', name, json.dumps(value) if isinstance(value, dict) else value))
    return format_html_join(" ", "{}", ((pair,) for pair in pairs))


def _query_url(context: Context, **changes: str | int | None) -> str:
    request = context.get("request")
    query = request.GET.copy() if request else QueryDict(mutable=True)
    for key, value in changes.items():
        query.pop(key, None)
        if value not in (None, ""):
            query[key] = str(value)
    text = query.urlencode()
    path = request.path if request else ""
    return f"{path}?{text}" if text else path or "?"


def _script_texts() -> dict[str, str]:
    return {
        "cancel": _("Cancel"),
        "close": _("Close"),
        "confirm": _("Confirm"),
        "undo": _("Undo"),
        "copied": _("Copied."),
        "copyFailed": _("Copying was refused by the browser. Select the text and copy it by hand."),
        "requestFailed": _("The server could not do this. Nothing was changed."),
        "unreachable": _("The server cannot be reached. Nothing was changed."),
        "offlineSince": _("No connection since {time}. What you see may be old."),
        "reconnected": _("Connected again."),
        "jobSucceeded": _("Finished: {subject}"),
        "jobFailed": _("Failed: {subject}"),
        "jobsRunning": _("{count} jobs running"),
        "noJobsRunning": _("No jobs running"),
        "selected": _("{count} selected"),
        "timeLeft": _("about {time} left"),
        "seconds": _("{count} s"),
        "minutes": _("{count} min"),
        "hours": _("{count} h"),
        "perSecond": _("{amount}/s"),
        **{
            f"{key}_{unit}": str(words)
            for unit, texts in AMOUNT_TEXTS.items()
            for key, words in zip(("done", "doneOf"), texts, strict=True)
        },
        "logCleared": _("Cleared. New lines appear here."),
    }
