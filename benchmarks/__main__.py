"""`python -m benchmarks [NAME]`: one benchmark or all.

Each is a module that prints both sides and, last, `NAME ratio R (ours/reference)`; the other modules help them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def benchmark_names() -> list[str]:
    """The modules of this package that print a ratio."""
    modules = sorted(Path(__file__).parent.glob("[!_]*.py"))
    return [module.stem for module in modules if f'"{module.stem} ratio {{' in module.read_text(encoding="utf-8")]


def main() -> int:
    """Exit code 1 when a benchmark could not be run; a bad ratio is for people to see."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", choices=benchmark_names(), help="default: all, one after the other")
    chosen = parser.parse_args().name
    failed = False
    for name in [chosen] if chosen else benchmark_names():
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        failed |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=ROOT, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
