#!/usr/bin/env python3
"""Fails when a text of the interface has no Korean, an unsure one, or one that is no longer used.

The texts are collected anew, in a copy of the tree, so that what is checked is the code and not yesterday's catalog.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTED_FROM = ["mam", "catalog", "ingest", "streaming", "sync", "templates", "static", "locale"]
DOMAINS = ["django", "djangojs"]
FAULTS = {"untranslated": "--untranslated", "unsure": "--only-fuzzy", "unused": "--only-obsolete"}


def main() -> int:
    """Exit code 1 and the texts, when there are faults."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        for name in COLLECTED_FROM:
            if (ROOT / name).exists():
                shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.mo", "parts"))
        for domain in DOMAINS:
            collect(tree, domain)
        report = "".join(faults_of(catalog) for catalog in sorted((tree / "locale").glob("*/LC_MESSAGES/*.po")))
    sys.stderr.write(report)
    return 1 if report else 0


def collect(tree: Path, domain: str) -> None:
    """Django's own `makemessages`, started beside the running Python so that no other Django can be meant."""
    command = [sys.executable, "-m", "django", "makemessages", "--locale=ko", f"--domain={domain}", "--no-wrap", "--verbosity=0"]
    subprocess.run(command, cwd=tree, check=True)


def faults_of(catalog: Path) -> str:
    """The entries of each fault as .po text under a heading; "" when there are none."""
    sections = []
    for name, option in FAULTS.items():
        listing = subprocess.run(["msgattrib", "--no-wrap", option, catalog], check=True, capture_output=True, text=True).stdout
        entries = [entry for entry in listing.split("\n\n") if entry.strip() and not is_header(entry)]
        if entries:
            sections.append(f"{catalog.parent.parent.name}/{catalog.name}: {len(entries)} {name}\n" + "\n".join(entries) + "\n")
    return "".join(sections)


def is_header(entry: str) -> bool:
    return 'msgid ""\nmsgstr ""\n' in entry and "Content-Type:" in entry


if __name__ == "__main__":
    sys.exit(main())
