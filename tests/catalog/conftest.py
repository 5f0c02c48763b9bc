"""REST clients by role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rest_framework.test import APIClient

from tests.factories import make_user

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def client_of(db: None) -> Callable[[str | None], APIClient]:
    """Makes a client logged in as a new user of a role; None: a user without any role."""

    def make(role: str | None) -> APIClient:
        client = APIClient()
        client.force_login(make_user(role))
        return client

    return make


@pytest.fixture
def viewer_api(client_of: Callable[[str | None], APIClient]) -> APIClient:
    """May read."""
    return client_of("viewer")


@pytest.fixture
def operator_api(client_of: Callable[[str | None], APIClient]) -> APIClient:
    """May curate."""
    return client_of("operator")


@pytest.fixture
def administrator_api(client_of: Callable[[str | None], APIClient]) -> APIClient:
    """May do everything."""
    return client_of("administrator")
