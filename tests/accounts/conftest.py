"""Users of each role, and counters that start at zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from tests.factories import make_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mam.accounts.models import User


@pytest.fixture(autouse=True)
def _fresh_limits(settings: Any) -> Iterator[None]:
    settings.MFA_TOTP_TOLERANCE = 1  # a code made in the last moment of its half minute is still good in the next
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def viewer(db: None) -> User:
    return make_user("viewer")


@pytest.fixture
def operator(db: None) -> User:
    return make_user("operator")


@pytest.fixture
def administrator(db: None) -> User:
    return make_user("administrator")


@pytest.fixture
def superuser(db: None) -> User:
    return make_user("administrator", is_superuser=True)


@pytest.fixture
def api() -> APIClient:
    """A REST client that checks CSRF like a browser would."""
    return APIClient(enforce_csrf_checks=True)
