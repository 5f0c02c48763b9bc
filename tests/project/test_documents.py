"""The papers say what is: settings, dependencies, commands, links."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ONE_SCREEN_LINES = 45


def _table_names(text: str) -> list[str]:
    """The first cells of a document's tables, where they are code or plain names; heads and rules left out."""
    rows = re.findall(r"^\| ?([^|]+?) ?\|", text, re.MULTILINE)
    return [row.strip("`") for row in rows if not re.fullmatch(r"[-: ]+", row)]


def _section(text: str, words: str) -> str:
    """The part of a document below the heading that contains `words`, up to the next heading."""
    found = re.search(rf"^## [^\n]*{re.escape(words)}[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, words
    return found[1]


def _direct_dependencies(file: Path) -> set[str]:
    lines = (line.split("#")[0].strip() for line in file.read_text().splitlines())
    return {re.split(r"[\[<>=!~;]", line)[0].strip().lower() for line in lines if line and not line.startswith("-")}


def test_every_setting_is_described_and_every_described_setting_exists() -> None:
    source = (ROOT / "mam/settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', source)) | set(re.findall(r'"(SECRET_KEY|MAM_CREDENTIALS_KEY)"', source))
    described = {name for name in _table_names((ROOT / "docs/settings.md").read_text()) if name.isupper()}
    assert described == read


@pytest.mark.parametrize("name", ["requirements.in", "requirements-tools.in", "requirements-dev.in", "requirements-s3.in", "package.json"])
def test_every_direct_dependency_has_its_reason(name: str) -> None:
    file = ROOT / name
    if file.suffix == ".json":
        package = json.loads(file.read_text())
        wanted = set(package["dependencies"]) | set(package["devDependencies"])
    else:
        wanted = _direct_dependencies(file)
    described = [row for row in _table_names(_section((ROOT / "docs/dependencies.md").read_text(), name)) if row != "package"]
    assert sorted(described) == sorted(wanted)


def test_every_system_package_that_is_installed_has_its_reason() -> None:
    script = (ROOT / "scripts/bootstrap.py").read_text()
    installed = set(re.findall(r'Need\("[^"]+", "([^"]+)"\)', script)) | {"python3-venv"}
    described = set(_table_names(_section((ROOT / "docs/dependencies.md").read_text(), "(apt)"))) - {"package"}
    assert described == installed


@pytest.mark.parametrize("stem", ["requirements", "requirements-tools", "requirements-dev", "requirements-s3"])
def test_what_is_asked_for_is_pinned_with_hashes(stem: str) -> None:
    pinned = (ROOT / f"{stem}.txt").read_text()
    blocks = {block.split("==")[0].split("[")[0]: block for block in re.split(r"\n(?=\w)", pinned)}
    for package in _direct_dependencies(ROOT / f"{stem}.in"):
        assert "--hash=sha256:" in blocks[package]


def test_the_lock_file_pins_every_browser_library_and_names_no_host() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    libraries = {path: entry for path, entry in lock["packages"].items() if path}
    assert libraries
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in libraries.values())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith(("http", "#"))]
    named = re.findall(r"`((?:docs|deploy|scripts|tests|mam)/[\w/.]+\.\w+)`", text)
    missing = [link for link in links if not (document.parent / link).exists()] + [path for path in named if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    text = document.read_text()
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    unknown_targets = set(re.findall(r"\bmake ([a-z-]+)", code)) - targets
    commands = {path.stem for path in ROOT.glob("**/management/commands/*.py") if ".venv" not in path.parts}
    djangos_own = {"check", "migrate", "collectstatic", "makemigrations"}
    unknown_commands = set(re.findall(r"manage\.py\s+([a-z_]+)", code)) - commands - djangos_own
    assert not unknown_targets
    assert not unknown_commands


def test_each_part_of_the_readme_fits_on_one_screen() -> None:
    sections = re.split(r"^## ", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert [title.split("\n")[0] for title in sections[1:]] == [
        "Two commands",
        "What it looks like",
        "Adding a share",
        "PostgreSQL and more machines",
    ]
    assert max(section.count("\n") for section in sections) <= ONE_SCREEN_LINES


def test_the_glossary_gives_each_word_in_both_languages_once() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    words = [(english, korean) for english, korean, _meaning in rows if english != "English" and not english.startswith("-")]
    assert len({english for english, _korean in words}) == len(words) > 30
    assert all(re.search("[가-힣]", korean) for _english, korean in words)


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    declared = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert declared
    assert set(declared[1].split()) == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
