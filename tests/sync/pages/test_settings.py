"""The settings: each box is stored by itself, keeps what was typed, and shows no secret."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.urls import reverse

from sync.choices import HistoryEvent
from sync.models import HistoryRow, Target, TargetSource, Touch
from sync.services.settings import change_target, unsealed
from tests.factories import make_source
from tests.sync.factories import make_target, publish
from tests.sync.pages.reading import HTMX, show, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.conf import LazySettings
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from catalog.models import Source

pytestmark = pytest.mark.django_db

SETTINGS = "/sync/settings/"
KEY = {"type": "service_account", "client_email": "a@example.test", "private_key": "-----BEGIN", "token_uri": "https://example.test"}
PLACE = {"name": "OTT", "adapter": "database", "project": "", "database": "", "credentials": ""}


def store(person: Client, box: str, **values: Any) -> Any:
    """Send a box."""
    return person.post(SETTINGS, {"form": box, **values})


def errors_of(response: Any, box: str) -> dict[str, list[str]]:
    assert response.status_code == 422
    return {name: list(found) for name, found in response.context["forms"][box].errors.items()}


# --- boxes ------------------------------------------------------------------------------------------------------------
def test_the_schedule_is_in_minutes(administrator: Client, target: Target) -> None:
    response = store(administrator, "schedule", interval_minutes="15")
    assert response["Location"] == f"{SETTINGS}#schedule"
    target.refresh_from_db()
    assert (target.is_automatic, target.interval_s) == (False, 900)
    assert "Saved." in administrator.get(SETTINGS).content.decode()


def test_an_interval_of_odd_seconds_stays_unless_another_is_entered(administrator: Client, target: Target) -> None:
    Target.objects.update(interval_s=95)
    assert administrator.get(SETTINGS).context["forms"]["schedule"].initial["interval_minutes"] == 2
    store(administrator, "schedule", is_automatic="on", interval_minutes="2")
    assert Target.objects.get().interval_s == 95


def test_the_filter_takes_types_however_they_are_written(administrator: Client, target: Target) -> None:
    Touch.objects.all().delete()
    store(administrator, "filter", hls_extensions=".MP4, mov\nmkv")
    target.refresh_from_db()
    assert (target.is_hls_only, target.hls_extensions) == (False, ["mp4", "mov", "mkv"])
    assert Touch.objects.exists()  # everything is matched anew


def test_guard_limits_may_be_open(administrator: Client, target: Target) -> None:
    store(administrator, "guard", guard_percent="0", guard_rows="25")
    target.refresh_from_db()
    assert (target.guard_percent, target.guard_rows) == (0, 25)
    store(administrator, "guard", guard_percent="100", guard_rows="")
    assert Target.objects.get().guard_rows is None


def test_alerts_take_addresses_by_line_and_keep_the_webhook_unless_another_is_typed(administrator: Client, target: Target) -> None:
    store(
        administrator, "alerts", is_alerting="on", alert_emails="a@example.test\nb@example.test", webhook_url="https://hooks.example.test/x"
    )
    target.refresh_from_db()
    assert (target.is_alerting, target.alert_emails) == (True, ["a@example.test", "b@example.test"])
    assert unsealed(target.webhook_url) == "https://hooks.example.test/x"
    store(administrator, "alerts", alert_emails="")
    target.refresh_from_db()
    assert (target.is_alerting, target.alert_emails) == (False, [])
    assert unsealed(target.webhook_url) == "https://hooks.example.test/x"
    store(administrator, "alerts", forget_webhook="on")
    assert Target.objects.get().webhook_url == ""


def test_a_target_may_be_firestore(administrator: Client, target: Target) -> None:
    store(administrator, "place", **PLACE | {"adapter": "firestore", "project": "ggp-ott", "credentials": json.dumps(KEY)})
    target.refresh_from_db()
    assert (target.name, target.adapter, target.options) == ("OTT", "firestore", {"project": "ggp-ott"})
    assert json.loads(unsealed(target.credentials)) == KEY
    assert "A key is stored." in show(administrator, SETTINGS)
    store(administrator, "place", **PLACE | {"adapter": "firestore", "project": "ggp-ott"})
    assert Target.objects.get().credentials != ""


@pytest.mark.parametrize(
    ("box", "values", "field"),
    [
        ("schedule", {"interval_minutes": "0"}, "interval_minutes"),
        ("schedule", {"interval_minutes": "abc"}, "interval_minutes"),
        ("filter", {"hls_extensions": ""}, "hls_extensions"),
        ("filter", {"hls_extensions": "m/p4"}, "hls_extensions"),
        ("filter", {"hls_extensions": "srt"}, "hls_extensions"),
        ("guard", {"guard_percent": "101"}, "guard_percent"),
        ("guard", {"guard_percent": "5", "guard_rows": "-1"}, "guard_rows"),
        ("alerts", {"alert_emails": "nobody"}, "alert_emails"),
        ("alerts", {"webhook_url": "ftp://example.test"}, "webhook_url"),
        ("alerts", {"webhook_url": "https://example.test", "webhook_secret": "short"}, "webhook_secret"),
        ("place", PLACE | {"name": " "}, "name"),
        ("place", PLACE | {"adapter": "paper"}, "adapter"),
        ("place", PLACE | {"adapter": "firestore", "project": "not possible!"}, "project"),
        ("place", PLACE | {"credentials": "{}"}, "credentials"),
    ],
)
def test_what_is_not_possible_is_said_at_its_field_and_stays(
    administrator: Client, target: Target, box: str, values: dict[str, str], field: str
) -> None:
    before = Target.objects.values().get()
    response = store(administrator, box, **values)
    assert errors_of(response, box).keys() == {field}
    typed = response.context["forms"][box][field]
    if field not in {"webhook_secret"}:  # a secret is never sent back
        assert typed.value() == values[field]
    assert Target.objects.values().get() == before
    assert not response.context["forms"]["guard" if box != "guard" else "schedule"].errors


def test_the_name_of_another_target_is_taken(administrator: Client, target: Target) -> None:
    make_target("other")
    assert errors_of(store(administrator, "place", **PLACE | {"name": "other"}), "place").keys() == {"name"}


def test_a_box_that_nobody_knows_changes_nothing(administrator: Client, target: Target) -> None:
    before = Target.objects.values().get()
    assert store(administrator, "nonsense", interval_minutes="15").status_code == 422
    assert Target.objects.values().get() == before


def test_a_change_is_in_the_history_and_the_page_leads_there(administrator: Client, target: Target) -> None:
    store(administrator, "guard", guard_percent="5")
    row = HistoryRow.objects.get(event=HistoryEvent.SETTING_CHANGED)
    assert (row.before, row.after) == ({"guard_percent": 10}, {"guard_percent": 5})
    url = f"{reverse('sync:history')}?event=setting_changed"
    assert f'href="{url}"' in administrator.get(SETTINGS).content.decode()
    assert [item["row"] for item in administrator.get(url).context["items"]] == [row]


def test_no_secret_is_ever_shown(administrator: Client, target: Target) -> None:
    change_target(
        target=target,
        user=None,
        webhook_url="https://hooks.example.test/T000/secretpath",
        webhook_secret="a very secret word",
        credentials=json.dumps(KEY),
    )
    page = administrator.get(SETTINGS).content.decode()
    assert "hooks.example.test" in page
    assert not any(word in page for word in ("secretpath", "a very secret word", "BEGIN"))


# --- sources ----------------------------------------------------------------------------------------------------------
def source_values(source: Source, *, is_included: bool = True, prefix: str = "") -> dict[str, str]:
    values = {f"source-{source.pk}-path_prefix": prefix}
    return values | ({f"source-{source.pk}-is_included": "on"} if is_included else {})


def test_a_new_source_is_there_to_be_set(administrator: Client, target: Target) -> None:
    source = make_source("NAS")
    assert [form.member.source for form in administrator.get(SETTINGS).context["sources"]] == [source]


def test_sources_are_published_with_a_prefix_or_not_at_all(administrator: Client, target: Target, source: Source) -> None:
    other = make_source("LIVE")
    publish(target, other, "LIVE/")
    store(administrator, "sources", **source_values(source, prefix="archive"), **source_values(other, is_included=False, prefix="LIVE/"))
    found = {one.source.name: (one.is_included, one.prefix) for one in TargetSource.objects.select_related("source")}
    assert found == {"NAS": (True, "archive/"), "LIVE": (False, "LIVE/")}


def test_a_prefix_may_be_taken_over_from_a_source_that_leaves(administrator: Client, target: Target, source: Source) -> None:
    other = make_source("LIVE")
    publish(target, other, "LIVE/")
    store(administrator, "sources", **source_values(source, is_included=False, prefix=""), **source_values(other, prefix=""))
    assert TargetSource.objects.get(source=other).prefix == ""


def test_of_several_sources_all_are_stored_or_none(administrator: Client, target: Target, source: Source) -> None:
    other = make_source("LIVE")
    publish(target, other, "LIVE/")
    values = {**source_values(source, prefix="archive"), **source_values(other, prefix="../up")}
    response = administrator.post(SETTINGS, {"form": "sources", **values})
    assert response.status_code == 422
    first, second = sorted(response.context["sources"], key=lambda form: form.member.source_id)
    assert (first.errors, list(second.errors)) == ({}, ["path_prefix"])
    assert second["path_prefix"].value() == "../up"
    assert TargetSource.objects.get(source=source).prefix == ""


def test_two_sources_cannot_begin_alike(administrator: Client, target: Target, source: Source) -> None:
    other = make_source("LIVE")
    publish(target, other, "LIVE/")
    response = store(administrator, "sources", **source_values(source, prefix="a"), **source_values(other, prefix="A/"))
    assert response.status_code == 422
    assert "begin with" in words_of(response.content.decode())


# --- alerts -----------------------------------------------------------------------------------------------------------
class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if self.path == "/broken" else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    """The address of a server that takes what is posted, but for /broken."""
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_test_says_what_came_of_each_channel(administrator: Client, target: Target, hook: str, settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    change_target(target=target, user=None, alert_emails=["a@example.test"], webhook_url=f"{hook}/broken")
    url = reverse("sync:alert_test")
    said = words_of(administrator.post(url, headers=HTMX).content.decode())
    assert said.startswith("E-mail: sent to a@example.test. Webhook: not sent. 127.0.0.1 could not take the message")
    assert len(mail.outbox) == 1
    change_target(target=target, user=None, webhook_url=hook)
    page = administrator.post(url, follow=True)
    assert page.redirect_chain == [(f"{SETTINGS}#alerts", 302)]
    assert "Webhook: Sent." in page.content.decode()


def test_without_a_mail_server_the_page_says_so(administrator: Client, target: Target, settings: LazySettings) -> None:
    words = "This system has no mail server yet."
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert words in show(administrator, SETTINGS)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert words not in show(administrator, SETTINGS)


def test_a_test_can_be_sent_once_there_is_somewhere_to_send_it(administrator: Client, target: Target) -> None:
    assert reverse("sync:alert_test") not in administrator.get(SETTINGS).content.decode()
    change_target(target=target, user=None, alert_emails=["a@example.test"])
    page = administrator.get(SETTINGS).content.decode()
    assert reverse("sync:alert_test") in page
    assert reverse("sync:webhook_secret") not in page


def test_a_new_secret_is_shown_once(administrator: Client, target: Target) -> None:
    change_target(target=target, user=None, webhook_url="https://hooks.example.test/x")
    url = reverse("sync:webhook_secret")
    for headers in (HTMX, {}):
        page = administrator.post(url, headers=headers).content.decode()
        assert unsealed(Target.objects.get().webhook_secret) in page
    assert unsealed(Target.objects.get().webhook_secret) not in administrator.get(SETTINGS).content.decode()


# --- cost -------------------------------------------------------------------------------------------------------------
def test_more_sources_take_no_more_queries(
    administrator: Client, target: Target, source: Source, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(14) as few:
        administrator.get(SETTINGS)
    for number in range(10):
        publish(target, make_source(f"source {number}"), f"{number}/")
    with django_assert_max_num_queries(14) as many:
        administrator.get(SETTINGS)
    assert len(many) == len(few)
