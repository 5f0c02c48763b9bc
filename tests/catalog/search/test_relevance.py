"""Of a labelled set of searches nearly all have an answer among the first ten, and both databases give the same ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.databases import ENGINES, environment_of
from tests.catalog.search import labelled

SUCCESS_AT_10 = 0.97


def test_the_set_has_three_hundred_searches_of_ten_kinds() -> None:
    kinds = Counter(search.kind for search in labelled.searches())
    assert len(kinds) == 10
    assert sum(kinds.values()) >= 300
    assert all(search.names for search in labelled.searches())


@pytest.mark.django_db
def test_nearly_every_search_has_its_answer_among_the_first_ten() -> None:
    answered = [(search, bool(search.names.intersection(names))) for search, names in labelled.answers()]
    lost = [(search.kind, search.typed) for search, is_found in answered if not is_found]
    assert len(lost) <= (1 - SUCCESS_AT_10) * len(answered), lost


@pytest.mark.postgres
@pytest.mark.processes
@pytest.mark.timeout(600)
def test_both_databases_give_the_same_first_ten() -> None:
    answers = []
    for engine in ENGINES:
        with environment_of(engine) as environment:
            command = [sys.executable, "-m", "tests.catalog.search.labelled"]
            answers.append(json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout))
    of_sqlite, of_postgresql = answers
    assert [one for one, other in zip(of_sqlite, of_postgresql, strict=True) if one != other] == []
