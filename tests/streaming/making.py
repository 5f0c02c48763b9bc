"""Helpers of the tests that make renditions: files as the catalog knows them after a probe, and looks at what came out."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from catalog.choices import ProbeReason
from catalog.models import MediaFile
from catalog.services.technical import FileVersion, Finding, store_descriptions
from mam.jobs.models import JobState
from mam.jobs.testing import run_pending
from mam.lib.media import LocalFile
from streaming.models import Rendition, Track
from streaming.services import renditions
from streaming.stores import objects
from tests.factories import make_file
from tests.frame_clips import number_in

if TYPE_CHECKING:
    from mam.jobs.models import Job
    from mam.lib.media import MediaWorkers
    from tests.streaming.conftest import Shelf


@dataclass(frozen=True)
class Studio:
    """A source whose files are probed when they come in."""

    shelf: Shelf
    workers: MediaWorkers

    def add(self, name: str) -> MediaFile:
        """The row of a file that lies on the shelf, with the description that a probe stores."""
        path = self.shelf.root / name
        status = path.stat()
        file = make_file(name, source=self.shelf.source, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
        with LocalFile(path) as opened:
            outcome = self.workers.probe(opened, name=name)
        version = FileVersion(file.pk, file.version, file.size_bytes, file.mtime_ns)
        assert store_descriptions(
            findings=[Finding(version, outcome.description, ProbeReason(outcome.reason) if outcome.reason else None, outcome.sample_hash)]
        )
        return MediaFile.objects.select_related("source", "folder").get(pk=file.pk)


def make_now(file: MediaFile, kind: str) -> Job:
    """Have `kind` made of `file`; the job as it ended."""
    renditions.want(file=file, kind=kind)
    return run_pending("media")[-1]


def made(file: MediaFile, kind: str) -> Rendition:
    """The rendition of `file`, which has to be ready after this."""
    job = make_now(file, kind)
    assert job.state == JobState.SUCCEEDED, (job.error_code, job.error_params)
    rendition = Rendition.objects.get(file=file, kind=kind)
    assert rendition.state == Rendition.State.READY
    return rendition


def bytes_of(track: Track) -> bytes:
    """The whole object of a track."""
    return objects.read_range(track.object.name, 0, track.object.size_bytes)


def segment_of(track: Track, index: int) -> bytes:
    """Init segment and one media segment: what a player has after a seek."""
    data, sizes = bytes_of(track), [size for _, size in track.segments]
    start = track.init_bytes + sum(sizes[:index])
    return data[: track.init_bytes] + data[start : start + sizes[index]]


@dataclass(frozen=True)
class Shown:
    """A decoded frame: when, and its picture as (height, width) of luma and as (height, width, 3) of RGB."""

    at: Fraction  # seconds
    is_key: bool
    luma: np.ndarray
    rgb: np.ndarray

    @property
    def number(self) -> int:
        """The number in the picture of a numbered clip."""
        return number_in(self.luma)


def frames_in(data: bytes) -> list[Shown]:
    """Every frame of an MP4."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        return [
            Shown(
                at=Fraction(frame.pts or 0) * (stream.time_base or 1),
                is_key=frame.key_frame,
                luma=frame.reformat(format="gray").to_ndarray(),
                rgb=frame.to_ndarray(format="rgb24"),
            )
            for frame in container.decode(stream)
        ]


def samples_in(data: bytes) -> np.ndarray:
    """The sound of an MP4 as float32 (channels, samples) from media time 0 on."""
    with av.open(io.BytesIO(data), "r") as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
