"""Publishing killed at any line: the old rendition or the new one, whole; and nothing else after the sweep."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_file
from tests.fixtures.processes import PROJECT

if TYPE_CHECKING:
    from tests.fixtures.processes import Product

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
STEP = 3
WITHIN_S = 250


def test_publishing_killed_at_any_line_leaves_the_old_rendition_or_the_new_one(product: Product) -> None:
    """Every third line, from another one each time: all of them within a few runs."""
    first = random.randint(1, STEP)
    command = [sys.executable, "-m", "tests.streaming.publish_until_killed", str(make_file("a.mxf").pk), str(first), str(STEP)]
    done = subprocess.run(command, cwd=PROJECT, env=product.environment, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert outcomes, done.stderr
    assert [outcome for outcome in outcomes if outcome["wrong"]] == [], done.stderr
    assert outcomes[-1]["line"] is None, done.stderr  # the last one came to its end
    assert len(outcomes) > 20
