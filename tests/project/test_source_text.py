"""Rules of the source text that no linter knows."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for folder in ("mam", "catalog", "ingest", "streaming")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
}
TRANSLATORS = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy", "npgettext", "_"}
LONGEST_MODULE_LINES = 600
LONGEST_FUNCTION_LINES = 80
SAY_NOTHING_NEW = ("apps.py", "admin_config.py")  # one class that Django wants


def test_texts_for_translation_are_plain_literals() -> None:
    """An f-string or a sum is not found by the collector, and would be another text each time."""
    faults = [
        f"{name}:{call.lineno}"
        for name, text in MODULES.items()
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in TRANSLATORS and call.args
        if isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
    ]
    assert not faults


def test_modules_can_be_read_at_one_sitting() -> None:
    assert not [name for name, text in MODULES.items() if text.count("\n") > LONGEST_MODULE_LINES]


def test_functions_can_be_seen_whole() -> None:
    too_long = [
        f"{name}:{function.lineno} {function.name}"
        for name, text in MODULES.items()
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        if (function.end_lineno or 0) - function.lineno >= LONGEST_FUNCTION_LINES
    ]
    assert not too_long


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name
        for name, text in MODULES.items()
        if text.strip() and not name.endswith(SAY_NOTHING_NEW) and not ast.get_docstring(ast.parse(text))
    ]
    assert not silent
