"""Korean is complete: each text of the interface has its Korean, and its parameters are the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "locale" / "ko"


@pytest.fixture(scope="module")
def template_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All texts of the sources, as `makemessages` finds them, collected from a copy."""
    copy = tmp_path_factory.mktemp("sources")
    for name in ("mam", "catalog", "ingest", "streaming", "templates"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    (copy / "locale").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "django", "makemessages", "--locale=ko", "--no-wrap", "--no-location"]
    subprocess.run(command, cwd=copy, env=environment, check=True, capture_output=True)
    return copy / "locale" / "ko" / "LC_MESSAGES" / "django.po"


def test_every_text_has_its_korean(template_catalog: Path) -> None:
    compared = subprocess.run(
        ["msgcmp", LOCALE / "LC_MESSAGES" / "django.po", template_catalog], capture_output=True, text=True, check=False
    )
    assert compared.returncode == 0, compared.stderr


def test_korean_texts_take_the_parameters_of_the_english_ones() -> None:
    checked = subprocess.run(
        ["msgfmt", "--check-format", "--output-file=/dev/null", LOCALE / "LC_MESSAGES" / "django.po"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
