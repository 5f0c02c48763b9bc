"""People by role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories import make_user

if TYPE_CHECKING:
    from mam.accounts.models import User


@pytest.fixture
def viewer(db: None) -> User:
    """May look."""
    return make_user("viewer")


@pytest.fixture
def operator(db: None) -> User:
    """May sync."""
    return make_user("operator")


@pytest.fixture
def administrator(db: None) -> User:
    """May do everything."""
    return make_user("administrator")
