"""Whatever the bytes are: an outcome, in time, and the next file is fine."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mam.lib.media import Budget, MediaWorkers, ProbeOutcome, Reason
from tests.lib.media.readers import MemoryFile

if TYPE_CHECKING:
    from tests.media import ClipLibrary

SEEDS = ["moov_start.mp4", "fragmented.mp4", "prores_df.mov", "op1a.mxf", "film.mkv", "h264.ts", "xvid.avi", "wmv2.wmv", "tone.mp3"]
BUDGET = Budget(bytes=8 * 1024 * 1024, requests=300, seconds=10)
patient = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

edits = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=40)


def is_sound(outcome: ProbeOutcome) -> bool:
    """It says one thing or the other, and nothing the database could not hold."""
    return outcome.ok == (outcome.description is not None) and (outcome.ok or outcome.reason is not None)


def mutated(data: bytes, changes: list[tuple[float, bytes]]) -> bytes:
    """`data` overwritten at places: most of them in the first 4 KiB and the last, where the headers are."""
    result = bytearray(data)
    for number, (where, new) in enumerate(changes):
        span = (0, 4096) if number % 3 == 0 else (max(0, len(data) - 4096), len(data)) if number % 3 == 1 else (0, len(data))
        start = int(span[0] + where * (min(span[1], len(data)) - span[0]))
        result[start : start + len(new)] = new
    return bytes(result[: len(data)])


@pytest.mark.parametrize("seed", SEEDS)
@patient
@given(changes=edits)
def test_damaged_files_have_an_outcome(
    seed: str, changes: list[tuple[float, bytes]], clips: ClipLibrary, media_workers: MediaWorkers
) -> None:
    outcome = media_workers.probe(MemoryFile(mutated(clips[seed].read_bytes(), changes)), name=seed, budget=BUDGET)
    assert is_sound(outcome)
    assert outcome.elapsed_ms < 12_000


@patient
@given(keep=st.floats(0, 1), seed=st.sampled_from(SEEDS))
def test_files_cut_anywhere_have_an_outcome(keep: float, seed: str, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    data = clips[seed].read_bytes()
    assert is_sound(media_workers.probe(MemoryFile(data[: int(len(data) * keep)]), name=seed, budget=BUDGET))


@patient
@given(data=st.binary(max_size=4096), extension=st.sampled_from(["mp4", "mxf", "ts", "mp3", "avi", "jpg", "srt", ""]))
def test_noise_has_an_outcome(data: bytes, extension: str, media_workers: MediaWorkers) -> None:
    assert is_sound(media_workers.probe(MemoryFile(data), name=f"noise.{extension}", budget=BUDGET))


@pytest.mark.parametrize("seed", ["moov_start.mp4", "film.mkv", "h264.ts"])
@patient
@given(changes=edits)
def test_pictures_of_damaged_files_have_an_outcome(
    seed: str, changes: list[tuple[float, bytes]], clips: ClipLibrary, media_workers: MediaWorkers
) -> None:
    data = mutated(clips[seed].read_bytes(), changes)
    outcome = media_workers.frame(MemoryFile(data), at=Fraction(1, 10), budget=BUDGET)
    assert outcome.ok == bool(outcome.jpeg)
    assert outcome.ok or outcome.reason in set(Reason)


def test_the_pool_is_fine_after_all_that(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    assert media_workers.probe(MemoryFile.of(clips["film.mkv"]), name="film.mkv").ok
