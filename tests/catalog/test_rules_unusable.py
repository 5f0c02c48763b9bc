"""A stored rule that cannot be used any more, say by a later RE2: nothing else stands still for it, and it can be put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from catalog.models import PathRule
from catalog.services import path_rules
from catalog.services.placement import load_rules
from tests.factories import make_file, make_user

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
GOOD = r"^(?P<catalog>[^/]+)/(?P<series>[^/]+)/(?P<title>[^/]+)$"


@pytest.fixture
def broken(client: Client) -> PathRule:
    client.force_login(make_user("administrator"))
    PathRule.objects.create(name="Good", pattern=GOOD, position=2)
    return PathRule.objects.create(name="Bad", pattern="(", position=1)


def test_files_are_placed_by_the_others(broken: PathRule) -> None:
    assert [rule.name for rule in load_rules().rules] == ["Good"]


def test_every_page_can_be_seen(client: Client, broken: PathRule) -> None:
    pages = [reverse("catalog:rule_list"), reverse("catalog:file_detail", args=[make_file("WSOP/2024/a.mp4").pk])]
    pages += [reverse(f"catalog:rule_{name}", args=[rule.pk]) for name in ("detail", "delete") for rule in PathRule.objects.all()]
    assert {page: client.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


@pytest.mark.parametrize("said", [{"pattern": GOOD}, {"is_enabled": False}])
def test_it_is_put_right_or_switched_off(broken: PathRule, said: dict[str, object]) -> None:
    path_rules.update_rule(rule=broken, user=None, **said)  # type: ignore[arg-type]
    assert PathRule.objects.filter(pk=broken.pk, **said).exists()
