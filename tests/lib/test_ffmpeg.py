"""`mam.lib.ffmpeg` with the real ffmpeg."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ffmpeg
import psutil
import pytest

from mam.lib import ffmpeg as runner
from mam.lib import process
from tests.fixtures.processes import eventually

if TYPE_CHECKING:
    from pathlib import Path


def picture(seconds: float, **options: Any) -> Any:
    """Frames that ffmpeg draws, 25 a second."""
    return ffmpeg.input(f"testsrc2=s=320x180:r=25:d={seconds}", f="lavfi", **options)


def endless(out: Path) -> Any:
    """An encode that only ends when it is ended."""
    return ffmpeg.input("testsrc2=s=320x180:r=25", f="lavfi", re=None).output(str(out), **{"c:v": "libx264"})


def ffmpegs_writing(out: Path) -> list[psutil.Process]:
    return [found for found in psutil.process_iter(["cmdline"]) if str(out) in (found.info["cmdline"] or [])]


def test_a_run_reports_its_frames_and_its_processor_time(tmp_path: Path) -> None:
    reports: list[runner.Progress] = []
    done = runner.run(picture(4).output(str(tmp_path / "out.mp4"), **{"c:v": "libx264"}), timeout_s=60, on_progress=reports.append)
    assert done.progress.frame == 100
    assert abs(done.progress.out_time_us - 4_000_000) <= 200_000  # what is written last is not what is shown last
    assert done.progress.speed > 0
    assert reports[-1] == done.progress
    assert 0 < done.cpu_ms < done.seconds * 1000 * 64
    assert (tmp_path / "out.mp4").stat().st_size > 1000


def test_a_failure_says_why_and_keeps_the_end_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no film" * 1000)
    with pytest.raises(runner.FfmpegFailedError) as failure:
        runner.run(ffmpeg.input(str(tmp_path / "in.mp4")).output(str(tmp_path / "out.mp4")), timeout_s=60)
    assert "Invalid data" in failure.value.log_tail
    assert "Invalid data" in str(failure.value.params["detail"])


def test_the_log_of_a_failure_has_at_most_fifty_lines(tmp_path: Path) -> None:
    broken = tmp_path / "in.ts"
    good = picture(8).output(str(broken), **{"c:v": "mpeg2video", "b:v": "2M"})
    runner.run(good, timeout_s=60)
    data = bytearray(broken.read_bytes())
    data[5000::700] = bytes(len(data[5000::700]))
    broken.write_bytes(data)
    graph = ffmpeg.input(str(broken)).output(str(tmp_path / "no such folder" / "out.mp4"), map="0:v")
    with pytest.raises(runner.FfmpegFailedError) as failure:
        runner.run(graph, timeout_s=60)
    assert 1 <= len(failure.value.log_tail.splitlines()) <= runner.LOG_LINES


def test_cancelling_ends_the_process(tmp_path: Path) -> None:
    out, cancelled = tmp_path / "out.mp4", threading.Event()
    with pytest.raises(process.ProcessCancelledError):
        runner.run(endless(out), timeout_s=60, cancelled=cancelled, on_progress=lambda _: cancelled.set())
    assert ffmpegs_writing(out) == []


def test_a_report_that_raises_ends_the_process(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"

    def refuse(_: runner.Progress) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        runner.run(endless(out), timeout_s=60, on_progress=refuse)
    assert ffmpegs_writing(out) == []


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(runner.FfmpegFailedError, match="was stopped after"):
        runner.run(endless(out), timeout_s=0.5)
    assert ffmpegs_writing(out) == []


def test_memory_is_limited(tmp_path: Path) -> None:
    large = ffmpeg.input("testsrc2=s=7680x4320:r=25:d=4", f="lavfi").output(str(tmp_path / "out.mp4"), **{"c:v": "libx264"})
    with pytest.raises(runner.FfmpegFailedError) as failure:
        runner.run(large, timeout_s=60, memory_limit_bytes=600 * 1024**2)
    assert failure.value.log_tail or "signal" in str(failure.value)


def test_a_killed_ffmpeg_is_a_failure_with_its_signal(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    failures: list[runner.FfmpegFailedError] = []

    def work() -> None:
        try:
            runner.run(endless(out), timeout_s=60)
        except runner.FfmpegFailedError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    eventually(lambda: bool(ffmpegs_writing(out)), within_s=20, what="ffmpeg runs")
    for found in ffmpegs_writing(out):
        found.kill()
    thread.join(20)
    assert [str(error.params["detail"]) for error in failures] == ["signal 9"]


def test_the_command_asks_nothing_and_may_be_told_its_threads(tmp_path: Path) -> None:
    words = runner.command(picture(1).output(str(tmp_path / "out.mp4")), threads=2, progress_fd=1)
    assert words[0] == "ffmpeg"
    assert {"-nostdin", "-y", "-nostats"} <= set(words)
    assert words[words.index("-progress") + 1] == "pipe:1"
    assert words[words.index("-filter_threads") + 1] == "2"
