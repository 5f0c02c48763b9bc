"""What the demo archive is made of, and how ffmpeg draws it. No Django here, no database: only files in a folder.

The tree looks like a broadcaster's: one folder per catalog, years below, every container the archive of a poker channel
has, and the troubles of a real one: names in Korean (composed and, as macOS writes them, decomposed), a copy, a file cut
off in the middle, one that is still being recorded.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import unicodedata
import zlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mam.lib import process

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

CLIP_TIMEOUT_S = 180.0
RECORDING_S = 75
RECORDING_PATH = "HCL/2025/HCL_2025_LIVE_Table1.ts"

# lavfi sources; rate and length are added per clip. Drawn small and scaled up: ten times cheaper, and as smooth.
FELT_GREEN = "gradients=c0=0x0d5c3b:c1=0x03251a:c2=0x17865a:n=3:speed=0.02"
FELT_BLUE = "gradients=c0=0x123a7a:c1=0x050d24:c2=0x2767c4:n=3:speed=0.02"
FELT_RED = "gradients=c0=0x7a1420:c1=0x23040a:c2=0xb3303c:n=3:speed=0.02"
NIGHT = "gradients=c0=0x3a1466:c1=0x0a0618:c2=0xd05a2e:n=3:speed=0.03"
FRACTAL = "mandelbrot=start_scale=2.2:end_scale=0.02:end_pts=260:maxiter=200:inner=mincol"
COLONY = "life=mold=12:ratio=0.12:death_color=0x4a1020:life_color=0xffc857:mold_color=0x2a3d66:seed=7"
BARS = "smptehdbars"
CHART = "testsrc2"

FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "24", "-pix_fmt", "yuv420p", "-g", "50")
AAC = ("-c:a", "aac", "-b:a", "128k")
PCM = ("-c:a", "pcm_s16le")


@dataclass(frozen=True, slots=True)
class Clip:
    """One file to draw: a background, a title, and the cards dealt on it. `path` decides the container."""

    path: str
    title: str
    background: str
    cards: str = ""  # "A♠ K♥"
    codecs: tuple[str, ...] = (*H264, *AAC)
    size: str = "960x540"
    rate: str = "30000/1001"
    seconds: int = 12
    tone_hz: int = 220
    subtitles: str = ""  # one SubRip text, stored as a stream


KOREAN_SUBTITLES = """1
00:00:01,000 --> 00:00:04,000
에이스와 킹, 좋은 출발입니다.

2
00:00:05,000 --> 00:00:09,000
리버 카드가 모든 것을 바꿉니다.
"""

CLIPS = (
    Clip("WSOP/2024/WSOP_2024_ME_Day1_Part1.mp4", "MAIN EVENT  DAY 1  PART 1", FELT_GREEN, "A♠ K♥", size="1280x720", seconds=14),
    Clip("WSOP/2024/WSOP_2024_ME_Day1_Part2.mp4", "MAIN EVENT  DAY 1  PART 2", FELT_GREEN, "Q♦ Q♣", tone_hz=247),
    Clip("WSOP/2024/WSOP 2024 하이라이트.mp4", "HIGHLIGHTS 2024", NIGHT, "T♠ J♠ Q♠ K♠ A♠", rate="25", tone_hz=330),
    Clip(
        "WSOP/2024/Masters/WSOP_2024_ME_FinalTable_MASTER.mov",
        "FINAL TABLE  MASTER",
        FELT_RED,
        "7♥ 2♣",
        ("-c:v", "prores", "-profile:v", "2", *PCM, "-timecode", "10:00:00;00"),
        seconds=5,
        tone_hz=196,
    ),
    Clip(
        "WSOP/2023/WSOP_2023_Bracelet_Ceremony.mxf",
        "BRACELET CEREMONY",
        BARS,
        codecs=("-c:v", "mpeg2video", "-b:v", "15M", "-pix_fmt", "yuv422p", *PCM),
        size="1920x1080",
        rate="25",
        seconds=5,
        tone_hz=1000,
    ),
    Clip("WSOP/2023/WSOP_2023_HU_Final.mkv", "HEADS UP FINAL", FELT_BLUE, "A♥ A♣", subtitles=KOREAN_SUBTITLES, tone_hz=262),
    Clip("HCL/2025/HCL_S14_E03_Cash_Game.mp4", "CASH GAME  S14 E03", FRACTAL, "9♣ 9♦", tone_hz=294),
    Clip(
        "HCL/2025/HCL_S14_E04_Highlights.webm",
        "S14 E04",
        FELT_BLUE,
        "J♥ T♥",
        ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-c:a", "libopus", "-b:a", "96k"),
        rate="30",
        seconds=10,
    ),
    Clip(
        "HCL/2024/HCL_2024_Stream_0412.ts",
        "STREAM 04/12",
        COLONY,
        codecs=("-c:v", "mpeg2video", "-b:v", "6M", "-c:a", "mp2", "-b:a", "192k"),
        size="720x576",
        rate="25",
        tone_hz=175,
    ),
    Clip("HCL/2024/HCL_2024_밤샘 게임.mkv", "ALL NIGHT GAME", NIGHT, "K♠ K♦", rate="24000/1001", tone_hz=185),
    Clip(
        "PAD/2022/PAD_S01_E01_HEVC.mp4",
        "POKER AFTER DARK  S01 E01",
        FELT_RED,
        "8♠ 8♥",
        ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le", *AAC),
        size="640x360",
        rate="60000/1001",
        seconds=4,
        tone_hz=208,
    ),
    Clip(unicodedata.normalize("NFD", "PAD/2022/PAD 시즌1 2화.mp4"), "SEASON 1  EPISODE 2", FELT_GREEN, "6♣ 5♣", tone_hz=233),
    Clip("PAD/2022/PAD_S01_E03_Vertical.mp4", "BACKSTAGE", CHART, size="540x960", rate="30", seconds=8, tone_hz=440),
    Clip("PAD/2022/PAD_S01_E04.mp4", "SEASON 1  EPISODE 4", NIGHT, "A♦ 2♦", seconds=10, tone_hz=277),
)
DUPLICATES = {"WSOP/2024/WSOP_2024_ME_Day1_Part1.mp4": "PAD/백업/WSOP_2024_ME_Day1_Part1.mp4"}
TRUNCATED = {"PAD/2022/PAD_S01_E04.mp4": "PAD/2022/PAD_S01_E05_incomplete.mp4"}
SIDECARS = {"WSOP/2024/WSOP 2024 하이라이트.ko.srt": KOREAN_SUBTITLES}
STEPS = len(CLIPS) + len(DUPLICATES) + len(TRUNCATED) + len(SIDECARS)


def draw_archive(root: Path, *, cancelled: threading.Event, parallelism: int, on_made: Callable[[str], None]) -> None:
    """Make every file of the archive under `root` that is not there yet; `on_made(path)` after each, from this thread.

    A file appears under its name only when it is whole, so a killed run goes on where it was. Raises ProcessError.
    """
    for leftover in root.parent.glob(f"{root.name}.draft-*"):  # of a killed run
        shutil.rmtree(leftover)
    with ThreadPoolExecutor(parallelism, thread_name_prefix="demo") as pool:
        drawing = {pool.submit(draw_clip, clip, root, cancelled): clip for clip in CLIPS}
        for done in as_completed(drawing):
            done.result()
            on_made(drawing[done].path)
    for original, copy in DUPLICATES.items():
        _write(copy, root, (root / original).read_bytes())
        on_made(copy)
    for original, rest in TRUNCATED.items():
        whole = (root / original).read_bytes()
        _write(rest, root, whole[: len(whole) * 2 // 3])  # its index lay at the end
        on_made(rest)
    for path, text in SIDECARS.items():
        _write(path, root, text.encode())
        on_made(path)


def draw_clip(clip: Clip, root: Path, cancelled: threading.Event) -> None:
    """Have ffmpeg make one clip, unless it is there. Raises ProcessError."""
    target = root / clip.path
    if target.exists():
        return
    with _draft_of(target, root) as draft:
        command = _drawing(clip, draft)
        process.run(command, timeout_s=CLIP_TIMEOUT_S, cancelled=cancelled, input=clip.subtitles.encode()).raise_for_status()


def record(target: Path, *, cancelled: threading.Event) -> None:
    """Record a camera that runs for `RECORDING_S` seconds of real time: the file grows while people look. Raises ProcessError."""
    clip = Clip(RECORDING_PATH, "LIVE  TABLE 1", FELT_GREEN, size="640x360", rate="25", seconds=RECORDING_S)
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [*FFMPEG, "-re", *_pictures(clip), *_sound(clip), *clip.codecs, "-flush_packets", "1", str(target)]
    process.run(command, timeout_s=RECORDING_S * 3, cancelled=cancelled).raise_for_status()


def _drawing(clip: Clip, draft: Path) -> list[str]:
    command = [*FFMPEG, *_pictures(clip), *_sound(clip)]
    if clip.subtitles:
        command += [
            "-f",
            "srt",
            "-i",
            "pipe:0",
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-map",
            "2:s",
            "-c:s",
            "srt",
            "-metadata:s:s:0",
            "language=kor",
        ]
    return [*command, *clip.codecs, "-metadata", f"title={clip.title}", str(draft)]


def _pictures(clip: Clip) -> list[str]:
    """The background with a title in the lower third, a running clock, and cards on the table."""
    width, height = (int(side) for side in clip.size.split("x"))
    is_sharp = clip.background in (BARS, CHART)
    drawn = clip.size if is_sharp else f"{width // 4}x{height // 4}"
    source = f"{clip.background}{':' if '=' in clip.background else '='}size={drawn}:rate={clip.rate}"
    layers = [
        "format=yuv420p",
        *([] if is_sharp else [f"scale={width}:{height}:flags=fast_bilinear"]),
        "drawbox=x=0:y=ih*0.74:w=iw:h=ih*0.15:color=black@0.55:t=fill",
        f"drawtext=text='{clip.title}':fontcolor=white:fontsize=w/22:x=w*0.05:y=h*0.78",
        "drawtext=text='%{pts\\:hms}':fontcolor=white@0.8:fontsize=w/40:x=w*0.95-tw:y=h*0.05",
        *_cards(clip.cards.split()),
    ]
    return ["-f", "lavfi", "-t", str(clip.seconds), "-i", ",".join([source, *layers])]


def _cards(cards: list[str]) -> list[str]:
    """One drawtext per card, white with a coloured face, afloat on the table so that a still picture can be told from a moving one."""
    layers = []
    for index, card in enumerate(cards):
        colour = "0xc0182b" if card[-1] in "♥♦" else "0x14161c"
        place = f"x=w*{0.08 + 0.15 * index:.2f}:y='h*0.42-ascent+h*0.03*sin(3*t+{index})'"
        layers.append(f"drawtext=text='{card}':fontcolor={colour}:fontsize=w/14:box=1:boxcolor=white:boxborderw=18:{place}")
    return layers


def _sound(clip: Clip) -> list[str]:
    """A quiet tone with a beep every second: enough to hear, and to see in a waveform."""
    return ["-f", "lavfi", "-t", str(clip.seconds), "-i", f"sine=frequency={clip.tone_hz}:beep_factor=4:sample_rate=48000,volume=0.2"]


def _write(path: str, root: Path, data: bytes) -> None:
    with _draft_of(root / path, root) as draft:
        draft.write_bytes(data)


@contextlib.contextmanager
def _draft_of(target: Path, root: Path) -> Iterator[Path]:
    """A path outside of `root` to make a file at; it becomes `target` when the block ends well.

    The file is dated days back: an archive is not of this minute, and what is would count as growing.
    """
    with tempfile.TemporaryDirectory(prefix=f"{root.name}.draft-", dir=root.parent) as scratch:
        draft = Path(scratch) / f"draft{target.suffix}"  # ffmpeg chooses the container by the suffix
        yield draft
        recorded_at = time.time() - 86_400 * (2 + zlib.crc32(os.fsencode(target.name)) % 40)
        os.utime(draft, (recorded_at, recorded_at))
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(target)
