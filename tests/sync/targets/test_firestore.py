"""What is Firestore's own: what it costs, and what goes wrong on the way there and back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sync.errors import (
    TargetAccessError,
    TargetBusyError,
    TargetError,
    TargetNotDatabaseError,
    TargetReadOnlyError,
    TargetRowsChangedError,
    TargetTableError,
    TargetUnreachableError,
)
from sync.targets.base import FileFields, TargetFile, Work, Write
from tests.sync.targets.places import FirestorePlace, all_files, batch, fields, new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sync.targets.base import OttTarget
    from tests.fixtures._firestore_server import FirestoreServer, Usage


@pytest.fixture
def place(firestore: FirestoreServer) -> FirestorePlace:
    return FirestorePlace(firestore)


@pytest.fixture
def target(place: FirestorePlace) -> Iterator[OttTarget]:
    found = place.target()
    found.prepare()
    yield found
    found.close()


def cost(server: FirestoreServer, act: Callable[[], Any]) -> Usage:
    """What an action takes."""
    before = replace(server.usage)
    act()
    return type(before)(*(getattr(server.usage, name) - getattr(before, name) for name in ("reads", "writes", "commits")))


# --- what it costs ----------------------------------------------------------------------------------------------------
def test_only_what_has_changed_is_written(firestore: FirestoreServer, target: OttTarget) -> None:
    ids = target.apply(batch([new(f"{number}.mp4") for number in range(20)]))
    found = all_files(target)
    writes = [
        Write(remote_id, fields(f"{number}.mp4" if number else "moved.mp4"), False, found[remote_id])
        for number, remote_id in enumerate(ids)
    ]
    used = cost(firestore, lambda: target.apply(batch(writes, 1)))
    assert (used.writes, used.commits) == (2, 1)  # the one that moved, and the mark
    again = cost(firestore, lambda: target.apply(batch(writes, 1)))
    assert (again.writes, again.commits) == (0, 0)


def test_a_full_batch_and_its_mark_are_one_commit(firestore: FirestoreServer, target: OttTarget) -> None:
    used = cost(firestore, lambda: target.apply(batch([new(f"{number}.mp4") for number in range(target.batch_rows)])))
    assert (used.writes, used.commits) == (500, 1)


def test_works_that_are_there_are_not_written_again(firestore: FirestoreServer, place: FirestorePlace, target: OttTarget) -> None:
    works = [Work("series", str(number), ("1",), f"Season {number}", {"year": 2000 + number}) for number in range(30)]
    assert cost(firestore, lambda: target.put_works(works)).writes == 30
    assert cost(firestore, lambda: target.put_works(works)).writes == 0
    assert cost(firestore, lambda: target.put_works([*works[1:], replace(works[0], name="Other")])).writes == 1
    assert "projects/demo/databases/(default)/documents/catalogs/1/series/7" in firestore.names()


def test_what_another_program_keeps_of_a_work_stays(place: FirestorePlace, target: OttTarget) -> None:
    target.put_works([Work("player", "4", (), "Phil")])
    client = place.server.connect()
    client.document("players", "4").update({"bracelets": 11})
    target.put_works([Work("player", "4", (), "Phil Ivey")])
    assert client.document("players", "4").get().to_dict() == {"name": "Phil Ivey", "bracelets": 11}


def test_the_fingerprint_of_many_documents_is_affordable(
    firestore: FirestoreServer, place: FirestorePlace, target: OttTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = target.apply(batch([new(f"{number}.mp4") for number in range(40)]))
    assert cost(firestore, target.fingerprint).reads == 41
    monkeypatch.setattr("sync.targets.firestore.target.FINGERPRINT_READS", 10)
    assert cost(firestore, target.fingerprint).reads == 4
    seen = [target.fingerprint()]
    for change in (
        lambda: place.insert("theirs.mp4"),
        lambda: place.remove("theirs-0040"),
        lambda: place.update(first, size_bytes=1),
        lambda: place.update(second, status="deleted"),
        lambda: place.update(second, codec="av1", updated_at=datetime(2030, 1, 1, tzinfo=UTC)),
    ):
        change()
        seen.append(target.fingerprint())
    assert seen[2] == seen[0]  # what came is gone
    assert len(set(seen)) == len(seen) - 1


# --- others -----------------------------------------------------------------------------------------------------------
def test_what_another_program_changes_at_the_last_moment_is_noticed(
    firestore: FirestoreServer, place: FirestorePlace, target: OttTarget
) -> None:
    first, second = target.apply(batch([new("a.mp4"), new("b.mp4")]))
    found = all_files(target)
    firestore.before_commit = lambda: place.update(second, size_bytes=1)
    with pytest.raises(TargetRowsChangedError) as refused:
        target.apply(batch([Write(one, fields(f"moved/{one}"), False, found[one]) for one in (first, second)], 1))
    assert refused.value.params["remote_id"] == second
    assert sorted(file.fields.path for file in all_files(target).values()) == ["a.mp4", "b.mp4"]
    assert target.applied(batch([]).plan) == 1


def test_a_document_that_another_program_takes_out_at_the_last_moment_is_noticed(
    firestore: FirestoreServer, place: FirestorePlace, target: OttTarget
) -> None:
    (first,) = target.apply(batch([new("a.mp4")]))
    found = all_files(target)
    firestore.before_commit = lambda: place.remove(first)
    with pytest.raises(TargetRowsChangedError):
        target.apply(batch([Write(first, fields("b.mp4"), False, found[first]), new("c.mp4")], 1))
    assert all_files(target) == {}


def test_what_is_not_ours_may_change_at_the_last_moment(firestore: FirestoreServer, place: FirestorePlace, target: OttTarget) -> None:
    (first,) = target.apply(batch([new("a.mp4")]))
    writes = [Write(first, fields("b.mp4"), False, all_files(target)[first])]
    firestore.before_commit = lambda: place.update(first, views=8)
    with pytest.raises(TargetBusyError) as busy:
        target.apply(batch(writes, 1))
    assert not busy.value.is_permanent
    assert target.apply(batch(writes, 1)) == [first]
    assert (place.row(first)["views"], place.row(first)["nas_path"]) == (8, "b.mp4")


# --- on the way -------------------------------------------------------------------------------------------------------
def test_a_batch_whose_answer_got_lost_is_not_done_twice(firestore: FirestoreServer, target: OttTarget) -> None:
    writes = [new("a.mp4"), new("b.mp4")]
    firestore.fail("Commit", "unavailable", is_late=True)
    with pytest.raises(TargetUnreachableError):
        target.apply(batch(writes))
    found = all_files(target)
    assert len(found) == 2
    used = cost(firestore, lambda: target.apply(batch(writes)))
    assert used.writes == 0
    assert set(target.apply(batch(writes))) == set(found)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("unavailable", TargetUnreachableError),
        ("deadline_exceeded", TargetUnreachableError),
        ("internal", TargetUnreachableError),
        ("resource_exhausted", TargetUnreachableError),
        ("aborted", TargetBusyError),
        ("permission_denied", TargetReadOnlyError),
        ("unauthenticated", TargetAccessError),
    ],
)
def test_a_commit_that_fails_leaves_nothing_and_is_told(
    firestore: FirestoreServer, target: OttTarget, status: str, error: type[TargetError]
) -> None:
    firestore.fail("Commit", status)
    with pytest.raises(error):
        target.apply(batch([new("a.mp4")]))
    assert all_files(target) == {}
    assert len(target.apply(batch([new("a.mp4")]))) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("permission_denied", TargetAccessError),
        ("unauthenticated", TargetAccessError),
        ("not_found", TargetNotDatabaseError),
        ("failed_precondition", TargetTableError),
        ("deadline_exceeded", TargetUnreachableError),
    ],
)
def test_a_reading_that_fails_is_told(firestore: FirestoreServer, target: OttTarget, status: str, error: type[TargetError]) -> None:
    uses: list[tuple[str, Callable[[], object]]] = [
        ("RunQuery", lambda: all_files(target)),
        ("RunAggregationQuery", target.fingerprint),
        ("BatchGetDocuments", lambda: target.find_by_id(["a"])),
    ]
    for method, use in uses:
        firestore.fail(method, status, times=3)
        with pytest.raises(error):
            use()
        firestore.faults.clear()
        use()


def test_a_short_outage_is_not_noticed_when_reading(firestore: FirestoreServer, target: OttTarget) -> None:
    (first,) = target.apply(batch([new("a.mp4")]))
    firestore.fail("RunQuery", "unavailable")
    assert set(all_files(target)) == {first}
    firestore.fail("BatchGetDocuments", "unavailable")
    assert set(target.find_by_id([first])) == {first}


def test_where_nobody_may_write_it_says_so_at_once(firestore: FirestoreServer, place: FirestorePlace) -> None:
    firestore.fail("Commit", "permission_denied")
    target = place.target()
    with pytest.raises(TargetReadOnlyError):
        target.prepare()
    target.prepare()
    target.close()


def test_a_server_that_is_gone_is_told_and_the_target_still_says_what_it_is(firestore: FirestoreServer, target: OttTarget) -> None:
    firestore.stop()
    with pytest.raises(TargetUnreachableError):
        target.apply(batch([new("a.mp4")]))
    assert target.info().location == "demo/(default)"


# --- what is there ----------------------------------------------------------------------------------------------------
def test_documents_with_anything_in_them_are_read(place: FirestorePlace, target: OttTarget) -> None:
    client = place.server.connect()
    odd: dict[str, dict[str, Any]] = {
        "empty": {},
        "map": {"nas_path": {"a": 1}, "size_bytes": 5},
        "bytes": {"nas_path": b"\xff", "size_bytes": 5},
        "list": {"nas_path": "a.mp4", "size_bytes": [1]},
        "text": {"nas_path": "b.mp4", "size_bytes": "12", "duration_sec": {"a": 1}, "codec": ["h264"], "hls_compatible": "yes"},
        "nan": {"nas_path": "c.mp4", "size_bytes": float("nan"), "duration_sec": float("nan")},
        "time": {"nas_path": "d.mp4", "size_bytes": 5.0, "status": "deleted", "deleted_at": datetime(2024, 12, 8, tzinfo=UTC)},
        "x" * 65: {"nas_path": "e.mp4", "size_bytes": 5},
    }
    for key, values in odd.items():
        client.document("files", key).create(values)
    found = all_files(target)
    assert {key: file.error for key, file in found.items() if not key.startswith("#")} == {
        "empty": "row_path_missing",
        "map": "row_path_unreadable",
        "bytes": "row_path_unreadable",
        "list": "row_size_unreadable",
        "text": "",
        "nan": "row_size_unreadable",
        "time": "",
    }
    assert [file.error for key, file in found.items() if key.startswith("#")] == ["row_id_unreadable"]
    assert found["text"] == TargetFile("text", FileFields("b.mp4", 12, codec="['h264']", is_hls=True))
    assert type(found["time"].deleted_at) is datetime
    assert found["time"] == TargetFile("time", FileFields("d.mp4", 5), is_deleted=True, deleted_at=datetime(2024, 12, 8, tzinfo=UTC))


# --- credentials ------------------------------------------------------------------------------------------------------
def key_file(**changes: Any) -> str:
    """As Google gives it for a service account."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    account = {"type": "service_account", "project_id": "demo", "private_key_id": "1", "private_key": pem, "client_email": "mam@demo.test"}
    return json.dumps(account | {"token_uri": "https://127.0.0.1:9/token"} | changes)


def test_a_key_file_opens_the_project_it_is_for() -> None:
    from sync.targets.firestore.client import connector  # noqa: PLC0415

    client = connector(project="", database="ott", credentials=key_file())()
    assert (client.project, client._database) == ("demo", "ott")
    assert connector(project="other", database="", credentials=key_file())().project == "other"


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", '{"type": "service_account"}', key_file(private_key="no key")], ids=repr)
def test_what_is_no_key_file_is_refused_and_not_repeated(text: str) -> None:
    from sync.targets.firestore.client import connector  # noqa: PLC0415

    with pytest.raises(TargetAccessError) as refused:
        connector(project="demo", database="", credentials=text)
    assert not text or text not in str(refused.value)
