"""The watch page and the player panel: what they show of each file, and what looking at one leaves behind."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone

from catalog.choices import Presence, ProbeState
from catalog.services.viewing import VIEW_RESOLUTION
from mam.jobs.models import JobPriority
from streaming.ondemand.clock import is_known
from streaming.ondemand.plan import plan_for
from streaming.ondemand.service import service as ondemand
from tests.factories import make_content, make_file, make_stream, make_user
from tests.fixtures.processes import eventually

if TYPE_CHECKING:
    from typing import Any

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from catalog.models import MediaFile
    from tests.media import ClipLibrary
    from tests.streaming.making import Studio

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def person(client: Client) -> Client:
    client.force_login(make_user("viewer"))
    return client


def make_film(path: str = "WSOP/결승 1부.mp4", *, codec: str = "h264", pixel_format: str = "yuv420p", **fields: Any) -> MediaFile:
    file = make_file(path, video_codec=codec, **fields)
    make_stream(file, "video", codec=codec, pixel_format=pixel_format)
    make_stream(file, "audio")
    return file


def watch(person: Client, file: MediaFile, query: str = "") -> str:
    response = person.get(reverse("streaming:watch", args=[file.pk]) + query, headers=ENGLISH)
    assert response.status_code == 200
    return response.content.decode()


def embedded(page: str) -> dict[str, Any]:
    """What the page tells the player."""
    found = re.search(r'<script id="playback" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    answer: dict[str, Any] = json.loads(found[1])
    return answer


def test_a_playable_file_has_a_player_with_what_the_keys_need(person: Client) -> None:
    file = make_film(start_timecode="01:00:00;02", is_drop_frame=True)
    page = watch(person, file)
    assert f'src="{reverse("streaming:media", args=[file.pk, file.name])}"' in page
    playback = embedded(page)
    assert (playback["mode"], playback["state"], playback["reasons"]) == ("direct", "ready", [])
    assert playback["rate"] == {"num": 30_000, "den": 1001}
    assert (playback["start_timecode"], playback["drop_frame"], playback["frames"]) == ("01:00:00;02", True, 300)
    assert playback["poster"].startswith(f"/posters/{file.pk}.jpg")


def test_sounds_that_a_browser_does_not_play_of_a_file_are_named(person: Client) -> None:
    file = make_film("a.mp4")
    assert embedded(watch(person, file))["sounds"] == []
    make_stream(file, "audio", language="kor")
    playback = embedded(watch(person, file))
    assert (playback["mode"], playback["sounds"]) == ("direct", ["Track 1", "한국어"])
    assert "on_demand" in playback["fallback_url"]


def test_what_no_browser_plays_is_streamed_and_offers_the_original(person: Client) -> None:
    file = make_film("a.mov", codec="prores", pixel_format="yuv422p10le")
    page = watch(person, file)
    playback = embedded(page)
    assert (playback["mode"], playback["mime_type"]) == ("on_demand", "application/vnd.apple.mpegurl")
    assert playback["url"].startswith("/hls/")
    assert [reason["message"] for reason in playback["reasons"]] == ["Browsers do not play the video codec ProRes."]
    assert f"{reverse('streaming:media', args=[file.pk, file.name])}?download=1" in page


def test_asking_for_the_page_opens_a_source_that_has_to_be_encoded(person: Client, studio: Studio, clips: ClipLibrary) -> None:
    shutil.copy(clips["op1a.mxf"], studio.shelf.root / "film.mxf")
    file = studio.add("film.mxf")
    plan = plan_for(file)
    assert plan is not None
    assert embedded(watch(person, file))["mode"] == "on_demand"
    eventually(lambda: is_known(plan, ondemand().cache), what="the times of the source are known before a segment is asked for")


def test_the_page_asks_at_once_for_all_that_the_first_picture_needs(person: Client) -> None:
    page = watch(person, make_film("a.mov", codec="prores", pixel_format="yuv422p10le"))
    head = page.partition("</head>")[0]
    assert f'<link rel="preload" as="fetch" href="{embedded(page)["url"]}" crossorigin>' in head
    asked = re.findall(r'rel="modulepreload" href="([^"]+)"', head)
    assert len(asked) == len(set(asked))
    for name in ("js/main.js", "js/dom.js", "js/player.js", "js/player/stream.js", "vendor/hls/hls.min.mjs"):
        assert static(name) in asked
    direct = watch(person, make_film("b.mp4")).partition("</head>")[0]
    assert 'as="fetch"' not in direct
    assert "hls.min" not in direct


def test_hevc_leaves_the_decision_to_the_browser(person: Client) -> None:
    playback = embedded(watch(person, make_film("a.mp4", codec="hevc")))
    assert (playback["mode"], playback["hevc_type"]) == ("on_demand", 'video/mp4; codecs="hvc1.1.6.L120.B0"')
    assert [reason["message"] for reason in playback["reasons"]] == ["This browser does not play the video codec HEVC on this machine."]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"presence": Presence.MISSING}, "The file is no longer on its source."),
        ({"presence": Presence.GROWING}, "still being written"),
        ({"probe_state": ProbeState.PENDING}, "has not been analysed yet"),
        ({"probe_state": ProbeState.FAILED, "probe_reason": "truncated"}, "The file ends too early"),
    ],
)
def test_a_file_that_cannot_be_played_now_says_why(person: Client, fields: dict[str, Any], text: str) -> None:
    page = watch(person, make_film("a.mp4", **fields))
    assert embedded(page)["url"] == ""
    assert text in page


def test_parts_of_a_content_lead_to_each_other(person: Client) -> None:
    content = make_content(title="Main Event")
    first, second, third = (make_film(f"ME_Part{number}.mp4", content=content, part_number=number) for number in (1, 2, 3))
    page = watch(person, second)
    for part in (first, third):
        assert f'href="{reverse("streaming:watch", args=[part.pk])}" rel=' in page
    assert page.count('class="watch-part"') == 3
    assert 'rel="prev"' not in watch(person, first)
    assert 'rel="next"' not in watch(person, third)
    assert reverse("catalog:file_detail", args=[second.pk]) in page


def test_the_watch_page_costs_the_same_for_few_and_many_parts(
    person: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    content = make_content()
    files = [make_film(f"Part{number}.mp4", content=content, part_number=number) for number in range(1, 31)]
    watch(person, files[0])
    with django_assert_max_num_queries(14):
        watch(person, files[15])


def test_the_panel_is_the_player_alone(person: Client) -> None:
    file = make_film()
    assert "streaming:file_player" in settings.MAM_FILE_PANELS
    panel = person.get(reverse("streaming:file_player", args=[file.pk]), headers=ENGLISH).content.decode()
    assert "<html" not in panel
    assert "<video" in panel
    assert reverse("streaming:watch", args=[file.pk]) in panel


def test_nothing_on_the_pages_is_inline(person: Client) -> None:
    """The content security policy would drop it without a word."""
    for file in (make_film(), make_film("a.mov", codec="prores", pixel_format="yuv422p10le")):
        page = watch(person, file)
        assert " style=" not in page
        assert " onclick=" not in page


def test_pages_are_for_those_who_may_play(client: Client) -> None:
    file = make_film()
    for name in ("streaming:watch", "streaming:file_player"):
        url = reverse(name, args=[file.pk])
        client.logout()
        assert client.get(url).status_code == 302
        client.force_login(make_user(None))
        assert client.get(url).status_code == 403


def test_an_unknown_file_is_404(person: Client) -> None:
    assert person.get("/watch/999999/").status_code == 404


# --- what looking leaves behind -----------------------------------------------------------------------------------------
def test_looking_is_remembered_but_not_at_every_moment(person: Client) -> None:
    file = make_film()
    url = reverse("streaming:viewed", args=[file.pk])
    assert person.post(url).status_code == 204
    file.refresh_from_db()
    first = file.last_viewed_at
    assert first is not None
    person.post(url)
    file.refresh_from_db()
    assert file.last_viewed_at == first
    type(file).objects.filter(pk=file.pk).update(last_viewed_at=first - VIEW_RESOLUTION - timedelta(seconds=1))
    person.post(url)
    file.refresh_from_db()
    assert file.last_viewed_at > timezone.now() - timedelta(minutes=1)


def test_looking_at_a_file_has_it_analysed_before_others(person: Client) -> None:
    file = make_film("a.mp4", probe_state=ProbeState.PENDING, probe_priority=JobPriority.LOW)
    assert embedded(watch(person, file))["state"] == "pending"
    person.post(reverse("streaming:viewed", args=[file.pk]))
    file.refresh_from_db()
    assert file.probe_priority == JobPriority.HIGH


def test_only_a_post_of_somebody_who_may_play_counts(client: Client) -> None:
    url = reverse("streaming:viewed", args=[make_film().pk])
    client.force_login(make_user(None))
    assert client.post(url).status_code == 403
    client.force_login(make_user("viewer"))
    assert client.get(url).status_code == 405
