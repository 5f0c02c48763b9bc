"""Codes and their texts: errors, job log lines and reasons are stored as (code, params) and rendered for the reader.

No Django here: `render` takes the translating function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

_templates: dict[str, str] = {}


def register(templates: Mapping[str, str]) -> None:
    """Add code -> English template. The same code with another text is a programming error (ValueError)."""
    for code, template in templates.items():
        if _templates.setdefault(code, template) != template:
            raise ValueError(f"message code {code!r} has two texts")


def known_codes() -> frozenset[str]:
    """All registered codes, for the test that wants each of them translated."""
    return frozenset(_templates)


def fill(template: str, params: Mapping[str, object]) -> str:
    """Fill `%(name)s` parameters; a template that misses one is shown with what there is, never an exception."""
    try:
        return template % params
    except (KeyError, TypeError, ValueError):
        return f"{template} {dict(params)}" if params else template


def render(code: str, params: Mapping[str, object], translate: Callable[[str], str] = str) -> str:
    """The reader's text of a stored (code, params); an unknown code is shown as itself."""
    return fill(translate(_templates.get(code, code.replace("%", "%%"))), params)
