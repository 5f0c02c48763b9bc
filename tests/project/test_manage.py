"""The command line before there is anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_without_an_archive_a_command_says_so_in_one_line(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {"MAM_DATA_DIR": str(tmp_path / "new")}
    arguments = [sys.executable, "manage.py", "scan", "nas"]
    done = subprocess.run(arguments, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "manage.py up" in done.stderr
