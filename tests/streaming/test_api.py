"""The API of playback, renditions and videos; what players and operators post."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.choices import Presence, ProbeReason, ProbeState, SourceState
from catalog.search import index
from mam.accounts.services import create_api_key
from mam.jobs.models import Job, JobPriority, JobState
from mam.jobs.testing import run_pending
from streaming import tasks, tokens
from streaming.choices import ObjectState, PlaybackMode, RenditionKind, RenditionState
from streaming.models import Playback, PlaybackFault, Rendition, StoredObject, WatchPosition
from streaming.services import decisions, upkeep, watching
from tests.factories import make_content, make_file, make_rendition, make_source, make_stream, make_tag, make_user
from tests.streaming.conftest import Shelf, Viewer, noise
from tests.streaming.stream_rows import make_stream_rows
from tests.streaming.test_hls import make_film

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import DjangoAssertNumQueries
    from pytest_django.fixtures import Settings

    from catalog.models import MediaFile
    from mam.accounts.models import User
    from tests.fixtures.asgi_server import AsgiServer

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}


def make_plain(path: str = "plain.mp4", **fields: Any) -> MediaFile:
    """What every browser plays."""
    file = make_file(path, **fields)
    make_stream(file, "video", pixel_format="yuv420p")
    make_stream(file, "audio")
    return file


@pytest.fixture
def user() -> User:
    return make_user("viewer", language="en")


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_user("operator", language="en"))
    return client


@pytest.fixture
def program(user: User) -> dict[str, str]:
    """Headers of a program with an API key."""
    key = create_api_key(actor=None, user=user, name="x", scopes=["streaming.play_file", "catalog.view_library"])[1]
    return {"Authorization": f"Api-Key {key}"}


def playback_of(client: Client, file: MediaFile, query: str = "", **headers: str) -> dict[str, Any]:
    response = client.get(reverse("streaming_api:playback", args=[file.pk]) + query, headers=headers or ENGLISH)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


# --- playback ---------------------------------------------------------------------------------------------------------
def test_what_plays_as_it_lies_is_answered_with_the_file(browser: Client) -> None:
    file = make_plain(chapters=[{"start_ms": 0, "end_ms": 5000, "title": "시작"}], start_timecode="10:00:00:00")
    answer = playback_of(browser, file)
    assert (answer["mode"], answer["state"], answer["mime_type"]) == ("direct", "ready", "video/mp4")
    assert answer["url"] == reverse("streaming:media", args=[file.pk, file.name])
    assert answer["fallback_url"].endswith("/main.m3u8?on_demand=1")
    assert answer["chapters"] == [{"start_ms": 0, "end_ms": 5000, "title": "시작"}]
    assert (answer["rate"], answer["frames"], answer["duration_ms"]) == ({"num": 30_000, "den": 1001}, 300, 10_000)
    assert answer["start_timecode"] == "10:00:00:00"
    assert (answer["storyboard"], answer["waveform"], answer["next"], answer["job"], answer["position_ms"]) == (None, None, None, None, 0)


def test_tokens_are_bound_to_the_session_and_shared_with_programs(browser: Client, program: dict[str, str]) -> None:
    file = make_film()
    url = playback_of(browser, file)["url"]
    assert Client().get(url).json()["code"] == "stream_address_foreign"
    assert browser.get(url).status_code == 200
    shared = playback_of(Client(), file, **program)
    assert Client().get(shared["url"]).status_code == 200
    grant = tokens.verify(shared["url"].split("/")[2], "")
    assert grant.is_shared


@pytest.mark.parametrize(
    ("file_fields", "source_fields", "is_prepared", "expected"),
    [
        ({}, {}, False, ("on_demand", "ready", True)),
        ({}, {}, True, ("prepared", "ready", True)),
        ({}, {"state": SourceState.OFFLINE}, True, ("prepared", "ready", True)),
        ({}, {"state": SourceState.OFFLINE}, False, ("unavailable", "offline", False)),
        ({}, {"is_enabled": False}, False, ("unavailable", "offline", False)),
        ({"presence": Presence.MISSING}, {}, True, ("prepared", "ready", True)),
        ({"presence": Presence.MISSING}, {}, False, ("unavailable", "ready", False)),
        ({"presence": Presence.GROWING}, {}, False, ("unavailable", "pending", False)),
        ({"probe_state": ProbeState.PENDING}, {}, False, ("unavailable", "pending", False)),
        ({"probe_state": ProbeState.FAILED}, {}, False, ("unavailable", "ready", False)),
        ({"duration_ticks": None, "duration_ms": None}, {}, False, ("on_demand", "preparing", False)),
    ],
)
def test_each_situation_has_its_mode_and_state(
    browser: Client, file_fields: dict[str, Any], source_fields: dict[str, Any], is_prepared: bool, expected: tuple[str, str, bool]
) -> None:
    file = make_film(source=make_source(**source_fields), **file_fields)
    if is_prepared:
        make_stream_rows(file, "v1080", "v720", "v480", "v360", "a0")
    answer = playback_of(browser, file)
    assert (answer["mode"], answer["state"], bool(answer["url"])) == expected
    assert answer["reasons"] and all(reason["message"] for reason in answer["reasons"])


def test_a_plain_file_whose_source_is_off_plays_from_its_stream(browser: Client) -> None:
    file = make_plain(source=make_source(state=SourceState.OFFLINE))
    assert playback_of(browser, file)["state"] == "offline"
    make_stream_rows(file, "v0", "a0")
    answer = playback_of(browser, file)
    assert (answer["mode"], answer["mime_type"], answer["fallback_url"]) == ("prepared", "application/vnd.apple.mpegurl", None)


def test_a_partly_prepared_stream_is_better_than_none_without_its_source(browser: Client) -> None:
    source = make_source()
    file = make_film(source=source)
    make_stream_rows(file, "v720", "a0")
    assert playback_of(browser, file)["mode"] == "on_demand"
    type(source).objects.filter(pk=source.pk).update(state=SourceState.OFFLINE)
    assert playback_of(browser, file)["mode"] == "prepared"


def test_h264_in_another_container_is_a_copy_once_that_was_made(browser: Client) -> None:
    file = make_plain("film.mkv", container="matroska,webm")
    assert playback_of(browser, file)["mode"] == "on_demand"
    make_stream_rows(file, "v0", "a0")
    assert playback_of(browser, file)["mode"] == "remux"


def test_a_copy_whose_sound_is_damaged_is_encoded_with_sound_and_one_without_its_subtitles_is_played(browser: Client) -> None:
    file = make_plain("film.mkv", container="matroska,webm")
    make_stream_rows(file, "v0", "a0", "s0")
    StoredObject.objects.filter(track__name="s0").update(state=ObjectState.MISSING)
    assert playback_of(browser, file)["mode"] == "remux"
    StoredObject.objects.filter(track__name="a0").update(state=ObjectState.MISSING)
    assert playback_of(browser, file)["mode"] == "on_demand"


def test_hevc_is_direct_for_a_browser_that_says_it_plays_it(browser: Client) -> None:
    file = make_file("film.mp4", video_codec="hevc")
    make_stream(file, "video", codec="hevc", pixel_format="yuv420p10le")
    assert (playback_of(browser, file)["mode"], playback_of(browser, file, "?hevc=1")["mode"]) == ("on_demand", "direct")


def test_what_was_given_up_says_why_and_what_works_on_it_how_far_it_is(browser: Client) -> None:
    file = make_film(duration_ticks=None, duration_ms=None)
    fields = {"source_fingerprint": file.fingerprint, "error_code": "media_gone"}
    row = Rendition.objects.create(file=file, kind=RenditionKind.HLS, state=RenditionState.FAILED, **fields)
    answer = playback_of(browser, file)
    assert (answer["state"], answer["reasons"][-1]["code"]) == ("failed", "media_gone")
    job = Job.objects.create(kind="streaming.hls", queue="media", state=JobState.RUNNING, progress_done=30, progress_total=120)
    Rendition.objects.filter(pk=row.pk).update(state=RenditionState.WANTED, job=job)
    answer = playback_of(browser, file)
    assert (answer["state"], answer["job"]) == ("preparing", {"id": job.pk, "progress": 0.25})


def test_the_next_part_and_the_waveform_are_named(browser: Client) -> None:
    content = make_content(title="Main Event")
    first, second = (make_plain(f"Part{number}.mp4", content=content, part_number=number) for number in (1, 2))
    assert playback_of(browser, first)["next"] == {"url": reverse("streaming:watch", args=[second.pk]), "title": second.name}
    row = make_rendition(first, RenditionKind.WAVEFORM, details={"channels": 1, "peaks": 100, "peak_ms": 100})
    waveform = playback_of(browser, first)["waveform"]
    assert waveform.pop("url").endswith(f"/o/{StoredObject.objects.get(rendition=row).name}")
    assert waveform == {"channels": 1, "peaks": 100, "peak_ms": 100}


def test_the_answer_costs_a_fixed_number_of_queries(browser: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    file = make_film(audios=3)
    make_stream_rows(file, "v1080", "v720", "v480", "v360", "a0", "a1", "a2", "s0", "s1")
    playback_of(browser, file)
    with django_assert_num_queries(11):
        playback_of(browser, file)


def test_only_who_may_play_is_told(client: Client) -> None:
    url = reverse("streaming_api:playback", args=[make_film().pk])
    assert client.get(url).status_code == 401
    client.force_login(make_user(None))
    assert client.get(url).status_code == 403
    client.force_login(make_user("viewer"))
    assert client.get(reverse("streaming_api:playback", args=[999_999])).status_code == 404


# --- decisions are kept -------------------------------------------------------------------------------------------------
def test_decisions_are_kept_with_reasons_and_with_what_they_save(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    plain, film = make_plain(), make_film()
    with django_assert_num_queries(4):
        decisions.decide_files([plain.pk, film.pk])
    rows = {row.file_id: row for row in Playback.objects.all()}
    assert (rows[plain.pk].mode, rows[plain.pk].reasons) == (PlaybackMode.DIRECT, [])
    assert [reason["code"] for reason in rows[film.pk].reasons] == ["playback_container", "playback_video_codec", "playback_audio_codec"]
    assert rows[film.pk].ladder_cpu_ms > rows[plain.pk].ladder_cpu_ms > 0


def test_what_cannot_be_copied_is_remembered_for_that_version() -> None:
    file = make_plain("film.mkv", container="matroska,webm")
    decisions.decide_files([file.pk])
    decisions.refuse_copy(file=file)
    decisions.decide_files([file.pk])
    row = Playback.objects.get()
    assert (row.mode, row.reasons[-1]["code"]) == (PlaybackMode.ON_DEMAND, "playback_gops")
    type(file).objects.filter(pk=file.pk).update(version=9)
    decisions.decide_files([file.pk])
    assert Playback.objects.get().mode == PlaybackMode.REMUX


def test_all_streams_may_be_prepared_as_files_are_found(settings: Settings) -> None:
    settings.MAM_PREPARE = "all"
    plain, film = make_plain(), make_film()
    decisions.decide_files([plain.pk, film.pk])
    assert list(Rendition.objects.values_list("file", "kind")) == [(film.pk, "hls")]


def test_an_outdated_decision_is_made_anew_when_somebody_looks(browser: Client) -> None:
    file = make_film()
    Playback.objects.create(file=file, source_fingerprint="older", mode=PlaybackMode.DIRECT)
    browser.post(reverse("streaming:viewed", args=[file.pk]))
    row = Playback.objects.get()
    assert (row.source_fingerprint, row.mode) == (file.fingerprint, PlaybackMode.ON_DEMAND)
    assert Job.objects.get(kind="streaming.hls").key == f"hls:{file.pk}"


# --- what players post ------------------------------------------------------------------------------------------------
def test_where_somebody_stopped_is_kept_until_the_end(browser: Client, user: User) -> None:
    file = make_plain()
    url = reverse("streaming:position", args=[file.pk])
    for position in ("4000", "6000"):
        assert browser.post(url, {"position_ms": position}).status_code == 204
    assert playback_of(browser, file)["position_ms"] == 6000
    other = Client()
    other.force_login(make_user("viewer"))
    assert playback_of(other, file)["position_ms"] == 0
    browser.post(url, {"position_ms": "9500"})
    assert not WatchPosition.objects.filter(user=user).exists()


@pytest.mark.parametrize("value", ["", "-1", "x", "1e9", "9" * 30])
def test_a_position_that_is_none_is_refused(browser: Client, value: str) -> None:
    assert browser.post(reverse("streaming:position", args=[make_plain().pk]), {"position_ms": value}).status_code == 400


def test_faults_are_kept_and_bounded(browser: Client, user: User, caplog: pytest.LogCaptureFixture) -> None:
    file = make_film()
    decisions.decide_files([file.pk])
    url = reverse("streaming:fault", args=[file.pk])
    sent = {"code": "broken", "position_ms": "1234", "detail": "x" * 900 + "\n<script>"}
    assert browser.post(url, sent, headers={"User-Agent": "U" * 500}).status_code == 204
    row = PlaybackFault.objects.get()
    assert (row.user, row.code, row.mode, row.position_ms, len(row.detail), len(row.browser)) == (
        user,
        "broken",
        "on_demand",
        1234,
        500,
        200,
    )
    assert "\n" not in caplog.messages[-1]
    for _ in range(70):
        browser.post(url, {"code": "lost"})
    assert PlaybackFault.objects.count() == 60
    PlaybackFault.objects.update(at=timezone.now() - timedelta(hours=2))
    browser.post(url, {"code": "lost"})
    assert PlaybackFault.objects.count() == 61
    assert browser.post(url, {"code": "<b>"}).status_code == 400


@pytest.mark.usefixtures("own_store")
def test_faults_are_kept_for_as_long_as_jobs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_PURGED_AT_ONCE", 2)
    settings.MAM_JOB_KEEP_DAYS = 30
    file = make_film()
    for days in (29, 31, 32, 33):
        PlaybackFault.objects.create(file=file, code=f"{days}", at=timezone.now() - timedelta(days=days))
    tasks.enqueue_tidy()
    run_pending("fast", kinds=[upkeep.TIDY_KIND])
    assert [fault.code for fault in PlaybackFault.objects.all()] == ["29"]


def test_what_was_given_up_is_tried_again_when_a_viewer_asks(browser: Client) -> None:
    file = make_film()
    url = reverse("streaming:retry", args=[file.pk])
    assert browser.post(url).status_code == 204
    assert not Rendition.objects.exists()
    Rendition.objects.create(file=file, kind=RenditionKind.HLS, state=RenditionState.FAILED, source_fingerprint=file.fingerprint)
    browser.post(url)
    row = Rendition.objects.get()
    assert row.state == RenditionState.WANTED and row.job is not None


@pytest.mark.parametrize("name", ["position", "fault", "retry"])
def test_only_viewers_post(client: Client, name: str) -> None:
    url = reverse(f"streaming:{name}", args=[make_film().pk])
    assert client.post(url).status_code == 302
    client.force_login(make_user(None))
    assert client.post(url).status_code == 403
    client.force_login(make_user("viewer"))
    assert client.get(url).status_code == 405


# --- renditions -------------------------------------------------------------------------------------------------------
def test_operators_make_and_purge(operator: Client) -> None:
    file = make_film()
    url = reverse("streaming_api:renditions", args=[file.pk])
    assert operator.get(url).json() == []
    made = operator.post(url, {"kind": "proxy"}, content_type="application/json")
    assert (made.status_code, made.json()["state"]) == (202, "wanted")
    assert Job.objects.get(pk=made.json()["job_id"]).kind == "streaming.proxy"
    make_stream_rows(file, "v0")
    assert [(row["kind"], row["is_current"]) for row in operator.get(url).json()] == [("proxy", False), ("hls", False)]
    Rendition.objects.filter(kind="hls").update(size_bytes=5)
    assert operator.delete(reverse("streaming_api:rendition", args=[file.pk, "hls"])).status_code == 204
    assert Rendition.objects.get(kind="hls").state == RenditionState.PURGED
    assert operator.delete(reverse("streaming_api:rendition", args=[file.pk, "poster"])).status_code == 404
    assert operator.post(url, {"kind": "none"}, content_type="application/json").status_code == 400


def test_viewers_see_but_make_nothing(browser: Client) -> None:
    file = make_film()
    assert browser.get(reverse("streaming_api:renditions", args=[file.pk])).status_code == 200
    assert browser.post(reverse("streaming_api:renditions", args=[file.pk]), {"kind": "hls"}).status_code == 403
    for action in ("make", "purge"):
        assert browser.post(reverse(f"streaming:rendition_{action}", args=[file.pk, "hls"])).status_code == 403
    page = browser.get(reverse("streaming:file_renditions", args=[file.pk])).content.decode()
    assert "Browsers do not play the video codec MPEG-2." in page and "<form" not in page


def test_the_panel_makes_purges_and_shows_how_far_it_is(operator: Client) -> None:
    file = make_film()
    hx = {"HX-Request": "true", **ENGLISH}
    page = operator.post(reverse("streaming:rendition_make", args=[file.pk, "hls"]), headers=hx).content.decode()
    assert 'hx-trigger="every 3s"' in page
    job = Job.objects.get()
    Job.objects.update(state=JobState.RUNNING, progress_done=1, progress_total=4, progress_note="2.0× · 0:30")
    page = operator.get(reverse("streaming:file_renditions", args=[file.pk]), headers=ENGLISH).content.decode()
    assert "2.0× · 0:30" in page and f"/jobs/{job.pk}/" in page
    Job.objects.update(state=JobState.CANCELLED, finished_at=timezone.now())
    page = operator.get(reverse("streaming:file_renditions", args=[file.pk]), headers=ENGLISH).content.decode()
    assert "Cancelled" in page and "Waiting" not in page
    Rendition.objects.update(state=RenditionState.FAILED, error_code="media_gone", log_tail="[mxf] broken <here>", job=None)
    page = operator.get(reverse("streaming:file_renditions", args=[file.pk]), headers=ENGLISH).content.decode()
    assert "The file is no longer on its source." in page and "[mxf] broken &lt;here&gt;" in page
    assert 'hx-trigger="every' not in page
    assert operator.post(reverse("streaming:rendition_make", args=[file.pk, "hls"])).status_code == 302
    assert operator.post(reverse("streaming:rendition_make", args=[file.pk, "nothing"])).status_code == 404


def test_why_a_file_was_not_understood_is_why_it_does_not_play(browser: Client) -> None:
    file = make_film()
    type(file).objects.update(probe_state=ProbeState.FAILED, probe_reason=ProbeReason.TRUNCATED)
    (reason,) = browser.get(reverse("streaming_api:playback", args=[file.pk]), headers=ENGLISH).json()["reasons"]
    assert reason["message"] == "The file ends too early: it was cut off or not copied completely. So it cannot be played."


def test_of_what_was_not_understood_nothing_is_offered_to_be_made(operator: Client) -> None:
    file = make_film()
    make = reverse("streaming:rendition_make", args=[file.pk, "hls"])
    assert make in operator.get(reverse("streaming:file_renditions", args=[file.pk])).content.decode()
    type(file).objects.update(probe_state=ProbeState.FAILED)
    assert make not in operator.get(reverse("streaming:file_renditions", args=[file.pk])).content.decode()


def test_core_hours_are_summed(operator: Client, browser: Client) -> None:
    plain, film = make_plain(), make_film()
    decisions.decide_files([plain.pk, film.pk])
    make_stream_rows(film, "v0", cpu_ms=7_200_000)
    Playback.objects.filter(file=plain).update(ladder_cpu_ms=5_400_000)
    page = operator.get(reverse("streaming:effort"), headers=ENGLISH).content.decode()
    assert "2.0 core-hours" in page and "1.5 core-hours" in page
    assert browser.get(reverse("streaming:effort")).status_code == 403


# --- videos -----------------------------------------------------------------------------------------------------------
def test_videos_are_listed_newest_first_by_pages(browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    videos = [make_plain(f"{number}.mp4") for number in range(7)]
    make_file("sound.wav")
    first = browser.get("/api/videos?limit=4").json()
    assert [item["id"] for item in first["items"]] == [video.pk for video in reversed(videos)][:4]
    assert set(first["items"][0]) >= {"title", "path", "duration_ms", "poster_url", "stream_url", "page_url"}
    second = browser.get("/api/videos", {"limit": 4, "cursor": first["next"]}).json()
    assert [item["id"] for item in second["items"]] == [video.pk for video in reversed(videos)][4:]
    with django_assert_max_num_queries(7):
        browser.get("/api/videos?limit=7")
    index.refresh_all()
    assert len(browser.get("/api/videos?q=3").json()["items"]) == 1


def test_videos_are_searched_by_words_and_conditions(browser: Client) -> None:
    found = make_plain("WSOP/2024/결승 1부.mp4", tags=[make_tag("bluff")], duration_ms=3_600_000)
    make_plain("HCL/other.mp4")
    index.refresh_all()

    def ids(**sent: Any) -> list[int]:
        response = browser.post("/api/videos/search", sent, content_type="application/json")
        assert response.status_code == 200, response.content
        return [item["id"] for item in response.json()["items"]]

    assert ids(query="결승") == ids(query="BLUFF wsop") == ids(min_duration_ms=1_000_000) == [found.pk]
    assert ids(query="결승", max_duration_ms=1000) == []
    assert len(ids()) == 2
    overlooked = browser.post("/api/videos/search", {"q": "final"}, content_type="application/json")
    assert (overlooked.status_code, list(overlooked.json()["params"])) == (400, ["q"])
    assert browser.get("/api/videos/search").status_code == 405
    page = browser.post("/api/videos/search", {"limit": 1}, content_type="application/json").json()
    assert ids(limit=1, cursor=page["next"]) == [found.pk]
    for wrong in ({"limit": 0}, {"source": 999_999}, {"cursor": "x"}, {"min_duration_ms": "soon"}):
        response = browser.post("/api/videos/search", wrong, content_type="application/json")
        assert (response.status_code, bool(response.json()["code"])) == (400, True)


def test_videos_are_for_members(client: Client) -> None:
    for answer in (client.get("/api/videos"), client.post("/api/videos/search"), client.get("/api/videos/1/stream")):
        assert answer.status_code == 401


@pytest.mark.parametrize("accept", ["application/vnd.apple.mpegurl", "application/x-mpegURL, video/mp4;q=0.5"])
def test_a_stream_is_a_playlist_for_who_asks_for_one(browser: Client, accept: str) -> None:
    answer = browser.get(f"/api/videos/{make_plain().pk}/stream", headers={"Accept": accept})
    assert answer.status_code == 302 and "/main.m3u8" in answer["Location"]
    assert browser.get(answer["Location"]).status_code == 200


def test_a_stream_that_browsers_do_not_play_is_its_proxy_or_a_playlist(browser: Client) -> None:
    file = make_film()
    url = f"/api/videos/{file.pk}/stream"
    assert "/main.m3u8" in browser.get(url)["Location"]
    row = make_rendition(file, RenditionKind.PROXY)
    assert browser.get(url, headers={"Accept": "video/mp4"})["Location"].endswith(f"/o/{row.stored_objects.get().name}")
    assert "/main.m3u8" in browser.get(url, headers={"Accept": "application/vnd.apple.mpegurl"})["Location"]


def test_a_proxy_that_is_used_stays_and_one_that_was_purged_comes_back(browser: Client) -> None:
    file = make_film()
    row = make_rendition(file, RenditionKind.PROXY, last_access_at=timezone.now() - timedelta(days=59))
    browser.get(f"/api/videos/{file.pk}/stream")
    row.refresh_from_db()
    assert row.last_access_at > timezone.now() - timedelta(minutes=1)
    Rendition.objects.update(state=RenditionState.PURGED, made_from="")
    assert "/main.m3u8" in browser.get(f"/api/videos/{file.pk}/stream")["Location"]
    row.refresh_from_db()
    assert row.state == RenditionState.WANTED
    job = Job.objects.get()
    assert (row.job, job.kind, job.priority) == (job, "streaming.proxy", JobPriority.LOW)


def test_a_stream_of_nothing_says_so(browser: Client) -> None:
    answer = browser.get(f"/api/videos/{make_film(presence=Presence.MISSING).pk}/stream")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_play")


@pytest.mark.django_db(transaction=True)
def test_a_stream_is_bytes_by_range_for_programs(asgi_server: AsgiServer, tmp_path: Path, program: dict[str, str]) -> None:
    root = tmp_path / "archive"
    root.mkdir()
    file = Shelf(root, make_source(url=root.as_uri())).put("plain.mp4", noise(300_000))
    viewer = Viewer(asgi_server, program)
    response, body = viewer.get(f"/api/videos/{file.pk}/stream", Range="bytes=1000-200999")
    assert (response.status, response.headers["Content-Type"]) == (206, "video/mp4")
    assert body == noise(300_000)[1000:201_000]
    response, body = viewer.get(f"/api/videos/{file.pk}/stream", "HEAD")
    assert (response.status, response.headers["Content-Length"], body) == (200, "300000", b"")
