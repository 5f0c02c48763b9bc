"""Path rules on their pages: what a change would do is shown before anything changes, and nothing else is stored than what was shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from catalog.choices import Placement
from catalog.models import Content, MediaFile, PathRule
from catalog.search import index
from catalog.selectors import rules as selectors
from catalog.selectors.rules import RulePreview, preview_rules
from catalog.services import path_rules, placement
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry
from mam.jobs.models import Job
from tests.factories import make_content, make_file, make_rule, make_source, make_user
from tests.fixtures.browser import axe_violations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playwright.sync_api import Page

    from mam.accounts.models import User
    from tests.fixtures.asgi_server import AsgiServer

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}
PROMO = {"name": "promo", "pattern": r"^promo/(?P<title>[^/]+)$", "catalog_name": "Promotion", "series_name": "All", "is_enabled": "on"}


@pytest.fixture
def administrator() -> User:
    return make_user("administrator")


@pytest.fixture
def person(client: Client, administrator: User) -> Client:
    client.force_login(administrator)
    return client


def placed(*paths: str, **fields: Any) -> list[MediaFile]:
    files = [make_file(path, **fields) for path in paths]
    placement.place_files(file_ids=[file.pk for file in files])
    return files


def show(client: Client, name: str, *args: object, query: str = "", **headers: str) -> str:
    response = client.get(reverse(f"catalog:{name}", args=args) + query, headers={**ENGLISH, **headers})
    assert response.status_code == 200
    return words_of(response)


def words_of(response: Any) -> str:
    """The words of a page, without tags."""
    page = re.sub(r"<script.*?</script>|<head>.*?</head>", "", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def digest_in(response: Any) -> str:
    found = re.search(r'name="apply"\s+value="([0-9a-f]{64})"', response.content.decode())
    assert found is not None
    return found[1]


# --- what a change would do -------------------------------------------------------------------------------------------
def preview(user: User, rules: Sequence[PathRule], **options: Any) -> RulePreview:
    return preview_rules(user=user, rules=rules, **options)


def draft(**fields: Any) -> PathRule:
    return PathRule(**{"name": "draft", "pattern": r"^promo/(?P<title>[^/]+)$", "catalog_name": "Promotion", "series_name": "All"} | fields)


def test_a_preview_counts_what_moves_what_is_new_and_what_stays(administrator: User) -> None:
    placed("promo/a.mp4", "promo/b_Part2.mp4", "WSOP/2024/c.mp4")
    rule = draft()
    found = preview(administrator, [rule], focus=rule)
    assert (found.examined, found.decided, found.moving, found.unchanged) == (3, 2, 2, 1)
    assert (found.new_catalogs, found.new_series, found.is_whole, found.drifted) == (1, 1, True, 0)
    assert [(item.path, item.after.place.title, item.after.place.part) for item in found.items] == [
        ("promo/b_Part2.mp4", "b", 2),
        ("promo/a.mp4", "a", None),
    ]
    assert not PathRule.objects.exists()
    assert not Job.objects.exists()


def test_files_that_a_curator_placed_are_counted_and_stay(administrator: User) -> None:
    make_file("promo/a.mp4", content=make_content(), placement=Placement.CURATOR)
    found = preview(administrator, [draft()])
    assert (found.moving, found.by_hand, found.unchanged) == (0, 1, 1)
    assert [item.is_moving for item in found.items] == [False]


def test_the_rule_that_decides_before_and_after_is_named(administrator: User) -> None:
    old = make_rule(r"(?P<title>[^/]+)$", name="old", catalog_name="Old", series_name="s")
    placed("promo/a.mp4")
    (item,) = preview(administrator, [draft(name="new"), old]).items
    assert (item.before.rule and item.before.rule.name, item.after.rule and item.after.rule.name) == ("old", "new")
    assert preview(administrator, [old, draft(name="new")]).moving == 0


def test_another_order_is_a_change_too(administrator: User) -> None:
    first = make_rule(r"^promo/(?P<title>[^/]+)$", position=1, catalog_name="First", series_name="s")
    second = make_rule(r"(?P<title>[^/]+)$", position=2, catalog_name="Second", series_name="s")
    placed("promo/a.mp4", "WSOP/2024/b.mp4")
    assert preview(administrator, [first, second]).moving == 0
    assert [item.path for item in preview(administrator, [second, first]).items] == ["promo/a.mp4"]
    assert [item.path for item in preview(administrator, [first]).items] == ["WSOP/2024/b.mp4"]


def test_only_files_of_the_rules_source_are_looked_at(administrator: User) -> None:
    here, there = make_source(), make_source()
    placed("promo/a.mp4", source=here)
    placed("promo/b.mp4", "promo/c.mp4", source=there)
    found = preview(administrator, [draft(source=there)])
    assert (found.total, found.examined, found.moving) == (2, 2, 2)


def test_words_choose_the_files(administrator: User) -> None:
    placed("promo/ivey.mp4", "promo/hellmuth.mp4", "WSOP/2024/ivey.mp4")
    index.refresh_all()
    found = preview(administrator, [draft()], words="ivey")
    assert (found.examined, found.moving, [item.path for item in found.items]) == (2, 1, ["promo/ivey.mp4"])
    assert preview(administrator, [draft()], words="nothing-has-this").examined == 0


@pytest.mark.parametrize(("show", "paths"), [("changed", ["a"]), ("decided", ["b", "a"]), ("all", ["c", "b", "a"])])
def test_what_is_listed_is_asked_for(administrator: User, show: str, paths: list[str]) -> None:
    content = make_content()
    make_file("promo/a.mp4")
    rule = make_rule(r"^promo/(?P<title>b)$", position=1, catalog_name="Promotion", series_name="All")
    placed("promo/b.mp4", "WSOP/2024/c.mp4")
    wider = PathRule(pk=rule.pk, name=rule.name, pattern=r"^promo/(?P<title>[^/]+)$", catalog_name="Promotion", series_name="All")
    found = preview(administrator, [wider], focus=wider, show=show)
    assert [item.path.rpartition("/")[2].removesuffix(".mp4") for item in found.items] == paths
    assert content.pk


def test_without_any_change_the_newest_files_are_shown_as_they_are(administrator: User) -> None:
    placed("promo/a.mp4", "WSOP/2024/b.mp4")
    found = preview(administrator, [], show="all")
    assert (found.total, found.examined, found.moving) == (2, 2, 0)
    assert [item.before is item.after for item in found.items] == [True, True]


def test_only_the_newest_are_looked_at_and_that_is_said(administrator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "SAMPLE", 2)
    placed("promo/a.mp4", "promo/b.mp4", "promo/c.mp4")
    found = preview(administrator, [draft()])
    assert (found.total, found.examined, found.is_whole, found.is_cut) == (3, 2, False, False)
    assert [item.path for item in found.items] == ["promo/c.mp4", "promo/b.mp4"]


def test_a_pattern_that_takes_its_time_is_tried_on_fewer_files(administrator: User) -> None:
    placed(*(f"promo/{number}.mp4" for number in range(5)))
    ticks = iter(range(0, 1000, 100))
    found = preview(administrator, [draft()], clock=lambda: next(ticks))
    assert (found.examined, found.is_whole, found.is_cut) == (1, False, True)


def test_files_that_lie_elsewhere_than_the_present_rules_say_are_counted_with_where_they_lie(administrator: User) -> None:
    content = make_content(title="Elsewhere")
    drifted = make_file("WSOP/2024/a.mp4", content=content)
    placed("promo/b.mp4", "WSOP/2024/c.mp4")
    found = preview(administrator, [draft()])
    assert (found.examined, found.moving, found.drifted, found.unchanged) == (3, 2, 1, 1)
    item = next(item for item in found.items if item.file_id == drifted.pk)
    assert item.now is not None
    assert (item.now.title, item.after.place.title, item.is_different) == ("Elsewhere", "a", False)
    draft().save()
    assert placement.place_all().changed == found.moving


def test_a_file_that_lies_already_where_the_new_rule_puts_it_stays(administrator: User) -> None:
    rule = make_rule(r"^promo/(?P<title>[^/]+)$", catalog_name="Promotion", series_name="All")
    placed("promo/a.mp4")
    rule.delete()  # and not applied
    assert preview(administrator, [draft()]).moving == 0
    assert preview(administrator, []).drifted == 1


def test_what_the_preview_says_is_what_the_job_does(administrator: User) -> None:
    placed("promo/a.mp4", "promo/b.mp4", "WSOP/2024/c.mp4", "WSOP/2024/promo/d_Part1.mp4")
    make_rule(r"^WSOP/(?P<series>[^/]+)/(?P<title>[^/]+)$", position=5, catalog_name="World Series")
    placement.place_all()
    rule = draft(position=9)
    found = preview(administrator, [*PathRule.objects.all(), rule], focus=rule)
    rule.save()
    assert placement.place_all().changed == found.moving == 2


@pytest.mark.parametrize("role", ["viewer", "operator", None])
def test_previews_are_for_who_manages_rules(role: str | None) -> None:
    user = make_user(role)
    with pytest.raises(PermissionDeniedError):
        preview(user, [draft()])
    with pytest.raises(PermissionDeniedError):
        path_rules.order_rules(rule_ids=[], user=user)
    with pytest.raises(PermissionDeniedError):
        path_rules.save_rule(rule=None, after=None, user=user, name="x", pattern=r"(?P<title>.)", catalog_name="c", series_name="s")


# --- pages --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("role", "status"), [(None, 403), ("viewer", 403), ("operator", 403), ("administrator", 200)])
def test_only_who_manages_rules_sees_their_pages(client: Client, role: str | None, status: int) -> None:
    rule = make_rule()
    pages = [reverse("catalog:rule_list"), reverse("catalog:rule_new")]
    pages += [reverse(f"catalog:rule_{name}", args=[rule.pk]) for name in ("detail", "delete")]
    assert {client.get(page).status_code for page in pages} == {302}  # to the login
    client.force_login(make_user(role))
    assert {client.get(page).status_code for page in pages} == {status}


@pytest.mark.parametrize("role", [None, "viewer", "operator"])
def test_outsiders_change_no_rule(client: Client, role: str | None) -> None:
    rule = make_rule()
    client.force_login(make_user(role))
    for name, args in (("move", []), ("order", []), ("apply", []), ("new", []), ("detail", [rule.pk]), ("delete", [rule.pk])):
        assert client.post(reverse(f"catalog:rule_{name}", args=args), PROMO).status_code == 403
    assert PathRule.objects.get() == rule
    assert not AuditEntry.objects.exists()
    assert not Job.objects.exists()


def test_a_rule_that_is_gone_has_no_page(person: Client) -> None:
    assert person.get(reverse("catalog:rule_detail", args=[999])).status_code == 404


def test_the_list_says_what_each_rule_decides(person: Client) -> None:
    make_rule(r"^promo/(?P<title>[^/]+)$", name="Promo", catalog_name="P", series_name="s")
    make_rule(name="Sleeping", is_enabled=False)
    placed("promo/a.mp4", "promo/b.mp4", "WSOP/2024/c.mp4")
    page = show(person, "rule_list")
    assert "Promo ^promo/(?P&lt;title&gt;[^/]+)$ All sources P / s 2 of the newest 3" in page
    assert "Sleeping Switched off" in page
    assert re.search(r"All others: as their folders say .* 1 of the newest 3", page)


def test_a_rule_is_stored_as_it_was_shown(person: Client) -> None:
    placed("promo/a.mp4", "WSOP/2024/b.mp4")
    url = reverse("catalog:rule_new")
    shown = person.post(url, PROMO | {"after": "0", "preview": "1", "show": "changed"}, headers=ENGLISH)
    assert "1 of all 2 files would move." in words_of(shown)
    assert not PathRule.objects.exists()
    stored = person.post(url, PROMO | {"after": "0", "apply": digest_in(shown)})
    assert stored.headers["Location"] == reverse("catalog:rule_list")
    assert PathRule.objects.get().name == "promo"
    assert "Rules are applied to all files" in show(person, "rule_list")


@pytest.mark.parametrize("change", [{"pattern": r"^(?P<title>[^/]+)$"}, {"name": "other"}, {"apply": "0" * 64}])
def test_what_was_not_shown_is_not_stored(person: Client, change: dict[str, str]) -> None:
    url = reverse("catalog:rule_new")
    digest = digest_in(person.post(url, PROMO | {"after": "0", "preview": "1"}))
    again = person.post(url, PROMO | {"after": "0", "apply": digest} | change, headers=ENGLISH)
    assert "Something has changed since this was shown." in words_of(again)
    assert not PathRule.objects.exists()


def test_what_is_shown_is_no_longer_true_when_another_rule_came(person: Client) -> None:
    url = reverse("catalog:rule_new")
    digest = digest_in(person.post(url, PROMO | {"after": "0", "preview": "1"}))
    make_rule()
    assert person.post(url, PROMO | {"after": "0", "apply": digest}).status_code == 200
    assert PathRule.objects.count() == 1


def test_a_name_that_is_taken_is_said_at_its_field(person: Client) -> None:
    make_rule(name="promo")
    url = reverse("catalog:rule_new")
    typed = PROMO | {"after": "0"}
    digest = digest_in(person.post(url, typed | {"preview": "1"}))
    page = words_of(person.post(url, typed | {"apply": digest}, headers=ENGLISH))
    assert "The name “promo” is used already." in page


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?P<title>", "never closed"),
        (r"(?P<title>a)(?=b)", "Look-ahead and look-behind"),
        (r"(?P<title>*)", "repeat what stands before them"),
        (r"(?P<title>[b-a])", "runs backwards"),
        (r"(?P<title>a)\1", "references back"),
        (r"(?P<name>a)", "There is no group named “name”"),
        (r"a", "needs a group (?P&lt;title&gt;…)"),
    ],
)
def test_a_bad_pattern_is_said_with_what_to_do(person: Client, pattern: str, words: str) -> None:
    answer = person.post(
        reverse("catalog:rule_new"),
        PROMO | {"pattern": pattern, "after": "0"},
        headers={**ENGLISH, "HX-Request": "true", "HX-Target": "rule-preview"},
    )
    assert words in words_of(answer)
    assert 'name="apply"' not in answer.content.decode()


def test_the_preview_alone_is_asked_for_while_typing(person: Client) -> None:
    placed("promo/a.mp4")
    answer = person.post(
        reverse("catalog:rule_new"),
        PROMO | {"name": "", "after": "0", "show": "changed"},
        headers={**ENGLISH, "HX-Request": "true", "HX-Target": "rule-preview"},
    )
    page = answer.content.decode()
    assert page.startswith('<div class="stack load-fade" id="rule-preview">')
    assert '<mark class="rule-group" data-group="title" data-label="Title" title="Title">a</mark>.mp4' in page.replace("<wbr>", "")
    assert "<ins>Promotion</ins>" in page


def test_switching_a_rule_off_shows_that_its_files_go_back(person: Client) -> None:
    rule = make_rule(r"^promo/(?P<title>[^/]+)$", name="promo", catalog_name="Promotion", series_name="All")
    placed("promo/a.mp4")
    typed = {name: value for name, value in PROMO.items() if name != "is_enabled"} | {"after": "0"}
    page = words_of(person.post(reverse("catalog:rule_detail", args=[rule.pk]), typed | {"show": "changed"}, headers=ENGLISH))
    assert "1 of all 1 files would move." in page or "1 of all 1 file would move." in page


def test_a_new_rule_that_is_off_is_shown_as_if_it_were_on_and_moves_nothing(person: Client) -> None:
    placed("promo/a.mp4")
    typed = {name: value for name, value in PROMO.items() if name != "is_enabled"} | {"after": "0"}
    shown = person.post(reverse("catalog:rule_new"), typed, headers=ENGLISH)
    assert "The rule is switched off: storing it moves nothing." in words_of(shown)
    person.post(reverse("catalog:rule_new"), typed | {"apply": digest_in(shown)})
    assert not PathRule.objects.get().is_enabled
    assert not Job.objects.exists()


def test_a_rule_goes_where_it_is_to_be_tried(person: Client) -> None:
    rules = [make_rule(name=name, position=7) for name in "ab"]
    typed = PROMO | {"after": str(rules[0].pk)}
    digest = digest_in(person.post(reverse("catalog:rule_new"), typed))
    person.post(reverse("catalog:rule_new"), typed | {"apply": digest})
    assert list(PathRule.objects.order_by("position", "id").values_list("name", flat=True)) == ["a", "promo", "b"]


def test_a_rule_is_deleted_after_a_look_at_what_that_does(person: Client) -> None:
    rule = make_rule(r"^promo/(?P<title>[^/]+)$", catalog_name="Promotion", series_name="All")
    placed("promo/a.mp4")
    url = reverse("catalog:rule_delete", args=[rule.pk])
    assert "1 of all 1 files would move." in words_of(person.get(url, headers=ENGLISH))
    assert PathRule.objects.exists()
    assert person.post(url).status_code == 302
    assert not PathRule.objects.exists()


# --- the order ----------------------------------------------------------------------------------------------------------
def test_an_order_is_tried_before_it_is_stored(person: Client) -> None:
    first = make_rule(r"^promo/(?P<title>[^/]+)$", name="first", position=1, catalog_name="First", series_name="s")
    second = make_rule(r"(?P<title>[^/]+)$", name="second", position=2, catalog_name="Second", series_name="s")
    placed("promo/a.mp4")
    moved = person.post(reverse("catalog:rule_move"), {"rule": second.pk, "to": 0})
    assert moved.headers["Location"] == f"{reverse('catalog:rule_list')}?order={second.pk}%2C{first.pk}&moved={second.pk}"
    page = words_of(person.get(moved.headers["Location"], headers=ENGLISH))
    assert "This order is not stored yet 1 of all 1 files would move." in page
    assert list(PathRule.objects.values_list("position", flat=True)) == [1, 2]
    person.post(reverse("catalog:rule_order"), {"order": f"{second.pk},{first.pk}"})
    assert list(PathRule.objects.values_list("name", flat=True)) == ["second", "first"]
    assert Job.objects.get().kind == "catalog.place"


def test_back_in_its_place_nothing_is_to_be_stored(person: Client) -> None:
    first, second = make_rule(position=1), make_rule(position=2)
    url = f"{reverse('catalog:rule_move')}?order={second.pk},{first.pk}"
    assert "order=" not in person.post(url, {"rule": first.pk, "to": 0}).headers["Location"]


@pytest.mark.parametrize("data", [{}, {"rule": "x", "to": 0}, {"rule": 999, "to": 0}])
def test_a_move_of_nothing_leads_back_to_the_list(person: Client, data: dict[str, Any]) -> None:
    make_rule()
    assert person.post(reverse("catalog:rule_move"), data).headers["Location"] == reverse("catalog:rule_list")


def test_an_order_that_lacks_a_rule_is_refused(person: Client) -> None:
    first, _second = make_rule(position=1), make_rule(position=2)
    person.post(reverse("catalog:rule_order"), {"order": str(first.pk)}, headers=ENGLISH)
    assert "The list has changed in the meantime." in show(person, "rule_list")
    assert not Job.objects.exists()


# --- where curators come from -------------------------------------------------------------------------------------------
def test_a_files_page_names_the_rule_that_placed_it(client: Client, administrator: User) -> None:
    rule = make_rule(r"^promo/(?P<title>[^/]+)$", name="Promo rule", catalog_name="P", series_name="s")
    by_rule, by_folders = placed("promo/a.mp4", "WSOP/2024/b.mp4")
    by_hand = make_file("promo/c.mp4", content=Content.objects.first(), placement=Placement.CURATOR)
    client.force_login(administrator)
    page = client.get(reverse("catalog:file_detail", args=[by_rule.pk])).content.decode()
    assert reverse("catalog:rule_detail", args=[rule.pk]) in page
    assert "no rule matches" in show(client, "file_detail", by_folders.pk)
    assert "a curator; rules leave it there" in show(client, "file_detail", by_hand.pk)
    client.force_login(make_user("viewer"))
    assert "Promo rule" not in show(client, "file_detail", by_rule.pk)
    client.force_login(make_user("operator"))
    page = client.get(reverse("catalog:file_detail", args=[by_rule.pk])).content.decode()
    assert "Promo rule" in page
    assert reverse("catalog:rule_detail", args=[rule.pk]) not in page


# --- the API ------------------------------------------------------------------------------------------------------------
def test_the_api_tells_what_a_rule_would_do(administrator_api: Any) -> None:
    placed("promo/a_Part2.mp4", "WSOP/2024/b.mp4")
    body = {"pattern": r"^promo/(?P<title>[^/]+)$", "catalog_name": "Promotion", "series_name": "All"}
    answer = administrator_api.post("/api/v1/path-rules/effect/", body, format="json").json()
    counted = ("total", "examined", "moving", "unchanged", "by_hand", "new_catalogs", "new_series")
    assert [answer[name] for name in counted] == [2, 2, 1, 1, 0, 1, 1]
    assert answer["items"][0]["after"] == {
        "rule": "",
        "place": {"catalog": "Promotion", "series": "All", "title": "a", "year": None, "part": 2},
    }
    assert answer["items"][0]["before"]["rule"] is None
    assert not PathRule.objects.exists()


def test_the_api_tries_a_rule_in_the_place_of_another(administrator_api: Any) -> None:
    rule = make_rule(r"^promo/(?P<title>[^/]+)$", catalog_name="Promotion", series_name="All")
    placed("promo/a.mp4")
    body = {"rule": rule.pk, "pattern": rule.pattern, "catalog_name": "Promotion", "series_name": "All"}
    assert administrator_api.post("/api/v1/path-rules/effect/", body, format="json").json()["moving"] == 0
    answer = administrator_api.post("/api/v1/path-rules/effect/", body | {"is_enabled": False}, format="json").json()
    assert answer["moving"] == 1
    refused = administrator_api.post("/api/v1/path-rules/effect/", body | {"pattern": "("}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "path_rule_pattern")


# --- in a browser -------------------------------------------------------------------------------------------------------
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width_px", [1440, 390])
def test_a_rule_is_tried_while_it_is_typed_and_put_in_order_by_dragging(
    asgi_server: AsgiServer, new_page: Callable[..., Page], width_px: int
) -> None:
    make_file("promo/teaser_Part2.mp4")
    rules = [make_rule(name=name, position=number) for number, name in enumerate(["first", "second"])]
    client = Client()
    client.force_login(make_user("administrator"))
    page = new_page(locale="en-US", viewport={"width": width_px, "height": 900})
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key or "", "url": asgi_server.url}])

    page.goto(asgi_server.url + reverse("catalog:rule_new"))
    page.locator("[name=catalog_name]").fill("Promotion")
    page.locator("[name=series_name]").fill("All")
    page.locator("[name=pattern]").press_sequentially(r"^promo/(?P<title>[^/]+)")
    expect(page.locator(".rule-summary")).to_have_text("1 of all 1 files would move.")
    expect(page.locator("[name=pattern]")).to_be_focused()
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("[name=pattern]").press("(")
    expect(page.locator("#rule-preview [role=alert]")).to_contain_text("never closed")

    page.goto(asgi_server.url + reverse("catalog:rule_list"))
    names = page.locator("[data-rule] .rule-name")
    expect(names).to_have_text(["first", "second"])
    page.locator("[data-rule]").nth(1).drag_to(page.locator("[data-rule]").nth(0))
    expect(names).to_have_text(["second", "first"])
    expect(page.get_by_text("This order is not stored yet")).to_be_visible()
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Try second later").press("Enter")
    expect(names).to_have_text(["first", "second"])
    expect(page.get_by_role("button", name="Try second earlier")).to_be_focused()
    assert list(PathRule.objects.order_by("position").values_list("pk", flat=True)) == [rule.pk for rule in rules]
