"""Alerts: people are told of an error and of a plan that waits, once, over each channel, and nobody waits for a slow one."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation

from mam.accounts.errors import PermissionDeniedError
from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from sync.choices import AlertChannel, HoldReason
from sync.errors import TargetRowsChangedError, TargetUnreachableError
from sync.models import Target
from sync.services import alerts
from sync.services.settings import change_target
from tests.fixtures.servers import free_port
from tests.hooks import answering, server
from tests.sync.factories import make_plan, make_target
from tests.threads import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db

SECRET = "s3cret-s3cret-s3cret"
ADDRESSES = ["kim@example.test", "lee@example.test"]
ERROR = TargetUnreachableError(target="pokervod", detail="timeout")
HOLDS = [{"code": HoldReason.SHARE, "params": {"limit": 10, "count": 500, "total": 1000}}]


@pytest.fixture
def hook() -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    with server(answering(200, b"ok")) as (url, came):
        yield f"{url}/services/T0/secret", came


def alerting(url: str = "", addresses: list[str] | None = None, *, is_alerting: bool = True) -> Target:
    return change_target(
        target=make_target("OTT 서버"),
        user=None,
        is_alerting=is_alerting,
        alert_emails=addresses or [],
        webhook_url=url,
        webhook_secret=SECRET,
    )


def kinds_of(jobs: list[Job]) -> list[tuple[str, str]]:
    return sorted((job.params["channel"], job.params["kind"]) for job in jobs)


# --- what is sent -----------------------------------------------------------------------------------------------------
def test_an_error_is_told_over_every_channel(hook: tuple[str, Any]) -> None:
    url, came = hook
    target = alerting(url, ADDRESSES)
    jobs = alerts.announce_error(target=target, error=ERROR)
    assert kinds_of(jobs) == [("email", "error"), ("webhook", "error")]
    assert {job.queue for job in jobs} == {"fast"}
    assert [job.state for job in run_pending(kinds=[alerts.ALERT_JOB])] == [JobState.SUCCEEDED] * 2
    (message,) = mail.outbox
    assert message.to == ADDRESSES
    assert "OTT 서버" in message.subject
    assert "pokervod" in message.body
    ((path, _headers, body),) = came
    document = json.loads(body)
    assert path == "/services/T0/secret"
    assert (document["event"], document["target"], document["plan_id"]) == ("sync.error", {"id": target.pk, "name": "OTT 서버"}, None)
    assert [(reason["code"], reason["params"]) for reason in document["reasons"]] == [(ERROR.code, ERROR.params)]
    assert "pokervod" in document["reasons"][0]["message"]
    assert "OTT 서버" in document["text"]
    assert "pokervod" in document["text"]


def test_a_webhook_is_signed_as_it_is_written_down(hook: tuple[str, Any]) -> None:
    url, came = hook
    alerts.announce_error(target=alerting(url), error=ERROR)
    run_pending(kinds=[alerts.ALERT_JOB])
    ((_path, headers, body),) = came
    signed = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["X-MAM-Signature"])
    assert signed
    assert hmac.new(SECRET.encode(), f"{signed[1]}.".encode() + body, hashlib.sha256).hexdigest() == signed[2]
    assert abs(int(signed[1]) - timezone.now().timestamp()) < 60
    assert (headers["X-MAM-Event"], headers["X-MAM-Delivery"]) == ("sync.error", json.loads(body)["id"])
    assert headers["Content-Type"].startswith("application/json")


def test_a_plan_that_waits_is_told_with_its_reasons(hook: tuple[str, Any]) -> None:
    url, came = hook
    target = alerting(url, ADDRESSES)
    plan = make_plan(target, holds=HOLDS)
    alerts.announce_hold(target=target, plan=plan)
    run_pending(kinds=[alerts.ALERT_JOB])
    document = json.loads(came[0][2])
    assert (document["event"], document["plan_id"]) == ("sync.held", plan.pk)
    assert "500" in document["reasons"][0]["message"]
    for text in (mail.outbox[0].body, document["text"]):
        assert "500" in text
        assert f"{plan.pk}" in text


def test_who_is_told_can_go_there(hook: tuple[str, Any], settings: Any) -> None:
    settings.PUBLIC_URL = "https://mam.example.org"
    target = alerting(hook[0], ADDRESSES)
    plan = make_plan(target, holds=HOLDS)
    alerts.announce_hold(target=target, plan=plan)
    alerts.announce_error(target=target, error=ERROR)
    run_pending(kinds=[alerts.ALERT_JOB])
    pages = {"sync.held": reverse("sync:plan_detail", args=[plan.pk]), "sync.error": reverse("sync:log")}
    documents = [json.loads(body) for _path, _headers, body in hook[1]]
    assert {one["event"]: one["url"] for one in documents} == {event: f"https://mam.example.org{page}" for event, page in pages.items()}
    for one in documents:
        assert one["url"] in one["text"].splitlines()
    assert all(any(one["url"] in message.body.splitlines() for one in documents) for message in mail.outbox)


def test_a_system_that_does_not_know_its_address_gives_none(hook: tuple[str, Any], settings: Any) -> None:
    settings.PUBLIC_URL = ""
    alerts.announce_error(target=alerting(hook[0]), error=ERROR)
    run_pending(kinds=[alerts.ALERT_JOB])
    document = json.loads(hook[1][0][2])
    assert document["url"] == ""
    assert "http" not in document["text"]


def test_a_sync_that_left_something_undone_is_told() -> None:
    target = alerting(addresses=ADDRESSES)
    alerts.announce_result(target=target, result={"added": 5, "errors": 31415, "state": "partial", "plan": 9})
    run_pending(kinds=[alerts.ALERT_JOB])
    assert "31415" in mail.outbox[0].body


def test_names_of_files_give_no_orders_to_a_chat(hook: tuple[str, Any]) -> None:
    url, came = hook
    alerts.announce_error(target=alerting(url), error=TargetRowsChangedError(remote_id="<!channel> & <http://x|y>"))
    run_pending(kinds=[alerts.ALERT_JOB])
    document = json.loads(came[0][2])
    assert "&lt;!channel&gt; &amp; &lt;http://x|y&gt;" in document["text"]
    assert "<" not in document["text"]
    assert document["reasons"][0]["params"] == {"remote_id": "<!channel> & <http://x|y>"}


def test_alerts_are_in_the_language_of_the_site_whoever_is_served() -> None:
    target = alerting(addresses=ADDRESSES)
    with translation.override("en"):
        alerts.announce_error(target=target, error=ERROR)
        run_pending(kinds=[alerts.ALERT_JOB])
    assert "년" in mail.outbox[0].body


# --- when -------------------------------------------------------------------------------------------------------------
def test_nobody_is_told_while_alerts_are_off(hook: tuple[str, Any]) -> None:
    target = alerting(hook[0], ADDRESSES, is_alerting=False)
    assert alerts.announce_error(target=target, error=ERROR) == []
    assert not Target.objects.get().error_alert_at


def test_alerts_without_any_channel_tell_nobody() -> None:
    assert alerts.announce_error(target=alerting(), error=ERROR) == []


def test_people_are_told_of_a_kind_once_in_half_an_hour() -> None:
    target = alerting(addresses=ADDRESSES)
    assert len(alerts.announce_error(target=target, error=ERROR)) == 1
    assert alerts.announce_error(target=target, error=ERROR) == []
    assert alerts.announce_result(target=target, result={"errors": 1}) == []
    assert len(alerts.announce_hold(target=target, plan=make_plan(target, holds=HOLDS))) == 1
    other = make_target(is_alerting=True, alert_emails=ADDRESSES)
    assert len(alerts.announce_error(target=other, error=ERROR)) == 1
    Target.objects.update(error_alert_at=timezone.now() - alerts.PAUSE + timedelta(seconds=30))
    assert alerts.announce_error(target=target, error=ERROR) == []
    Target.objects.update(error_alert_at=timezone.now() - alerts.PAUSE)
    assert len(alerts.announce_error(target=target, error=ERROR)) == 1


def test_an_alert_that_was_taken_back_was_not_given() -> None:
    target = alerting(addresses=ADDRESSES)
    with pytest.raises(OSError), transaction.atomic():
        alerts.announce_error(target=target, error=ERROR)
        raise OSError
    assert len(alerts.announce_error(target=target, error=ERROR)) == 1


@pytest.mark.django_db(transaction=True)
def test_many_that_fail_at_once_tell_once() -> None:
    target = alerting(addresses=ADDRESSES)
    jobs: list[Job] = []
    at_once(*[lambda: jobs.extend(alerts.announce_error(target=target, error=ERROR))] * 6)
    assert len(jobs) == 1


def test_what_was_switched_off_meanwhile_is_not_sent(hook: tuple[str, Any]) -> None:
    url, came = hook
    target = alerting(url, ADDRESSES)
    alerts.announce_error(target=target, error=ERROR)
    change_target(target=target, user=None, is_alerting=False)
    assert [job.result for job in run_pending(kinds=[alerts.ALERT_JOB])] == [{"sent": False}] * 2
    change_target(target=target, user=None, is_alerting=True, webhook_url="")
    Target.objects.update(error_alert_at=None)
    assert kinds_of(alerts.announce_error(target=target, error=ERROR)) == [("email", "error")]
    assert (came, mail.outbox) == ([], [])


# --- what goes wrong --------------------------------------------------------------------------------------------------
def test_a_hook_that_fails_is_called_again_and_no_mail_is_sent_twice() -> None:
    def second_time(handler: BaseHTTPRequestHandler) -> None:
        answering(200 if len(came) > 1 else 503)(handler)

    with server(second_time) as (url, came):
        alerts.announce_error(target=alerting(url, ADDRESSES), error=ERROR)
        run_pending(kinds=[alerts.ALERT_JOB])
        assert set(Job.objects.filter(kind=alerts.ALERT_JOB).values_list("state", flat=True)) == {JobState.SUCCEEDED}
        assert len({headers["X-MAM-Delivery"] for _path, headers, _body in came}) == 1
        assert (len(came), len(mail.outbox)) == (2, 1)


def test_a_hook_that_refuses_is_not_called_again_and_its_address_stays_secret() -> None:
    with server(answering(404, b"no_team")) as (url, came):
        alerts.announce_error(target=alerting(f"{url}/secret-path"), error=ERROR)
        (job,) = run_pending(kinds=[alerts.ALERT_JOB])
    assert (job.state, job.error_code, job.error_params["detail"], len(came)) == (JobState.FAILED, "webhook_refused", "no_team", 1)
    assert "secret-path" not in json.dumps(list(Job.objects.values()), default=str)


def test_the_address_of_a_hook_sealed_with_a_lost_key_is_a_clear_error(hook: tuple[str, Any]) -> None:
    target = alerting(hook[0])
    Target.objects.update(webhook_url="damaged")
    alerts.announce_error(target=target, error=ERROR)
    (job,) = run_pending(kinds=[alerts.ALERT_JOB])
    assert (job.state, job.error_code) == (JobState.FAILED, "credentials_unreadable")


# --- the button -------------------------------------------------------------------------------------------------------
def test_a_test_says_what_became_of_each_channel(hook: tuple[str, Any], administrator: User) -> None:
    url, came = hook
    target = alerting(url, ADDRESSES, is_alerting=False)
    for _ in range(2):  # as often as one likes
        assert alerts.send_test(target=target, user=administrator) == [
            alerts.ChannelReport(AlertChannel.EMAIL, "kim@example.test, lee@example.test", is_ok=True),
            alerts.ChannelReport(AlertChannel.WEBHOOK, "127.0.0.1", is_ok=True),
        ]
    assert (len(mail.outbox), len(came)) == (2, 2)
    assert json.loads(came[0][2])["event"] == "sync.test"
    assert alerts.announce_error(target=target, error=ERROR) == []


def test_a_test_without_channels_says_nothing(administrator: User) -> None:
    assert alerts.send_test(target=alerting(), user=administrator) == []


def test_a_test_goes_on_after_an_error(administrator: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    target = alerting(f"http://127.0.0.1:{free_port()}/secret", ADDRESSES)
    by_mail, by_hook = alerts.send_test(target=target, user=administrator)
    assert (by_mail.is_ok, by_mail.code, by_hook.is_ok, by_hook.code) == (False, "mail_failed", False, "webhook_unreachable")
    assert "refused" in str(by_mail.params["detail"])
    assert "secret" not in str(by_hook)


def test_a_system_without_a_mail_server_says_so(administrator: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert not alerts.can_mail()
    (report,) = alerts.send_test(target=alerting(addresses=ADDRESSES), user=administrator)
    assert (report.is_ok, report.code) == (False, "mail_missing")


def test_only_administrators_send_tests(operator: User) -> None:
    with pytest.raises(PermissionDeniedError):
        alerts.send_test(target=alerting(addresses=ADDRESSES), user=operator)
    assert mail.outbox == []
