"""Seconds to the first picture in Chromium, of the same film in the same player: HLS prepared, and on demand (cold and warm), against
a progressive MP4 that the browser plays by itself.

Counted is what a viewer waits for: from asking for the watch page to the first picture on the screen, each time in a profile without a
cache. Beside it, for information, the part that begins when the element starts to load. Cold: nothing of the film is in the cache,
no encoder runs. The median of alternating rounds counts.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from benchmarks.databases import environment_of, set_up
from benchmarks.making import catalogued, draw, ffmpeg
from benchmarks.range import application
from tests.fixtures.browser import STAY_QUIET

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROUNDS = int(os.environ.get("MAM_BENCH_ROUNDS", "7"))
SECONDS = 120
REPEATS = 6
WITHIN_S = 60.0
# Before anything of the page runs. Events of media elements do not bubble, but are seen on the way down.
WATCH = """
  const first = (now) => (window.shownAt ??= now);
  const begin = ({ target }) => ((window.askedAt ??= performance.now()), target.requestVideoFrameCallback(first));
  document.addEventListener("loadstart", begin, true);
"""
TIMES = "[window.shownAt, window.shownAt - window.askedAt]"


@dataclass(frozen=True)
class Film:
    """What `prepare` left: where it is watched, and what is to be deleted before it is cold."""

    path: str
    cache: Path


def prepare(directory: Path) -> None:
    """In a process with the benchmark's settings: three films of the same pictures, one with its ladder. Prints a cookie, then each."""
    set_up()
    from django.core.management import call_command  # noqa: PLC0415

    from mam.jobs.testing import run_pending  # noqa: PLC0415
    from streaming.choices import RenditionKind  # noqa: PLC0415
    from streaming.services import renditions  # noqa: PLC0415
    from streaming.stores import hot  # noqa: PLC0415
    from tests.factories import make_user  # noqa: PLC0415
    from tests.streaming.conftest import cookie_of  # noqa: PLC0415

    call_command("collectstatic", interactive=False, verbosity=0)
    once = draw(directory / "once.mp4", size="1280x720", seconds=SECONDS // REPEATS)
    repeat = ("-stream_loop", str(REPEATS - 1), "-i", str(once))
    master = ("-c:v", "mpeg2video", "-b:v", "15M", "-bf", "2", "-c:a", "pcm_s16le")
    paths = {
        name: directory / name / f"{name}.{suffix}" for name, suffix in (("progressive", "mp4"), ("prepared", "mxf"), ("demand", "mxf"))
    }
    for path in paths.values():
        path.parent.mkdir()
    ffmpeg(*repeat, "-c", "copy", "-movflags", "+faststart", str(paths["progressive"]))
    ffmpeg(*repeat, *master, str(paths["prepared"]))
    shutil.copy(paths["prepared"], paths["demand"])
    files = {name: catalogued(path) for name, path in paths.items()}
    renditions.want(file=files["prepared"], kind=RenditionKind.HLS)
    run_pending("media", kinds=["streaming.hls"])
    sys.stdout.write(f"{cookie_of(make_user(None, is_superuser=True))}\n")
    for name, file in files.items():
        sys.stdout.write(f"{name} /watch/{file.pk}/ {hot.cache().root}\n")


def seconds_to_picture(browser: Browser, server: str, path: str, cookie: str) -> tuple[float, float]:
    """Seconds from the request for the page, and from the first request for the stream."""
    name, _, value = cookie.partition("=")
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    try:
        context.add_cookies([{"name": name, "value": value, "url": server}])
        page = context.new_page()
        page.add_init_script(WATCH)
        page.goto(f"{server}{path}", wait_until="commit")
        deadline = time.monotonic() + WITHIN_S
        while not page.evaluate("window.shownAt"):  # asked from outside: the page's policy forbids evaluated text
            if time.monotonic() > deadline:
                raise RuntimeError(page.inner_text("main"))
            page.wait_for_timeout(20)
        whole_ms, stream_ms = page.evaluate(TIMES)
        return whole_ms / 1000, stream_ms / 1000
    finally:
        context.close()


def main() -> None:
    """One server, one browser, four ways."""
    with ExitStack() as stack:
        environment = stack.enter_context(environment_of("sqlite"))
        directory = Path(environment["MAM_DATA_DIR"])
        (directory / "films").mkdir()
        command = [sys.executable, "-m", "benchmarks.first_frame", "prepare", str(directory / "films")]
        cookie, *lines = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        films = {name: Film(path, Path(cache)) for name, path, cache in (line.split(" ", 2) for line in lines)}
        port = stack.enter_context(application(environment, directory))
        playwright = stack.enter_context(sync_playwright())
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*STAY_QUIET, *as_root])
        stack.callback(browser.close)
        ways = {"progressive": "progressive", "prepared": "prepared", "on demand, cold": "demand", "on demand, warm": "demand"}
        times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for number in range(ROUNDS + 1):  # the first one wakes everybody up
            for way, name in ways.items():
                film = films[name]
                if way.endswith("cold"):
                    shutil.rmtree(film.cache / "segments", ignore_errors=True)
                taken = seconds_to_picture(browser, f"http://127.0.0.1:{port}", film.path, cookie)
                if number:
                    times[way].append(taken)
        _report(times)


def _report(times: dict[str, list[tuple[float, float]]]) -> None:
    whole = {way: statistics.median(page for page, _ in taken) for way, taken in times.items()}
    stream = {way: statistics.median(part for _, part in taken) for way, taken in times.items()}
    for way in times:
        sys.stdout.write(f"{way}: {whole[way]:.2f} s to the picture, {stream[way]:.2f} s of them since the stream was asked for\n")
    for name, part in (("stream ", stream), ("", whole)):
        sys.stdout.write(f"first_frame_cold {name}ratio {part['on demand, cold'] / part['prepared']:.2f} (ours/reference)\n")
        sys.stdout.write(f"first_frame_warm {name}ratio {part['on demand, warm'] / part['prepared']:.2f} (ours/reference)\n")
    sys.stdout.write(f"first_frame stream ratio {stream['prepared'] / stream['progressive']:.2f} (ours/reference)\n")
    sys.stdout.write(f"first_frame ratio {whole['prepared'] / whole['progressive']:.2f} (ours/reference)\n")


if __name__ == "__main__":
    prepare(Path(sys.argv[2])) if sys.argv[1:2] == ["prepare"] else main()
