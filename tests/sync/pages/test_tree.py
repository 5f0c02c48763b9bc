"""The tree: levels as they are opened, counts below folders, and the filter it shares with the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from sync.choices import MatchStatus
from sync.models import Match
from sync.selectors import tree
from tests.factories import make_file, make_folder
from tests.sync.factories import make_match, make_synced, make_target_row
from tests.sync.pages.reading import HTMX, show, words_of

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from catalog.models import Source
    from sync.models import Target
    from tests.sync.pages.conftest import Archive

pytestmark = pytest.mark.django_db

TREE = "/sync/tree/"


def branch(person: Client, url: str, **query: Any) -> str:
    """The items that come when a branch is opened."""
    response = person.get(url, query, headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def test_the_top_has_catalogs_with_what_is_synced_below(viewer: Client, archive: Archive) -> None:
    (folder,) = viewer.get(TREE).context["folders"]
    assert (folder["place"].name, folder["place"].total, folder["place"].synced) == ("WSOP", 6, 2)
    assert [(str(status), count) for status, count in folder["others"]] == [("new", 1), ("moved", 1), ("duplicate", 1), ("not_synced", 1)]
    page = show(viewer, TREE)
    assert "WSOP 6 files 2 synced New 1 Moved 1 Copy 1 Not synced 1" in page
    assert "Only in the target 1 entry" in page


def test_a_branch_comes_when_it_is_opened_one_level_deeper(viewer: Client, archive: Archive) -> None:
    (folder,) = viewer.get(TREE).context["folders"]
    items = branch(viewer, folder["load_url"])
    assert 'aria-level="2"' in items
    assert 'aria-level="1"' not in items
    inner = viewer.get(folder["load_url"], headers=HTMX).context
    assert [one["place"].name for one in inner["folders"]] == ["2024", "Backup"]
    files = words_of(branch(viewer, inner["folders"][0]["load_url"]))
    row = Match.objects.get(status=MatchStatus.SYNCED).row
    assert row is not None
    assert f"synced.mp4 1.00 MB Synced ID {row.remote_id}" in files
    assert "special.mxf 1.00 MB Not synced Not HLS compatible (mxf)" in files


def test_a_copy_says_where_its_original_is(viewer: Client, archive: Archive) -> None:
    url = reverse("sync:tree_branch")
    items = words_of(branch(viewer, url, folder=archive.files["duplicate"].folder_id))
    assert "twice.mp4" in items
    assert "Copy Original: WSOP/2024/twice.mp4" in items


def test_a_tree_can_be_walked_by_who_hears_it(viewer: Client, archive: Archive) -> None:
    page = viewer.get(TREE).content.decode()
    assert 'role="tree"' in page
    assert page.count('role="treeitem"') == 2
    assert page.count('aria-expanded="false" data-tree-toggle') == 2
    assert 'hx-trigger="open once"' in page


def test_the_status_narrows_the_tree_and_what_is_opened(viewer: Client, archive: Archive) -> None:
    make_synced(archive.target, make_file("HCL/EP1.mp4", source=archive.files["synced"].source))
    (folder,) = viewer.get(TREE, {"status": "moved"}).context["folders"]
    assert folder["place"].name == "WSOP"
    assert "status=moved" in folder["load_url"]
    (inner,) = viewer.get(folder["load_url"], headers=HTMX).context["folders"]
    (file,) = viewer.get(inner["load_url"], headers=HTMX).context["files"]
    assert file["name"] == "moved.mp4"
    assert "Only in the target" not in show(viewer, TREE, {"status": "moved"})


def test_only_the_status_narrows_the_tree_and_the_rest_is_kept(viewer: Client, archive: Archive) -> None:
    page = viewer.get(TREE, {"ext": "mxf", "status": "moved"})
    assert "These filters are kept for the table." in page.content.decode()
    assert page.context["query"] == "status=moved&ext=mxf"
    assert f'href="{reverse("sync:match_list")}?status=moved&amp;ext=mxf"' in page.content.decode()
    assert "These filters are kept for the table." not in show(viewer, TREE, {"status": "moved"})


def test_a_folder_has_a_page_with_the_way_up(viewer: Client, archive: Archive) -> None:
    file = archive.files["synced"]
    page = viewer.get(TREE, {"folder": file.folder_id})
    assert page.context["above"] == [("WSOP", file.folder.parent_id)]
    assert [one["name"] for one in page.context["files"]] == ["moved.mp4", "new.mp4", "special.mxf", "synced.mp4", "twice.mp4"]
    assert 'data-copy="WSOP/2024"' in page.content.decode()


def test_a_source_with_a_prefix_is_a_place_of_its_own(viewer: Client, target: Target, source: Source) -> None:
    target.sources.update(prefix="NAS/")
    make_synced(target, make_file("WSOP/day1.mp4", source=source))
    (folder,) = viewer.get(TREE).context["folders"]
    assert folder["place"].name == "NAS"
    inner = make_folder(source, "WSOP")
    assert viewer.get(TREE, {"folder": inner.pk}).context["above"] == [("NAS", inner.parent_id)]


def test_a_large_folder_comes_in_pages_and_the_focus_goes_on(
    viewer: Client, target: Target, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tree.list_tree.__kwdefaults__ or {}, "limit", 3)
    for number in range(5):
        make_match(target, make_file(f"WSOP/{number}.mp4", source=source))
    url = reverse("sync:tree_branch")
    first = viewer.get(url, {"folder": make_folder(source, "WSOP").pk, "level": 2}, headers=HTMX)
    assert [one["name"] for one in first.context["files"]] == ["0.mp4", "1.mp4", "2.mp4"]
    assert "autofocus" not in first.content.decode()
    second = viewer.get(first.context["more_url"], headers=HTMX)
    assert [one["name"] for one in second.context["files"]] == ["3.mp4", "4.mp4"]
    assert second.content.decode().count("autofocus") == 1
    assert 'aria-level="2"' in second.content.decode()
    alone = viewer.get(first.context["more_url"], follow=True)
    assert [one["name"] for one in alone.context["files"]] == ["3.mp4", "4.mp4"]


def test_entries_that_no_file_has_are_a_branch(viewer: Client, archive: Archive) -> None:
    make_match(archive.target, None, make_target_row(archive.target, "OLD/other.mp4"))
    items = branch(viewer, viewer.get(TREE).context["gone_url"])
    assert "OLD/other.mp4 Not on the NAS Deleted" in words_of(items)
    assert 'aria-level="2"' in items
    assert viewer.get(reverse("sync:tree_gone"))["Location"] == f"{reverse('sync:match_list')}?status=deleted"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"folder": "abc"}, 404),
        ({"folder": "999999"}, 404),
        ({"folder": "9" * 30}, 404),
        ({"cursor": "nonsense"}, 400),
        ({"status": "nonsense"}, 200),
        ({"level": "abc"}, 404),
    ],
)
def test_odd_addresses_get_a_clear_answer(viewer: Client, archive: Archive, query: dict[str, str], status: int) -> None:
    if "level" not in query:
        assert viewer.get(TREE, query).status_code == status
    assert viewer.get(reverse("sync:tree_branch"), query, headers=HTMX).status_code == status


def test_an_empty_tree_says_what_it_is_for(viewer: Client, source: Source) -> None:
    assert "No file yet" in show(viewer, TREE)


def test_a_status_that_nothing_has_is_said(viewer: Client, target: Target, source: Source) -> None:
    make_synced(target, make_file("a/b.mp4", source=source))
    assert "Nothing here has this status" in show(viewer, TREE, {"status": "moved"})


def test_a_wider_level_takes_no_more_queries(
    viewer: Client, archive: Archive, source: Source, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    folder = archive.files["synced"].folder_id

    def widen(numbers: range) -> None:
        for number in numbers:
            make_match(archive.target, make_file(f"WSOP/2024/{number}/file.mp4", source=source))
            make_match(archive.target, make_file(f"WSOP/2024/more {number}.mp4", source=source), status=MatchStatus.DUPLICATE)

    widen(range(1))
    with django_assert_max_num_queries(24) as few:
        viewer.get(TREE, {"folder": folder})
    widen(range(1, 30))
    with django_assert_max_num_queries(24) as many:
        viewer.get(TREE, {"folder": folder})
    assert len(many) == len(few)
