"""Playlists as players get them: of prepared tracks, of tracks made on demand, of both; each under the strict reader."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from django.test import Client
from django.utils import timezone

from catalog.choices import FileKind, SourceState
from mam.jobs.models import Job
from streaming import tokens
from streaming.choices import ObjectState, RenditionKind, RenditionState
from streaming.models import Rendition, StoredObject
from streaming.stores import objects
from tests.factories import make_file, make_source, make_stream
from tests.streaming.rfc8216 import MediaPlaylist, Multivariant, read_media, read_multivariant
from tests.streaming.stream_rows import INIT_BYTES, SEGMENT_BYTES, make_stream_rows

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries
    from pytest_django.fixtures import Settings

    from catalog.models import MediaFile

pytestmark = pytest.mark.django_db


def make_film(path: str = "film.mxf", *, codec: str = "mpeg2video", audios: int = 1, **fields: Any) -> MediaFile:
    """A minute of 1080p29.97 that no browser plays."""
    defaults: dict[str, Any] = {"container": "mxf", "duration_ticks": 60_060, "duration_ms": 60_060, "video_codec": codec}
    file = make_file(path, **(defaults | fields))
    if file.kind == FileKind.VIDEO:
        make_stream(file, "video", codec=codec, pixel_format="yuv422p")
    for number in range(audios):
        make_stream(file, "audio", codec="pcm_s24le", language=["kor", "eng", ""][number % 3])
    return file


class Player:
    """A program with a shared token."""

    def __init__(self, file: MediaFile) -> None:
        self.client = Client()
        self.base = f"/hls/{tokens.issue(file, session_key=None).text}/"

    def text(self, uri: str) -> str:
        response = self.client.get(urljoin(self.base, uri))
        assert response.status_code == 200, response.content
        assert response["Cache-Control"] == "private, no-cache"
        return response.content.decode()

    def main(self, query: str = "") -> Multivariant:
        return read_multivariant(self.text(f"main.m3u8{query}"))

    def track(self, uri: str) -> MediaPlaylist:
        return read_media(self.text(uri))

    def check_all(self, query: str = "") -> Multivariant:
        """Read every playlist there is."""
        main = self.main(query)
        for uri in main.uris():
            self.track(uri)
        return main


def heights(main: Multivariant) -> list[str]:
    return [variant.uri.partition(".")[0] for variant in main.variants]


# --- on demand --------------------------------------------------------------------------------------------------------
def test_a_film_that_nobody_touched_has_a_whole_ladder() -> None:
    file = make_film(audios=3)
    player = Player(file)
    main = player.check_all()
    assert heights(main) == ["v1080", "v720", "v480", "v360"]
    sounds = [one.attributes for one in main.of_type("AUDIO")]
    assert [(sound["NAME"], sound.get("LANGUAGE"), sound["DEFAULT"]) for sound in sounds] == [
        ("한국어", "ko", "YES"),
        ("English", "en", "NO"),
        ("Track 3", None, "NO"),
    ]
    assert [float(variant.attributes["FRAME-RATE"]) for variant in main.variants] == [29.97] * 4
    track = player.track("v720.m3u8")
    assert len(track.segments) == 15
    assert (track.target_duration, float(track.duration)) == (4, 60.06)
    token = player.base.split("/")[2]
    assert track.segments[7].uri == f"/stream/{token}/s/v720/7.m4s"
    assert track.map_uri == f"/stream/{token}/s/v720/init.mp4"
    assert abs(player.track("a0.m3u8").duration - track.duration) < 0.03


@pytest.mark.parametrize(
    "rate", [(24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60000, 1001), (60, 1), (120, 1), (1789, 71)]
)
def test_every_rate_makes_sound_playlists(rate: tuple[int, int]) -> None:
    file = make_film()
    file.streams.filter(kind="video").update(frame_rate_num=rate[0], frame_rate_den=rate[1])
    Player(file).check_all()


@pytest.mark.parametrize(
    ("width", "height", "names"),
    [(320, 180, ["v180"]), (1280, 720, ["v720", "v480", "v360"]), (1080, 1920, ["v1080", "v720", "v480", "v360"])],
)
def test_no_quality_is_above_the_source(width: int, height: int, names: list[str]) -> None:
    file = make_film()
    file.streams.filter(kind="video").update(width_px=width, height_px=height)
    assert heights(Player(file).check_all()) == names


def test_sound_alone_and_picture_alone() -> None:
    song = make_film("song.wma", container="asf", audios=2)
    main = Player(song).check_all()
    assert [variant.uri for variant in main.variants] == ["a0.m3u8"]
    silent = make_film(audios=0)
    assert Player(silent).check_all().renditions == []


def test_a_file_of_unknown_length_has_no_playlist_yet() -> None:
    file = make_film(duration_ticks=None, duration_ms=None)
    response = Client().get(f"{Player(file).base}main.m3u8")
    assert (response.status_code, response.json()["code"]) == (404, "stream_part_missing")


# --- prepared ---------------------------------------------------------------------------------------------------------
def test_prepared_tracks_are_ranges_of_their_objects() -> None:
    file = make_film()
    make_stream_rows(file, "v1080", "v720", "v480", "v360", "a0", "s0")
    player = Player(file)
    main = player.check_all()
    assert heights(main) == ["v1080", "v720", "v480", "v360"]
    assert main.variants[0].attributes["BANDWIDTH"] == "4140000"
    assert main.of_type("SUBTITLES")[0].attributes["NAME"] == "한국어"
    track = player.track("v720.m3u8")
    name = StoredObject.objects.get(track__name="v720").name
    assert {segment.uri for segment in track.segments} == {f"/stream/{player.base.split('/')[2]}/o/{name}"}
    assert [(segment.offset, segment.length) for segment in track.segments] == [
        (INIT_BYTES + number * SEGMENT_BYTES, SEGMENT_BYTES) for number in range(3)
    ]
    assert player.track("s0.m3u8").map_uri is None


def test_a_copy_is_one_quality_and_needs_nothing_on_demand() -> None:
    file = make_film("film.mkv")
    make_stream_rows(file, "v0", "a0")
    assert heights(Player(file).check_all()) == ["v0"]


def test_what_a_stream_lacks_is_made_on_demand() -> None:
    """A viewer has had one quality made; or the presets have got another one."""
    file = make_film()
    make_stream_rows(file, "v720", "a0", "s0")
    player = Player(file)
    main = player.check_all()
    assert heights(main) == ["v1080", "v720", "v480", "v360"]
    assert "/o/" in player.track("v720.m3u8").segments[0].uri
    assert "/s/v480/" in player.track("v480.m3u8").segments[0].uri
    assert main.of_type("SUBTITLES")


@pytest.mark.parametrize("away", [{"state": SourceState.OFFLINE}, {"is_enabled": False}], ids=["offline", "switched off"])
@pytest.mark.parametrize("query", ["", "?on_demand=1"])
def test_without_its_source_a_stream_is_what_was_prepared_of_it(away: dict[str, Any], query: str) -> None:
    file = make_film(source=make_source(**away))
    make_stream_rows(file, "v720", "a0", "s0")
    player = Player(file)
    assert heights(player.check_all(query)) == ["v720"]
    assert "/o/" in player.track(f"a0.m3u8{query}").segments[0].uri
    assert player.client.get(f"{player.base}v480.m3u8{query}").status_code == 404


def test_a_player_that_found_it_broken_gets_everything_on_demand() -> None:
    file = make_film()
    make_stream_rows(file, "v1080", "v720", "v480", "v360", "a0")
    player = Player(file)
    main = player.check_all("?on_demand=1")
    assert main.uris() == [f"{name}.m3u8?on_demand=1" for name in ("v1080", "v720", "v480", "v360", "a0")]
    assert "/s/" in player.track("v720.m3u8?on_demand=1").segments[0].uri


def test_what_was_damaged_or_made_of_an_older_version_is_not_played() -> None:
    file = make_film()
    make_stream_rows(file, "v1080", "v720", "v480", "v360", "a0")
    StoredObject.objects.filter(track__name="v720").update(state=ObjectState.CHANGED)
    assert "/s/v720/" in Player(file).track("v720.m3u8").segments[0].uri
    Rendition.objects.update(made_from="older")
    assert "/s/v1080/" in Player(file).track("v1080.m3u8").segments[0].uri


def test_a_copy_without_its_sound_is_not_played_silently() -> None:
    file = make_film("film.mkv")
    make_stream_rows(file, "v0", "a0")
    StoredObject.objects.filter(track__name="a0").update(state=ObjectState.MISSING)
    player = Player(file)
    main = player.check_all()
    assert heights(main) == ["v1080", "v720", "v480", "v360"]
    assert "/s/a0/" in player.track("a0.m3u8").segments[0].uri


def test_the_store_may_be_asked_directly(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.S3_PRESIGNED = True
    file = make_film()
    make_stream_rows(file, "v0", "a0")
    assert "/o/" in Player(file).track("v0.m3u8").segments[0].uri, "a local folder has no addresses"
    asked: list[int] = []

    def presigned(_self: object, name: str, *, expires_s: int, method: str = "GET") -> str:
        asked.append(expires_s)
        return f"https://s3.example.test/{name}?X-Amz-Signature=abc"

    monkeypatch.setattr(type(objects.storage()), "presigned_url", presigned)
    track = Player(file).track("v0.m3u8")
    assert track.segments[0].uri.startswith("https://s3.example.test/streams/")
    assert 0 < asked[0] <= settings.MAM_STREAM_SHARE_S


# --- what a request costs and leaves behind -----------------------------------------------------------------------------
def test_playlists_cost_a_fixed_number_of_queries(django_assert_num_queries: DjangoAssertNumQueries, settings: Settings) -> None:
    settings.MAM_PREPARE = "never"
    file = make_film(audios=3)
    player = Player(file)
    make_stream_rows(file, "v1080", "v720", "v480", "v360", "a0", "a1", "a2", "s0")
    with django_assert_num_queries(3):
        player.main()
    with django_assert_num_queries(3):
        player.track("v720.m3u8")


def test_use_is_noted_once_an_hour() -> None:
    file = make_film()
    rendition = make_stream_rows(file, "v0", "a0", last_access_at=timezone.now() - timedelta(days=3))
    Player(file).track("v0.m3u8")
    rendition.refresh_from_db()
    first = rendition.last_access_at
    assert first > timezone.now() - timedelta(minutes=1)
    Player(file).track("a0.m3u8")
    rendition.refresh_from_db()
    assert rendition.last_access_at == first


@pytest.mark.parametrize(("policy", "jobs"), [("viewed", 1), ("never", 0)])
def test_playing_has_the_stream_prepared_by_policy(settings: Settings, policy: str, jobs: int) -> None:
    settings.MAM_PREPARE = policy
    file = make_film()
    for _ in range(2):
        Player(file).main()
    assert Job.objects.filter(kind="streaming.hls").count() == jobs
    assert Rendition.objects.filter(kind=RenditionKind.HLS, state=RenditionState.WANTED).count() == jobs


# --- who may ----------------------------------------------------------------------------------------------------------
def test_playlists_are_only_for_tokens_of_the_present_version(client: Client) -> None:
    file = make_film()
    token = tokens.issue(file, session_key=None).text
    for name in ("main.m3u8", "v720.m3u8", "storyboard.vtt"):
        answer = client.get(f"/hls/{token[:-1]}{'A' if token[-1] != 'A' else 'B'}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (403, "stream_address_invalid")
    bound = tokens.issue(file, session_key="somebody").text
    assert client.get(f"/hls/{bound}/main.m3u8").json()["code"] == "stream_address_foreign"
    old = tokens.issue(file, session_key=None, now_s=1_700_000_000).text
    assert client.get(f"/hls/{old}/main.m3u8").json()["code"] == "stream_address_expired"
    type(file).objects.filter(pk=file.pk).update(version=file.version + 1)
    answer = client.get(f"/hls/{token}/main.m3u8")
    assert (answer.status_code, answer.json()["code"]) == (409, "media_changed")
    file.delete()
    assert client.get(f"/hls/{token}/main.m3u8").status_code == 404


@pytest.mark.parametrize("name", ["v999.m3u8", "a7.m3u8", "x.m3u8"])
def test_unknown_tracks_are_404(client: Client, name: str) -> None:
    assert client.get(f"{Player(make_film()).base}{name}").status_code == 404


# --- storyboard -------------------------------------------------------------------------------------------------------
def test_cues_lead_to_the_sheets() -> None:
    file = make_film()
    assert Client().get(f"{Player(file).base}storyboard.vtt").status_code == 404
    details = {"columns": 2, "rows": 1, "width_px": 160, "height_px": 90, "starts_ms": [0, 20_000, 40_000], "duration_ms": 60_060}
    rendition = Rendition.objects.create(
        file=file,
        kind=RenditionKind.STORYBOARD,
        state=RenditionState.READY,
        source_fingerprint=file.fingerprint,
        made_from=file.fingerprint,
        details=details,
    )
    folder = objects.folder_for(file_id=file.pk, kind=RenditionKind.STORYBOARD)
    for number in (1, 0):
        made = objects.put(f"{folder}/sheet-{number:03}.jpg", b"jpeg", content_type="image/jpeg")
        StoredObject.objects.create(rendition=rendition, name=made.name, content_type="image/jpeg", size_bytes=4, checksum=made.checksum)
    player = Player(file)
    cues = player.text("storyboard.vtt").strip().split("\n\n")[1:]
    token = player.base.split("/")[2]
    assert cues == [
        f"00:00:00.000 --> 00:00:20.000\n/stream/{token}/o/{folder}/sheet-000.jpg#xywh=0,0,160,90",
        f"00:00:20.000 --> 00:00:40.000\n/stream/{token}/o/{folder}/sheet-000.jpg#xywh=160,0,160,90",
        f"00:00:40.000 --> 00:01:00.060\n/stream/{token}/o/{folder}/sheet-001.jpg#xywh=0,0,160,90",
    ]
