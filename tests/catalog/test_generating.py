"""A generated archive: whole, the same for the same seed, and found by the search."""

from __future__ import annotations

from itertools import islice

import pytest
from django.core.management import CommandError, call_command

from catalog.generated import Archive
from catalog.models import Content, Folder, MediaFile, SearchChange, SearchEntry, Series, Source
from catalog.services import rollups
from catalog.services.generating import AlreadyGeneratedError, generate

pytestmark = pytest.mark.django_db


def test_the_same_seed_makes_the_same_archive() -> None:
    assert list(islice(Archive(7).folders(), 20)) == list(islice(Archive(7).folders(), 20))
    assert next(Archive(7).folders()) != next(Archive(8).folders())


def test_a_generated_archive_has_as_many_files_as_asked_for_and_right_totals() -> None:
    source = generate(files=250, seed=3)
    assert MediaFile.objects.filter(source=source).count() == 250
    assert Folder.objects.get(source=source, parent=None).total_files == 250
    assert rollups.verify(source=source) == []
    series = Series.objects.first()
    assert series is not None and series.total_contents == Content.objects.filter(series=series).count() > 0


def test_an_archive_is_generated_once() -> None:
    generate(files=10, seed=3)
    with pytest.raises(AlreadyGeneratedError):
        generate(files=10, seed=3)
    with pytest.raises(CommandError, match="Generated archive 3"):
        call_command("generate_catalog", "--files", "10", "--seed", "3")
    with pytest.raises(CommandError):
        call_command("generate_catalog", "--files", "0")


def test_the_command_leaves_everything_indexed(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("generate_catalog", "--files", "120", "--seed", "5")
    assert "120" in capsys.readouterr().out
    assert SearchEntry.objects.count() == 120
    assert not SearchChange.objects.exists()
    assert not Source.objects.get().is_enabled
