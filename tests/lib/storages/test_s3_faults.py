"""An S3 server that dies, hangs or refuses: nothing half stored, nothing waited for in vain, and words that say what to do."""

from __future__ import annotations

import io
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mam.lib.storages import (
    ObjectMissingError,
    StorageMisconfiguredError,
    StorageOfflineError,
    StorageRefusedError,
    UploadCancelledError,
)
from mam.lib.storages.s3 import client_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fixtures.s3 import Bucket

pytestmark = pytest.mark.s3
PART = 5 * 1024 * 1024
LARGE = random.Random(2).randbytes(6 * PART)
NAME = "streams/07/7-0123/v720.mp4"
AT_ONCE = timedelta(seconds=-5)  # the server's clock and ours give whole seconds


class Interrupted(io.BytesIO):
    """Calls `act` once, before the part at `after_bytes` is read."""

    def __init__(self, act: Callable[[], object], after_bytes: int = 3 * PART) -> None:
        super().__init__(LARGE)
        self._act, self._after_bytes = act, after_bytes

    def read(self, length: int | None = -1, /) -> bytes:
        if self._after_bytes and self.tell() >= self._after_bytes:
            self._after_bytes = 0
            self._act()
        return super().read(length)


@pytest.mark.parametrize("part", ["proxy", "object"])
def test_a_server_that_is_killed_in_mid_upload_and_comes_back_gets_the_rest(s3: Bucket, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts that had arrived are not sent again, nobody sees half an object meanwhile, and the end is whole."""
    store, failed = s3.storage(part_bytes=PART), threading.Event()
    requests: list[tuple[str, int]] = []
    ask = store.ask

    def watch(operation: str, **params: Any) -> Any:
        try:
            answer = ask(operation, **params)
        except StorageOfflineError:
            failed.set()
            raise
        requests.append((operation, params.get("PartNumber", 0)))
        return answer

    monkeypatch.setattr(store, "ask", watch)
    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(store.write, NAME, Interrupted(lambda: s3.server.kill(part)), content_type="video/mp4")
        assert failed.wait(60)
        s3.server.start()
        assert s3.keys() == []
        writing.result(60)
    assert s3.keys() == [f"mam/{NAME}"]
    assert s3.unfinished() == []
    assert store.read_range(NAME, 0, len(LARGE) + 1) == LARGE
    assert sorted(part_number for operation, part_number in requests if operation == "upload_part") == [1, 2, 3, 4, 5, 6]


def test_a_server_that_stays_away_costs_no_more_than_the_patience(s3: Bucket) -> None:
    """What had arrived is in no listing; the sweep forgets it, and the next try stores the object."""
    store = s3.storage(part_bytes=PART, patience_s=1)
    began = time.monotonic()
    with pytest.raises(StorageOfflineError) as raised:
        store.write(NAME, Interrupted(lambda: s3.server.kill("proxy")), content_type="video/mp4")
    assert not raised.value.is_permanent
    assert time.monotonic() - began < 30
    s3.server.start()
    assert s3.keys() == []
    assert s3.unfinished() == [f"mam/{NAME}"]
    assert store.purge_unfinished("streams/", older_than=timedelta(hours=6)) == 0
    assert store.purge_unfinished("proxies/", older_than=AT_ONCE) == 0
    assert store.purge_unfinished("streams/", older_than=AT_ONCE) == 1
    assert s3.unfinished() == []
    store.write(NAME, io.BytesIO(LARGE), content_type="video/mp4")
    assert store.stat(NAME).size_bytes == len(LARGE)


def test_cancelling_ends_a_write_that_waits_for_a_dead_server(s3: Bucket) -> None:
    cancelled = threading.Event()
    store = s3.storage(part_bytes=PART)
    s3.server.kill("proxy")
    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(store.write, NAME, io.BytesIO(LARGE), content_type="video/mp4", cancelled=cancelled)
        began = time.monotonic()
        cancelled.set()
        with pytest.raises(UploadCancelledError):
            writing.result(30)
    assert time.monotonic() - began < 10
    s3.server.start()
    assert s3.keys() == []


def test_a_server_that_hangs_is_not_waited_for(s3: Bucket) -> None:
    store = s3.storage(client_config=client_config(connect_timeout_s=1, read_timeout_s=1))
    store.write(NAME, io.BytesIO(b"x"), content_type="video/mp4")
    s3.server.pause("proxy")
    began = time.monotonic()
    with pytest.raises(StorageOfflineError):
        store.read_range(NAME, 0, 1)
    assert time.monotonic() - began < 15
    s3.server.resume()
    assert store.read_range(NAME, 0, 1) == b"x"


def test_bytes_that_are_lost_in_the_middle_of_a_read_are_no_short_answer(s3: Bucket) -> None:
    store = s3.storage(client_config=client_config(connect_timeout_s=1, read_timeout_s=2))
    store.write(NAME, io.BytesIO(LARGE), content_type="video/mp4")
    body = store.client.get_object(Bucket=s3.name, Key=f"mam/{NAME}")["Body"]
    body.read(PART)
    s3.server.kill("proxy")
    with pytest.raises(StorageOfflineError), store._translated(NAME):
        body.read()


@pytest.mark.parametrize(
    "wrong", [{"secret_key": "not the secret"}, {"access_key": "nobody"}, {"access_key": "mam:other"}], ids=["secret", "key", "account"]
)
def test_a_wrong_key_is_said_at_once_and_for_good(s3: Bucket, wrong: dict[str, str]) -> None:
    store = s3.storage(**wrong)
    requests: list[Callable[[], object]] = [
        lambda: store.write(NAME, io.BytesIO(b"x"), content_type="video/mp4"),
        lambda: store.write(NAME, io.BytesIO(LARGE), content_type="video/mp4"),
        lambda: store.read_range(NAME, 0, 1),
        lambda: store.stat(NAME),
        lambda: list(store.list_entries("")),
        lambda: store.delete_many([NAME]),
    ]
    began = time.monotonic()
    for request in requests:
        with pytest.raises(StorageRefusedError) as raised:
            request()
        assert raised.value.is_permanent
        assert "S3_SECRET_KEY" in str(raised.value)
        assert "secret" not in str(raised.value)  # names of settings only
    assert time.monotonic() - began < 20
    assert s3.keys() == []


def test_a_bucket_that_is_not_there_is_no_missing_object(s3: Bucket) -> None:
    store = s3.storage(bucket_name="mam-nowhere")
    with pytest.raises(StorageMisconfiguredError, match="mam-nowhere"):
        store.read_range(NAME, 0, 1)
    with pytest.raises(StorageMisconfiguredError):
        store.write(NAME, io.BytesIO(b"x"), content_type="video/mp4")
    with pytest.raises(ObjectMissingError):
        s3.storage().read_range(NAME, 0, 1)


def test_an_answer_that_was_lost_at_the_end_is_not_taken_for_a_failure(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has made the object; the client, which did not hear it, asks again and is told that there is no such upload."""
    store = s3.storage(part_bytes=PART)
    ask = store.ask
    lost: list[object] = []

    def lose_one_answer(operation: str, **params: object) -> object:
        answer = ask(operation, **params)
        if operation == "complete_multipart_upload" and not lost:
            lost.append(answer)
            raise StorageOfflineError(reason="lost")
        return answer

    monkeypatch.setattr(store, "ask", lose_one_answer)
    store.write(NAME, io.BytesIO(LARGE), content_type="video/mp4")
    assert lost
    assert s3.keys() == [f"mam/{NAME}"]


def test_a_presigned_address_takes_one_object_until_it_expires(s3: Bucket) -> None:
    """For uploads that do not go through us. The address holds for its method and its name."""
    store = s3.storage()
    url = store.presigned_url("uploads/1", expires_s=60, method="PUT")
    assert url is not None
    assert s3.send("PUT", url, b"from the browser") == 200
    assert store.read_range("uploads/1", 0, 99) == b"from the browser"
    assert s3.send("GET", url) == 403
    assert s3.send("PUT", url.replace("uploads/1", "uploads/2"), b"no") == 403
    stale = store.presigned_url("uploads/1", expires_s=-10)
    assert stale is not None
    assert s3.send("GET", stale) in {400, 403}
