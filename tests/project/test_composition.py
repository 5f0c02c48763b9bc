"""What the settings name by dotted path or URL name is there."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string


@pytest.mark.parametrize("path", [*settings.MAM_CLOCK, *settings.MAM_FIRST_START, *settings.MAM_HEALTH_FACTS.values()])
def test_functions_called_by_the_system_take_no_argument(path: str) -> None:
    inspect.signature(import_string(path)).bind()


@pytest.mark.parametrize("path", settings.MAM_INGEST_STEPS)
def test_steps_after_the_analysis_take_file_ids(path: str) -> None:
    inspect.signature(import_string(path)).bind([1, 2])


@pytest.mark.parametrize("name", settings.MAM_FILE_PANELS)
def test_panels_of_the_file_page_have_an_address_per_file(name: str) -> None:
    assert "7" in reverse(name, args=[7])


@pytest.mark.parametrize("entry", settings.MAM_NAV, ids=lambda entry: entry["url_name"])
def test_entries_of_the_rail_lead_somewhere(entry: dict[str, str]) -> None:
    assert reverse(entry["url_name"]).startswith("/")


def test_no_process_loads_the_libraries_of_shares_before_it_connects_to_one(tmp_path: Path) -> None:
    """They are a seventh of the start of each of the processes."""
    code = "import mam.asgi, sys; print(*({'smb', 'smbprotocol', 'spnego'} & sys.modules.keys()))"
    environment = os.environ | {"MAM_DATA_DIR": str(tmp_path)}
    project = Path(__file__).resolve().parents[2]
    loaded = subprocess.run([sys.executable, "-c", code], cwd=project, env=environment, check=True, capture_output=True, text=True)
    assert loaded.stdout.split() == []
