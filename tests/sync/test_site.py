"""Synchronisation on a whole installation: from an event to the object at the destination."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.site import until
from tests.sync.site import SyncSite, pending, running

WITHIN = 5.0
DEATHS = 8


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncSite]:
    """One installation for the tests that break nothing."""
    with running(tmp_path_factory.mktemp("sync")) as found:
        yield found


@pytest.fixture
def sync_id(site: SyncSite) -> Iterator[str]:
    """A synchronising task, deleted afterwards."""
    found = site.create()
    yield found
    if site.show(found)["status"] == "SYNCHRONIZING":
        site.stop(found)
    site.delete(found)


@pytest.mark.check(75)
def test_an_event_copies_the_decoded_keys_within_five_seconds(site: SyncSite, sync_id: str) -> None:
    site.site.source.put("from", b"test/001.txt", b"one")
    site.site.source.put("from", b"plus+1.txt", b"two")
    site.site.source.put("from", b"plus+2.txt", b"three")
    began = time.monotonic()
    site.send(sync_id, "test%2F001.txt", "plus%2B1.txt", "plus+2.txt")
    found = site.settled(sync_id, WITHIN)
    assert time.monotonic() - began < WITHIN
    assert found == {"request": 3, "success": 3, "failure": 0, "skip": 0, "size": 11}
    for key, body in ((b"test/001.txt", b"one"), (b"plus+1.txt", b"two"), (b"plus+2.txt", b"three")):
        assert site.site.destination.get("into", key) == body
    assert site.site.engine.call("GET", "/tasks") == {"tasks": [], "count": 0}


@pytest.mark.check(77)
def test_what_is_there_already_and_not_older_is_skipped(site: SyncSite, sync_id: str) -> None:
    site.site.source.put("from", b"same", b"12345")
    site.send(sync_id, "same")
    assert site.settled(sync_id)["success"] == 1
    gets = site.site.source.counters().requests("get")
    site.send(sync_id, "same")
    found = site.until(sync_id, lambda now: now["request"] == 2 and pending(now) == 0)
    assert (found["success"], found["skip"], found["size"]) == (1, 1, 5)
    assert site.site.source.counters().requests("get") == gets


@pytest.mark.check(81)
def test_size_counts_what_succeeded_and_failures_are_listed(site: SyncSite, sync_id: str) -> None:
    site.site.source.put("from", b"good", b"1234567")
    site.send(sync_id, "good", "no%2Fsuch+key")
    assert site.settled(sync_id) == {"request": 2, "success": 1, "failure": 1, "skip": 0, "size": 7}
    (line,) = site.records(sync_id, "failed")
    assert (line[2], line[3]) == ("no/such%2Bkey", "no/such+key")
    (copied,) = site.records(sync_id, "success")
    assert (copied[1], copied[3]) == ("good", "7")


def test_a_changed_object_is_copied_again_and_a_deleted_one_stays(site: SyncSite, sync_id: str) -> None:
    site.site.source.put("from", b"doc", b"first")
    site.send(sync_id, "doc")
    site.settled(sync_id)
    site.site.source.put("from", b"doc", b"the second")
    site.send(sync_id, "doc")
    site.until(sync_id, lambda now: now["success"] == 2)
    assert site.site.destination.get("into", b"doc") == b"the second"
    site.site.source.delete("from", b"doc")
    site.send(sync_id, "doc")
    site.until(sync_id, lambda now: now["failure"] == 1)
    assert site.site.destination.get("into", b"doc") == b"the second"


def test_a_stop_in_the_middle_keeps_what_waits_for_the_next_start(site: SyncSite, sync_id: str) -> None:
    for n in range(60):
        site.site.source.put("from", b"s/%02d" % n, b"x" * 10)
    fault = site.site.source.faults.add(op="get", bucket="from", delay_ms=1500)
    for call in range(6):
        site.send(sync_id, *(f"s%2F{call * 10 + n:02d}" for n in range(10)))
        if call == 2:
            until(lambda: site.batches(sync_id), lambda n: n > 0, 10)
    site.stop(sync_id)
    assert site.show(sync_id)["status"] == "STOPPED"
    assert site.site.rows("SELECT 1 FROM sync_credential") == []
    site.site.source.faults.remove(fault)
    time.sleep(2)
    before = site.figures(sync_id)
    assert (before["request"], pending(before) > 0) == (60, True)
    time.sleep(2)
    assert site.figures(sync_id) == before, "something goes on after the stop"
    site.start(sync_id)
    after = site.settled(sync_id)
    assert (after["request"], after["success"] + after["skip"], after["failure"]) == (60, 60, 0)
    for n in range(60):
        assert site.site.destination.get("into", b"s/%02d" % n) == b"x" * 10


def test_stop_and_delete_back_to_back_while_keys_are_in_the_air(site: SyncSite) -> None:
    sync_id = site.create()
    for n in range(20):
        site.site.source.put("from", b"d/%02d" % n, b"x")
    fault = site.site.source.faults.add(op="get", bucket="from", delay_ms=1000)
    site.send(sync_id, *(f"d/{n:02d}" for n in range(20)))
    until(lambda: site.batches(sync_id), lambda n: n > 0, 10)
    site.stop(sync_id)
    site.delete(sync_id)
    with pytest.raises(RuntimeError, match="404"):
        site.show(sync_id)
    assert site.batches(sync_id) == 0
    site.site.source.faults.remove(fault)


class Sender(threading.Thread):
    """Sends its keys in calls of ten, each until it is answered 200; `accepted` holds what was."""

    def __init__(self, site: SyncSite, sync_id: str, keys: list[str]) -> None:
        super().__init__(daemon=True)
        engine = site.site.engine
        self._host, self._project, self._token = engine._host, engine._project, engine._token
        self._path = f"/v2/{self._project}/sync-tasks/{sync_id}/events"
        self._calls = [keys[at : at + 10] for at in range(0, len(keys), 10)]
        self._connection: http.client.HTTPConnection | None = None
        self.accepted: list[str] = []
        self.retries = 0

    def run(self) -> None:
        for keys in self._calls:
            while not self._sent(keys):
                self.retries += 1
                time.sleep(0.1)
            self.accepted += keys

    def _sent(self, keys: list[str]) -> bool:
        headers = {"X-Auth-Token": self._token, "Content-Type": "application/json"}
        body = json.dumps({"object_keys": [quote(key, safe="") for key in keys]})
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._host, timeout=30)
            self._connection.request("POST", self._path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection = None
            return False
        assert answer.status in (200, 503), answer.status
        return answer.status == 200


@pytest.mark.slow
def test_nothing_that_was_accepted_is_lost_when_processes_die(tmp_path: Path) -> None:
    slow = {"latency_ms": 50}
    # What a dead worker held is free after five seconds, not after twenty.
    quick = {"OMS_LEASE_SECONDS": "5"}
    with running(tmp_path, source=slow, destination=slow, environment=quick) as site:
        keys = [f"k/{n:04d}" for n in range(1_200)]
        for key in keys:
            site.site.source.put("from", key.encode(), key.encode())
        sync_id = site.create()
        senders = [Sender(site, sync_id, keys[at::4]) for at in range(4)]
        for sender in senders:
            sender.start()
        deaths = 0
        while any(sender.is_alive() for sender in senders) or deaths < DEATHS:
            if deaths < DEATHS:
                # Each dies several times in turn, with time to come back between.
                site.site.kill((" api ", "worker")[deaths % 2], most=2)
                deaths += 1
            time.sleep(1.5)
        accepted = {key for sender in senders for key in sender.accepted}
        assert accepted == set(keys)
        until(lambda: _tried(site, sync_id), lambda ready: ready, 30)
        found = site.settled(sync_id, 60)
        assert found["failure"] == 0
        assert found["request"] >= len(keys)
        assert found["success"] + found["skip"] == found["request"]
        for key in keys:
            assert site.site.destination.get("into", key.encode()) == key.encode()
        listed = {line[1] for kind in ("success", "skip") for line in site.records(sync_id, kind)}
        assert len(listed) == len(keys)
        print(f"{deaths} deaths, {sum(s.retries for s in senders)} calls sent again, {found}")


def _tried(site: SyncSite, sync_id: str) -> bool:
    try:
        site.show(sync_id)
    except (OSError, RuntimeError):
        return False
    return True


@pytest.mark.slow
def test_two_cores_accept_and_copy_a_thousand_keys_a_second(tmp_path: Path) -> None:
    """Measured in CPU time, which does not depend on what else the machine does."""
    thousands, objects = 8, 2_000
    with running(tmp_path) as site:
        for n in range(objects):
            site.site.source.put("from", b"t/%05d" % n, b"x" * 64)
        sync_id = site.create()
        keys = [f"t/{n % objects:05d}" for n in range(thousands * 1_000)]
        senders = [Sender(site, sync_id, keys[at::16]) for at in range(16)]
        before, began = site.cpu_seconds(), time.monotonic()
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        rate = len(keys) / (time.monotonic() - began)
        found = site.settled(sync_id, 60)
        used = site.cpu_seconds() - before
        print(f"{rate:.0f} keys/s accepted, {used:.1f} s of CPU for {len(keys)} keys")
        assert (found["request"], found["failure"]) == (len(keys), 0)
        assert sum(sender.retries for sender in senders) == 0
        assert used < 2.0 * thousands
