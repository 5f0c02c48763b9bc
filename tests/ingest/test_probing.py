"""From a waiting file to its technical description, through a real source, real workers and the job."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from catalog.choices import Presence, ProbeReason, ProbeState
from catalog.models import Folder, MediaFile
from catalog.services.file_systems import open_file_system
from catalog.services.rollups import verify
from ingest.models import ProbeResult
from ingest.services import probing, scans
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry
from mam.jobs import runner
from mam.jobs.models import Job, JobPriority, JobState
from mam.jobs.testing import run_pending
from mam.lib.media import MediaWorkers, ProbeOutcome, Reason
from mam.lib.sources.errors import AccessDeniedError, TransientError
from tests import factories

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

    from mam.lib.media import ReadableFile
    from tests.ingest.conftest import Archive
    from tests.media import ClipLibrary

pytestmark = pytest.mark.django_db

steps_taken: list[list[int]] = []


def remember_step(file_ids: list[int]) -> None:
    """A step of ingest, for these tests."""
    steps_taken.append(list(file_ids))


@pytest.fixture(autouse=True)
def one_step(settings: Settings) -> None:
    settings.MAM_INGEST_STEPS = [f"{__name__}.remember_step"]
    steps_taken.clear()


@pytest.fixture
def filled(archive: Archive, clips: ClipLibrary) -> Archive:
    """An archive of five files in two folders, scanned."""
    for path, clip in {
        "WSOP/2024/결승.mp4": "moov_end.mp4",
        "WSOP/2024/master.mov": "prores_df.mov",
        "WSOP/2024/half.mp4": "truncated.mp4",
        "HCL/talk.mp4": "text.mp4",
        "HCL/tone.wav": "tone.wav",
    }.items():
        put(archive, path, clips[clip])
    archive.scan()
    return archive


def put(archive: Archive, path: str, clip: Path) -> None:
    archive.put(path)
    shutil.copyfile(clip, archive.root / path)
    archive.age(path)


def probe_all(archive: Archive, workers: Any, **more: Any) -> dict[str, Any]:
    return probing.run_pending(source=archive.source, fs=open_file_system(archive.source), workers=workers, **more)


class Scripted:
    """Workers that answer as told, by file name; anything else is described as it is."""

    def __init__(self, real: MediaWorkers, answers: dict[str, ProbeOutcome | Exception]) -> None:
        self.real = real
        self.answers = answers
        self.asked: list[str] = []

    def probe(self, file: ReadableFile, *, name: str) -> ProbeOutcome:
        self.asked.append(name)
        answer = self.answers.get(name)
        if isinstance(answer, Exception):
            raise answer
        return answer or self.real.probe(file, name=name)


CRASH = ProbeOutcome(ok=False, reason=Reason.CRASHED, detail="SIGABRT")


def test_the_job_describes_everything_that_waits(filled: Archive) -> None:
    jobs = run_pending("fast", kinds=[scans.PROBE_KIND])
    assert [job.state for job in jobs] == [JobState.SUCCEEDED]
    assert jobs[0].result == {"done": 3, "failed": 2, "left": 0, "is_complete": True}
    files = filled.files()
    film = files["WSOP/2024/결승.mp4"]
    assert (film.probe_state, film.video_codec, film.audio_codec, film.width_px, film.height_px) == ("done", "h264", "aac", 320, 180)
    assert (film.duration_ms, film.frame_rate_num, film.frame_rate_den) == (4000, 25, 1)
    assert [stream.kind for stream in film.streams.all()] == ["video", "audio"]
    master = files["WSOP/2024/master.mov"]
    assert (master.start_timecode, master.is_drop_frame, str(master.frame_rate)) == ("01:00:00;02", True, "30000/1001")
    assert (master.duration_ticks, master.duration_base_num, master.duration_base_den) == (120120, 1, 30000)
    assert (files["WSOP/2024/half.mp4"].probe_reason, files["HCL/talk.mp4"].probe_reason) == ("truncated", "unsupported")
    assert steps_taken == [sorted(file.pk for file in files.values() if file.probe_state == ProbeState.DONE)]


def test_what_it_cost_is_kept(filled: Archive, media_workers: MediaWorkers) -> None:
    probe_all(filled, media_workers)
    result = ProbeResult.objects.get(file=filled.files()["WSOP/2024/결승.mp4"])
    assert result.stage == "head"
    assert 0 < result.bytes_read < 300_000
    assert 0 < result.requests < 6
    assert result.raw["streams"][0]["type"] == "video"
    failed = ProbeResult.objects.get(file=filled.files()["HCL/talk.mp4"])
    assert failed.detail
    assert failed.failures == 1


def test_folder_totals_follow(filled: Archive, media_workers: MediaWorkers) -> None:
    assert filled.folder("").total_pending == 5
    probe_all(filled, media_workers)
    root = filled.folder("")
    assert (root.total_pending, root.total_failed, root.total_files) == (0, 2, 5)
    assert filled.folder("HCL").total_failed == 1
    assert verify(source=filled.source) == []


def test_urgent_files_come_first(filled: Archive, media_workers: MediaWorkers) -> None:
    MediaFile.objects.filter(name="tone.wav").update(probe_priority=JobPriority.HIGH)
    MediaFile.objects.filter(name="talk.mp4").update(probe_priority=JobPriority.LOW)
    order = [target.name for target in probing.next_targets(source=filled.source, leave=set(), limit=100)]
    assert order[0] == "tone.wav"
    assert order[-1] == "talk.mp4"


def test_growing_files_are_left_alone(filled: Archive, media_workers: MediaWorkers) -> None:
    MediaFile.objects.filter(name="tone.wav").update(presence=Presence.GROWING)
    probe_all(filled, media_workers)
    assert filled.files()["HCL/tone.wav"].probe_state == ProbeState.PENDING


def test_a_file_that_differs_from_the_catalog_is_left_to_the_scanner(filled: Archive, media_workers: MediaWorkers) -> None:
    filled.put("WSOP/2024/결승.mp4", b"another one", age_s=10)
    (filled.root / "HCL/tone.wav").unlink()
    assert probe_all(filled, media_workers)["left"] == 2
    states = {path: file.probe_state for path, file in filled.files().items()}
    assert states["WSOP/2024/결승.mp4"] == states["HCL/tone.wav"] == ProbeState.PENDING


def test_a_result_of_an_older_version_does_not_count(filled: Archive, media_workers: MediaWorkers) -> None:
    targets = probing.next_targets(source=filled.source, leave=set(), limit=100)
    with ThreadPoolExecutor(2) as threads:
        looks, trouble = probing.look_at(targets=targets, fs=open_file_system(filled.source), workers=media_workers, threads=threads)
    assert trouble is None
    changed = filled.files()["WSOP/2024/결승.mp4"]
    MediaFile.objects.filter(pk=changed.pk).update(version=2)
    assert changed.pk not in probing.store(looks=looks)
    changed.refresh_from_db()
    assert (changed.probe_state, changed.video_codec, changed.streams.count()) == (ProbeState.PENDING, "", 0)
    assert not ProbeResult.objects.filter(file=changed).exists()
    assert verify(source=filled.source) == []


def test_a_file_that_crashed_the_analysis_twice_is_left_alone_until_it_changes(filled: Archive, media_workers: MediaWorkers) -> None:
    workers = Scripted(media_workers, {"tone.wav": CRASH})
    assert probe_all(filled, workers) == {"done": 2, "failed": 3, "left": 0, "is_complete": True}
    assert workers.asked.count("tone.wav") == 2
    assert workers.asked[-1] == "tone.wav"  # the second time after all others
    file = filled.files()["HCL/tone.wav"]
    assert (file.probe_state, file.probe_reason) == (ProbeState.FAILED, ProbeReason.CRASHED)
    assert ProbeResult.objects.get(file=file).crashes == 2
    assert verify(source=filled.source) == []
    MediaFile.objects.filter(pk=file.pk).update(version=2, probe_state=ProbeState.PENDING)
    probe_all(filled, media_workers)
    assert ProbeResult.objects.get(file=file).crashes == 0


def test_one_crash_is_forgiven(filled: Archive, media_workers: MediaWorkers) -> None:
    class Once(Scripted):
        def probe(self, file: ReadableFile, *, name: str) -> ProbeOutcome:
            outcome = super().probe(file, name=name)
            self.answers.pop(name, None)
            return outcome

    probe_all(filled, Once(media_workers, {"tone.wav": CRASH}))
    assert filled.files()["HCL/tone.wav"].probe_state == ProbeState.DONE


def test_trouble_of_the_source_ends_the_run_and_leaves_files_waiting(filled: Archive, media_workers: MediaWorkers) -> None:
    workers = Scripted(media_workers, {"tone.wav": TransientError(target="x", detail="y")})
    MediaFile.objects.filter(name="tone.wav").update(probe_priority=JobPriority.LOW)
    with pytest.raises(TransientError):
        probe_all(filled, workers)
    file = filled.files()["HCL/tone.wav"]
    assert (file.probe_state, file.probe_reason) == (ProbeState.PENDING, "")
    assert not ProbeResult.objects.filter(file=file).exists()
    probe_all(filled, media_workers)
    assert {file.probe_state for file in filled.files().values()} == {ProbeState.DONE, ProbeState.FAILED}


def test_files_that_may_not_be_read_have_that_as_their_reason(filled: Archive, media_workers: MediaWorkers) -> None:
    workers = Scripted(media_workers, {"tone.wav": AccessDeniedError(target="tone.wav")})
    probe_all(filled, workers)
    file = filled.files()["HCL/tone.wav"]
    assert (file.probe_state, file.probe_reason) == (ProbeState.FAILED, ProbeReason.UNREADABLE)


def test_a_new_description_replaces_the_old_one(filled: Archive, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    probe_all(filled, media_workers)
    put(filled, "WSOP/2024/결승.mp4", clips["text.mp4"])
    filled.scan()
    probe_all(filled, media_workers)
    file = filled.files()["WSOP/2024/결승.mp4"]
    assert (file.probe_state, file.video_codec, file.duration_ms, file.streams.count()) == (ProbeState.FAILED, "", None, 0)
    assert ProbeResult.objects.get(file=file).version == file.version


def test_a_long_run_gives_way_and_goes_on_in_another_job(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_GIVE_WAY_S", 0)
    monkeypatch.setattr(probing, "BATCH_FILES", 2)
    scans.request_scan(source=filled.source, user=None)
    first = run_one(scans.PROBE_KIND)
    assert first.state == JobState.SUCCEEDED and first.result is not None
    assert first.result["is_complete"] is False
    assert Job.objects.filter(kind=scans.PROBE_KIND, state=JobState.QUEUED).exists()
    run_pending("fast")
    assert not MediaFile.objects.filter(probe_state=ProbeState.PENDING).exists()


def run_one(kind: str) -> Job:
    job = runner.take(Job.objects.filter(kind=kind, state=JobState.QUEUED).values_list("pk", flat=True)[0])
    assert job is not None
    runner.execute(job, beats=False)
    job.refresh_from_db()
    return job


# --- again, by a person -----------------------------------------------------------------------------------------------
def test_an_operator_has_a_file_analysed_again(filled: Archive, media_workers: MediaWorkers) -> None:
    probe_all(filled, media_workers)
    file = filled.files()["HCL/talk.mp4"]
    operator = factories.make_user(role="operator")
    probing.request_probe(file=file, user=operator)
    file.refresh_from_db()
    assert (file.probe_state, file.probe_reason, file.probe_priority) == (ProbeState.PENDING, "", JobPriority.HIGH)
    assert filled.folder("HCL").total_pending == 1
    assert verify(source=filled.source) == []
    entry = AuditEntry.objects.get(action="ingest.file.probe")
    assert (entry.actor, entry.object_id, entry.before["probe_state"]) == (operator, str(file.pk), "failed")
    assert Job.objects.filter(kind=scans.PROBE_KIND, state=JobState.QUEUED).exists()


def test_a_viewer_may_not(filled: Archive) -> None:
    with pytest.raises(PermissionDeniedError):
        probing.request_probe(file=filled.files()["HCL/talk.mp4"], user=factories.make_user(role="viewer"))
    assert not AuditEntry.objects.filter(action="ingest.file.probe").exists()


def test_storing_a_batch_takes_few_queries(filled: Archive, media_workers: MediaWorkers, django_assert_max_num_queries: Any) -> None:
    targets = probing.next_targets(source=filled.source, leave=set(), limit=100)
    with ThreadPoolExecutor(2) as threads:
        looks, _ = probing.look_at(targets=targets, fs=open_file_system(filled.source), workers=media_workers, threads=threads)
    with django_assert_max_num_queries(len(targets) + 16):
        probing.store(looks=looks)
    assert Folder.objects.get(source=filled.source, path="").total_pending == 0
