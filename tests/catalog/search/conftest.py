"""Tests are rolled back, so the rows of one have the ids of another."""

from __future__ import annotations

import pytest

from catalog.search.vocabulary import vocabulary


@pytest.fixture(autouse=True)
def no_words_of_other_tests() -> None:
    vocabulary.forget()
