"""The administration speaks Korean too: its package brings no translations, so every text of it has one of ours or Django's."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import unfold
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.template import Engine
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.test import RequestFactory
from django.utils import translation

from mam.accounts.admin_words import ADMIN_WORDS
from mam.accounts.models import User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model

PACKAGE = Path(unfold.__file__).parent
TEMPLATES = PACKAGE / "templates"
MODULES = [*PACKAGE.glob("*.py"), *PACKAGE.glob("mixins/*.py"), *PACKAGE.glob("templatetags/*.py"), *PACKAGE.glob("contrib/filters/*.py")]
OURS = ("accounts", "catalog", "ingest", "jobs", "streaming", "sync")  # labels of apps
GETTEXT = {"_", "gettext", "gettext_lazy"}


def texts_of_templates() -> set[str]:
    """As Django itself reads them, parameters and white space included."""
    texts: set[Any] = set()
    for root in (TEMPLATES, PACKAGE / "contrib/filters/templates"):
        for path in [*root.glob("admin/**/*.html"), *root.glob("unfold/**/*.html")]:
            nodes = Engine.get_default().get_template(path.relative_to(root).as_posix()).nodelist
            plain: list[Any] = nodes.get_nodes_by_type(TranslateNode)
            blocks: list[Any] = nodes.get_nodes_by_type(BlockTranslateNode)
            texts |= {node.filter_expression.var.literal for node in plain}
            texts |= {node.render_token_list(node.singular)[0] for node in blocks}
    return texts - {None}


def texts_of_modules() -> set[str]:
    return {
        str(call.args[0].value)
        for path in MODULES
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in GETTEXT
        if call.args and isinstance(call.args[0], ast.Constant)
    }


def test_every_text_of_the_administration_has_its_korean() -> None:
    with translation.override("ko"):
        assert {text for text in texts_of_templates() | texts_of_modules() if translated(text) == text} == set()


def translated(text: str) -> str:
    """Of a text that has a plural, `gettext` of Python before 3.11.4 does not find the singular."""
    return translation.gettext(text) if translation.gettext(text) != text else translation.ngettext(text, text, 1)


def test_no_word_is_kept_that_the_package_does_not_say() -> None:
    assert texts_of_templates() | texts_of_modules() >= ADMIN_WORDS


def shown_labels(model: type[Model], page: Any) -> Iterator[str]:
    """Of the columns of a list, and of the fields of a page; of an inline's too."""
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True)
    names = {*getattr(page, "list_display", ()), *flatten_fieldsets(page.get_fieldsets(request))}
    for name in names - {"__str__", "action_checkbox"} - set(page.form.declared_fields):  # those have labels of their own
        yield str(label_for_field(name, model, page))
    for inline in getattr(page, "inlines", ()):
        yield from shown_labels(inline.model, inline(model, admin.site))


@pytest.mark.parametrize(
    ("model", "page"), [(model, page) for model, page in admin.site._registry.items() if model._meta.app_label in OURS]
)
def test_every_field_of_the_administration_has_a_korean_name(model: type[Model], page: Any) -> None:
    with translation.override("ko"):
        assert [label for label in shown_labels(model, page) if label.isascii() and not label.isupper()] == []
