"""What `make up` and `make test` do before they start anything, on a machine made of stand-ins for apt and sudo."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.bootstrap import NEEDED_TO_RUN, Need, Stamp, is_present

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Machine:
    """A PATH with nothing but what is put there; apt-get writes down how it was called."""

    programs: Path

    def add(self, name: str, script: str = "exit 0") -> None:
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def install_needs(self, *, as_root: bool) -> subprocess.CompletedProcess[str]:
        """Run the bootstrap's first step for what the product needs, in a Python of its own."""
        code = "from scripts import bootstrap as b; b.SEARCH_PATH = b.os.environ['PATH']; b.install_system_packages(b.NEEDED_TO_RUN)"
        pretend = f"import os; os.geteuid = lambda: {0 if as_root else 1000}; "
        environment = {"PATH": str(self.programs)}
        return subprocess.run(
            [sys.executable, "-c", pretend + code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    @property
    def apt_calls(self) -> list[str]:
        log = self.programs / "apt.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    bare = Machine(tmp_path)
    bare.add("apt-get", f'echo "$@" >> {tmp_path}/apt.log')
    bare.add("env", 'shift; exec "$@"')
    return bare


def test_who_may_not_install_gets_the_exact_line_and_a_failure(machine: Machine) -> None:
    done = machine.install_needs(as_root=False)
    assert done.returncode == 1
    assert "\n    sudo apt-get update && sudo apt-get install --yes --no-install-recommends ffmpeg gettext\n" in done.stderr
    assert machine.apt_calls == []


def test_a_sudo_that_wants_a_password_is_not_used(machine: Machine) -> None:
    machine.add("sudo", '[ "$1" = -n ] && exit 1; exit 0')
    assert machine.install_needs(as_root=False).returncode == 1
    assert machine.apt_calls == []


def test_a_sudo_that_asks_nothing_installs(machine: Machine) -> None:
    machine.add("sudo", '[ "$1" = -n ] && shift; exec "$@"')
    machine.add("true")
    done = machine.install_needs(as_root=False)
    assert done.returncode == 0, done.stderr
    assert machine.apt_calls == ["update --quiet=2", "install --yes --no-install-recommends ffmpeg gettext --quiet=2"]


def test_only_what_is_missing_is_installed(machine: Machine) -> None:
    machine.add("ffmpeg")
    machine.add("ffprobe")
    assert machine.install_needs(as_root=True).returncode == 0
    assert machine.apt_calls[-1] == "install --yes --no-install-recommends gettext --quiet=2"


def test_nothing_is_asked_of_apt_when_all_is_there(machine: Machine) -> None:
    for need in NEEDED_TO_RUN:
        machine.add(need.what)
    assert machine.install_needs(as_root=True).returncode == 0
    assert machine.apt_calls == []


def test_a_failed_installation_is_shown_and_stops(machine: Machine) -> None:
    machine.add("apt-get", '[ "$1" = update ] && exit 0; echo "E: no such package" >&2; exit 100')
    done = machine.install_needs(as_root=True)
    assert done.returncode == 1
    assert "E: no such package" in done.stderr


def test_a_stamp_is_fresh_until_an_input_changes(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("a==1")
    stamp = Stamp(tmp_path / "made" / "stamp", "3.11", pins)
    assert not stamp.is_fresh()
    stamp.write()
    assert Stamp(tmp_path / "made" / "stamp", "3.11", pins).is_fresh()
    assert not Stamp(tmp_path / "made" / "stamp", "3.12", pins).is_fresh()
    pins.write_text("a==2")
    assert not Stamp(tmp_path / "made" / "stamp", "3.11", pins).is_fresh()


def test_files_are_needed_by_pattern_and_programs_by_name(tmp_path: Path) -> None:
    (tmp_path / "17" / "bin").mkdir(parents=True)
    (tmp_path / "17" / "bin" / "initdb").touch()
    assert is_present(Need(f"{tmp_path}/*/bin/initdb", "postgresql").what)
    assert not is_present(f"{tmp_path}/*/bin/nothing")
    assert is_present("sh")


def test_an_older_python_is_refused_with_the_reason() -> None:
    pretend = "import sys; sys.version_info = (3, 10, 0); sys.argv = ['bootstrap.py', 'up']; "
    code = pretend + "from scripts import bootstrap; bootstrap.main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
