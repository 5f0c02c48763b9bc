"""What a test that committed leaves behind: nothing."""

from __future__ import annotations

import pytest

from catalog.models import SearchChange, SummaryCell
from catalog.search import index
from tests.factories import make_file


@pytest.mark.parametrize("_time", range(2))
@pytest.mark.django_db(transaction=True)
def test_emptied_tables_leave_no_notes(_time: int) -> None:
    assert not SearchChange.objects.exists()
    assert not SummaryCell.objects.exists()
    make_file()
    index.refresh_all()
