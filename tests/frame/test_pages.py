"""The pages of the frame as a person gets them, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Permission
from django.template.loader import render_to_string

from mam.jobs.models import JobState
from tests.factories import make_job, make_user

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_user("operator", name="김지수"))
    return client


def get(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_page_says_its_language_direction_and_zone(operator: Client, language: str) -> None:
    html = get(operator, "/jobs/", **{"Accept-Language": language})
    assert f'<html lang="{language}" data-time-zone="Asia/Seoul" dir="ltr"' in html


def test_the_style_guide_shows_itself_to_staff_only(operator: Client, client: Client) -> None:
    assert 'id="sample-table"' in get(operator, "/styleguide")
    client.force_login(make_user("viewer"))
    assert client.get("/styleguide").status_code == 403


def test_theme_and_rail_are_there_with_the_first_byte(operator: Client) -> None:
    html = get(operator, "/jobs/")
    assert "data-theme" not in html.split(">")[1]
    operator.cookies["rail"] = "collapsed"
    operator.cookies["theme"] = "light"
    html = get(operator, "/jobs/")
    assert 'data-theme="light"' in html
    assert 'data-rail="collapsed"' in html


def test_a_running_job_shows_how_far_it_is_and_can_be_cancelled(operator: Client) -> None:
    make_job(state=JobState.RUNNING, subject="WSOP", progress_done=1200, progress_total=5000, progress_unit="files")
    html = get(operator, "/jobs/?state=running", **{"Accept-Language": "en"})
    assert "1,200 of 5,000 files" in html
    assert 'value="0.2400"' in html
    assert "/cancel/" in html


def test_a_failed_job_says_why_and_can_be_tried_again(operator: Client) -> None:
    job = make_job(state=JobState.FAILED, error_code="unexpected", error_params={})
    html = get(operator, "/jobs/?state=failed", **{"Accept-Language": "en"})
    assert job.error_text
    assert job.error_text.split("%")[0][:20] in html
    assert "/retry/" in html


@pytest.mark.parametrize("state", ["running", "waiting", "failed", "done"])
def test_an_empty_tab_says_what_would_be_there(operator: Client, state: str) -> None:
    assert 'class="empty"' in get(operator, f"/jobs/?state={state}")


def test_who_may_not_control_jobs_sees_no_buttons_for_it(client: Client) -> None:
    make_job(state=JobState.RUNNING)
    user = make_user("viewer")
    user.groups.clear()
    user.user_permissions.add(Permission.objects.get(content_type__app_label="jobs", codename="view_job"))
    client.force_login(user)
    html = get(client, "/jobs/?state=running")
    assert "data-job=" in html
    assert "/cancel/" not in html


def test_a_hostile_name_stays_text(operator: Client) -> None:
    make_job(state=JobState.RUNNING, subject="<img src=x onerror=alert(1)>", progress_note='"><script>')
    html = get(operator, "/jobs/?state=running")
    assert "<img src=x" not in html
    assert '"><script>' not in html


def test_the_page_of_a_fault_needs_nothing_but_the_templates() -> None:
    html = render_to_string("500.html")
    assert 'role="alert"' in html
    assert 'class="rail"' not in html
