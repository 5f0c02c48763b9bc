"""Rules of the frame that nobody should have to remember."""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import get_template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static" / "css").rglob("*.css"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
PYTHON = [path for package in ("mam", "catalog", "ingest", "streaming") for path in sorted((ROOT / package).rglob("*.py"))]

COMMENT = re.compile(r"{%-?\s*comment\s.*?endcomment\s*%}|{#.*?#}|/\*.*?\*/", re.DOTALL)
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl|oklch|oklab|hwb|lab|lch)a?\(|\b(?:white|black|red|green|blue|gr[ae]y)\b(?=\s*[;,)])")
LENGTH = re.compile(r"(?<![\w.-])(?!0(?:px|rem))\d*\.?\d+(?:px|rem)\b")
TIME = re.compile(r"(?<![\w.-])\d*\.?\d+m?s\b")


def text_of(path: Path) -> str:
    return COMMENT.sub("", path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_no_template_has_an_inline_style_or_script(path: Path) -> None:
    text = text_of(path)
    assert not re.search(r"\sstyle\s*=|<style\b", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert not re.search(r"\bhx-on\b|javascript:", text)
    for opening in re.findall(r"<script\b[^>]*>", text):
        assert "src=" in opening or "application/json" in opening


@pytest.mark.parametrize("path", [*TEMPLATES, *STYLES, *SCRIPTS], ids=name_of)
def test_nothing_is_loaded_from_another_host(path: Path) -> None:
    addresses = re.findall(r"""(?:src|href|url|import|from)\s*[=(]?\s*["']?((?:https?:)?//[^"')\s]+)""", text_of(path))
    assert addresses == []


@pytest.mark.parametrize("path", [path for path in STYLES if path.name != "tokens.css"], ids=name_of)
def test_colours_sizes_and_times_stand_in_the_tokens_only(path: Path) -> None:
    # The condition of a media or container query cannot use a custom property.
    text = re.sub(r"@(?:media|container)[^{]*{", "", text_of(path))
    text = re.sub(r"(?:inline|block)-size:\s*1px|transition: opacity 0s", "", text)  # hidden but read aloud; at once
    assert COLOUR.findall(text) == []
    assert LENGTH.findall(text) == []
    assert TIME.findall(text) == []


def test_every_custom_property_that_is_used_is_defined() -> None:
    text = "".join(text_of(path) for path in STYLES)
    assert set(re.findall(r"var\((--[\w-]+)", text)) - set(re.findall(r"(--[\w-]+)\s*:", text)) == set()


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static" / "icons.svg").read_text(encoding="utf-8")))
    named: set[str] = set()
    for path in TEMPLATES:
        text = text_of(path)
        named |= set(re.findall(r"""{% icon "([\w-]+)""", text)) | set(re.findall(r"""\bicon="([\w-]+)\"""", text))
    for path in SCRIPTS:
        named |= set(re.findall(r"""\bicon\("([\w-]+)\"""", text_of(path)))
    assert named - sprite == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_modules_import_what_exists_and_evaluate_no_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    folder = path.parent.relative_to(ROOT / "static")
    for target in re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']+)["']""", text):
        assert finders.find(os.path.normpath(folder / target)), target  # under /static/ as in the tree, libraries included
    assert not re.search(r"\beval\(|new Function\(|\.innerHTML\s*=|insertAdjacentHTML", text)


def test_the_scripts_texts_are_all_there() -> None:
    from mam.templatetags.mam_ui import ui_texts  # noqa: PLC0415  (needs the apps)

    data = json.loads(re.sub(r"^<script[^>]*>|</script>$", "", ui_texts()))
    used = {key for path in SCRIPTS for key in re.findall(r"""\btext\("(\w+)\"""", path.read_text(encoding="utf-8"))}
    assert used - data.keys() == set()


def test_every_component_is_documented_and_shown_in_the_style_guide() -> None:
    components = {path.stem for path in (ROOT / "templates" / "components").glob("[!_]*.html")}
    for name in components:
        assert (ROOT / "templates" / "components" / f"{name}.html").read_text(encoding="utf-8").startswith("{% comment %}")
    guide = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "templates" / "accounts").glob("styleguide*/**/*.html"))
    guide += (ROOT / "templates" / "accounts" / "styleguide.html").read_text(encoding="utf-8")
    shown = set(re.findall(r"components/(\w+)\.html", guide)) | set(re.findall(r"""{% (?:ui|component) "(\w+)\"""", guide))
    shown |= {"sort_header"} if "{% sort_header" in guide else set()
    inside = {"field": "form", "tree_items": "tree", "copy_button": "breadcrumb", "table_view_menu": "data_table"}
    shown |= {part for part, whole in inside.items() if whole in shown}
    assert components - shown == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_every_template_can_be_read(path: Path) -> None:
    get_template(str(path.relative_to(ROOT / "templates")))


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_no_f_string_is_handed_to_gettext(path: Path) -> None:
    names = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            assert not any(isinstance(argument, ast.JoinedStr) for argument in node.args), f"line {node.lineno}"


def test_the_lock_file_names_no_registry() -> None:
    lock = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert "http" not in lock


def test_the_players_words_are_all_there_and_used() -> None:
    """static/js/player gets its texts from the template; those of media-chrome are its own keys."""
    template = text_of(ROOT / "templates" / "streaming" / "_player_words.html")
    written = set(re.findall(r'data-word="([^":]+(?::\w+)?)"', template))
    code = "".join(path.read_text(encoding="utf-8") for path in SCRIPTS if "player" in str(path))
    asked = set(re.findall(r"""\bword\(["`](\w+)["`]""", code))
    families = set(re.findall(r"""\bword\(`(\w+):\$""", code))
    assert asked - written == set()
    assert {word for word in written if word.split(":")[0] not in families | {"chrome"}} - asked == set()


def test_media_chrome_knows_the_words_that_are_translated_for_it() -> None:
    template = text_of(ROOT / "templates" / "streaming" / "_player_words.html")
    english = (ROOT / "node_modules" / "media-chrome" / "dist" / "lang" / "en.js").read_text(encoding="utf-8")
    known = set(re.findall(r'^  "?(.+?)"?: ', english, re.MULTILINE))
    assert set(re.findall(r'data-word="chrome:([^"]+)"', template)) - known == set()
