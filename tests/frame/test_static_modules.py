"""Scripts that browsers keep for good: the name of a module says what it and everything it imports contains."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from whitenoise.storage import MissingFileError

from mam.lib.static_modules import module_graph

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']+)["']""")
HASHED = re.compile(r"\.[0-9a-f]{12}\.m?js$")
FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder", "mam.lib.browser_libraries.BrowserLibraryFinder"]


class Site:
    """Static files written by a test, and what is served of them."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.settings, self.source, self.root = settings, directory / "source", directory / "root"
        self.source.mkdir()
        settings.STATIC_ROOT = self.root
        settings.STATICFILES_FINDERS = FINDERS
        settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "mam.lib.static_modules.ModuleStaticFilesStorage"}}

    def use_written_files_only(self) -> None:
        self.settings.STATICFILES_DIRS = [self.source]
        self.settings.MAM_BROWSER_LIBRARIES = {}
        (self.source / "js").mkdir()

    def write(self, name: str, text: str) -> None:
        (self.source / name).write_text(text)

    def collect(self) -> dict[str, str]:
        """Name of each script -> the name it is served under."""
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        names = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*.*js")]
        return {re.sub(r"\.[0-9a-f]{12}(?=\.m?js$)", "", name): name for name in names if HASHED.search(name)}

    def imports(self, served: str) -> list[Path]:
        """The files that a served module loads."""
        module = self.root / served
        return [(module.parent / name).resolve() for name in IMPORT.findall(module.read_text(encoding="utf-8"))]


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> Site:
    return Site(settings, tmp_path)


def test_every_module_of_ours_and_of_the_libraries_loads_hashed_names_that_are_there(site: Site) -> None:
    served = site.collect()
    assert {"js/main.js", "js/dom.js", "vendor/htmx/htmx.min.js"} <= served.keys()
    for name in served.values():
        for imported in site.imports(name):
            assert imported.exists(), (name, imported)
            assert HASHED.search(imported.name), (name, imported)


def test_a_change_gives_new_names_to_what_leads_to_it_and_to_nothing_else(site: Site) -> None:
    site.use_written_files_only()
    site.write("js/main.js", 'import { a } from "./middle.js";\nimport "./other.js";\n')
    site.write("js/middle.js", 'export { a } from "./leaf.js";\n')
    site.write("js/leaf.js", "export const a = 1;\n")
    site.write("js/other.js", "export const b = 1;\n")
    before = site.collect()
    site.write("js/leaf.js", "export const a = 2;\n")
    after = site.collect()
    assert {name for name in before if before[name] != after[name]} == {"js/main.js", "js/middle.js", "js/leaf.js"}
    assert [path.name for path in site.imports(after["js/middle.js"])] == [after["js/leaf.js"].removeprefix("js/")]


def test_modules_may_import_each_other_in_a_circle(site: Site) -> None:
    site.use_written_files_only()
    site.write("js/one.js", 'import { two } from "./two.js";\nexport const one = 1;\n')
    site.write("js/two.js", 'import { one } from "./one.js";\nexport const two = () => import("./one.js");\n')
    served = site.collect()
    assert {path.name for path in site.imports(served["js/two.js"])} == {served["js/one.js"].removeprefix("js/")}
    assert {path.name for path in site.imports(served["js/one.js"])} == {served["js/two.js"].removeprefix("js/")}


def test_an_import_of_nothing_is_found_when_files_are_collected(site: Site) -> None:
    site.use_written_files_only()
    site.write("js/main.js", 'import "./gone.js";\n')
    with pytest.raises(MissingFileError, match=r"js/gone\.js"):
        site.collect()


def test_scripts_of_packages_are_left_as_they_are(site: Site) -> None:
    site.use_written_files_only()
    (site.source / "package").mkdir()
    text = '/* import htmx from "./not/here"; */ const load = () => import("elsewhere");\n'
    site.write("package/script.js", text)
    assert (site.root / site.collect()["package/script.js"]).read_text() == text


def test_the_graph_of_a_module_is_all_it_imports_before_it_runs(settings: Settings, tmp_path: Path) -> None:
    site = Site(settings, tmp_path)
    site.use_written_files_only()
    site.write("js/entry.js", 'import { a } from "./a.js";\nimport "./b.js";\nconst later = () => import("./later.js");\n')
    site.write("js/a.js", 'export * from "./shared.js";\nimport { entry } from "./entry.js";\n')
    site.write("js/b.js", 'import {\n  one,\n  two,\n} from "./shared.js";\n')
    site.write("js/shared.js", "export const one = 1, two = 2;\n")
    assert module_graph("js/entry.js") == ("js/entry.js", "js/a.js", "js/b.js", "js/shared.js")
    with pytest.raises(LookupError):
        module_graph("js/none.js")
