"""Matching what has changed gives the same as matching everything, whatever has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from catalog.choices import FileKind, Presence
from catalog.models import Folder, MediaFile
from sync.matching import folders
from sync.matching.recompute import match_touched
from sync.matching.touches import touch_all, touch_rows
from sync.models import FolderMatches, Match, Target, TargetRow
from sync.services.history import Actor
from tests.factories import make_content, make_file, make_folder, make_source
from tests.sync.factories import make_target, make_target_row

if TYPE_CHECKING:
    from catalog.models import Source

AnyModel = TypeVar("AnyModel", MediaFile, TargetRow)
NAMES, FOLDERS, SIZES = ("a.mp4", "A.mp4", "b.mp4", "c.mxf"), ("", "X", "X/Y", "Z"), (0, 1, 2)
PRESENCES = (Presence.PRESENT, Presence.MISSING, Presence.HELD, Presence.GROWING)

step = st.tuples(
    st.sampled_from(("add", "rename", "resize", "presence", "probe", "place", "move folder", "row", "bind", "mark", "drop row", "match")),
    st.integers(0, 7),
    st.sampled_from(NAMES),
    st.sampled_from(FOLDERS),
    st.sampled_from(SIZES),
    st.sampled_from(PRESENCES),
)


class World:
    """A source and a target, and what may happen to them."""

    def __init__(self) -> None:
        self.source: Source = make_source()
        self.target: Target = make_target(sources={self.source: ""})
        self.contents = [None, make_content(), make_content()]  # of two catalogs

    def do(self, what: str, which: int, name: str, folder: str, size: int, presence: Presence) -> None:
        """One step; nothing where it makes no sense."""
        file, row = _chosen(MediaFile, which), _chosen(TargetRow, which)
        place = f"{folder}/{name}".strip("/")
        if what == "add" and self._is_free(place):
            make_file(place, source=self.source, size_bytes=size)
        elif what == "row":
            self._touch(make_target_row(self.target, place, size_bytes=size))
        elif what == "move folder":
            self._move_folder("X/Y", "Z/Y") or self._move_folder("Z/Y", "X/Y")
        elif what == "match":
            match_touched(by=Actor())
        elif file is not None and what == "rename" and self._is_free(place):
            self._set(file, name=name, name_key=name.lower(), folder=make_folder(self.source, folder))
        elif file is not None and what == "resize":
            self._set(file, size_bytes=size)
        elif file is not None and what == "probe":
            self._set(file, duration_ms=1_000 * size, kind=FileKind.VIDEO if size else FileKind.AUDIO)
        elif file is not None and what == "place":
            self._set(file, content=self.contents[size])
        elif file is not None and what == "presence":
            self._set(file, presence=presence)
        elif row is not None:
            self._do_to_row(row, file, what)

    def _do_to_row(self, row: TargetRow, file: MediaFile | None, what: str) -> None:
        if what == "bind" and file is not None and not TargetRow.objects.filter(file=file).exists():
            self._set_row(row, file=file)
        elif what == "mark":
            self._set_row(row, is_deleted=not row.is_deleted)
        elif what == "drop row":
            self._touch(row)
            TargetRow.objects.filter(pk=row.pk).delete()

    def _is_free(self, path: str) -> bool:
        return all(file.path != path for file in MediaFile.objects.select_related("folder"))

    def _set(self, file: MediaFile, **fields: Any) -> None:
        MediaFile.objects.filter(pk=file.pk).update(**fields)

    def _move_folder(self, old: str, new: str) -> int:
        if Folder.objects.filter(path=new).exists():
            return 0
        parent = make_folder(self.source, new.rpartition("/")[0])
        values = {"parent": parent, "path": new, "path_key": new.lower(), "lineage": parent.subtree_prefix}
        return Folder.objects.filter(path=old).update(**values)

    def _touch(self, row: TargetRow) -> None:
        touch_rows([row.pk])

    def _set_row(self, row: TargetRow, **fields: Any) -> None:
        TargetRow.objects.filter(pk=row.pk).update(**fields)
        self._touch(row)


def _chosen(model: type[AnyModel], which: int) -> AnyModel | None:
    rows = list(model._default_manager.order_by("pk"))
    return rows[which % len(rows)] if rows else None


def found() -> list[tuple[Any, ...]]:
    fields = (
        *("file", "row", "status", "reason", "action", "copies"),
        *("path", "path_key", "name_key", "extension", "size_bytes", "folder", "catalog"),
    )
    return sorted(Match.objects.values_list(*fields), key=repr)


@pytest.mark.django_db
class TestWhole(TestCase):
    @settings(max_examples=100)
    @given(st.lists(step, min_size=1, max_size=14))
    def test_what_has_changed_is_as_good_as_everything(self, steps: list[tuple[Any, ...]]) -> None:
        world = World()
        for one in steps:
            world.do(*one)
        match_touched(by=Actor())
        by_parts, counted = found(), list(FolderMatches.objects.order_by("folder").values_list("folder", "own", "total"))
        assert folders.verify(world.target) == {}

        Match.objects.all().delete()
        FolderMatches.objects.all().delete()
        touch_all()
        match_touched(by=Actor())
        assert found() == by_parts
        assert list(FolderMatches.objects.order_by("folder").values_list("folder", "own", "total")) == counted
