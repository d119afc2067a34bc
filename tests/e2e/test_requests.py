"""Requests as the engine counts them are those that the stores have seen; a ceiling pauses and loses nothing."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import AK, SK, Site, opened, until
from tests.storeserver.process import ServerProcess

SMALL, LARGE, MIB = 600, 2, 1 << 20
SIZE = 64 << 10
# Reads and writes of objects of that size, each, in a second.
PACE = 48
# How the stores call what we ask of them.
NAMES = {
    "head_bucket": "check_bucket", "get_encryption": "head", "list": "list", "head": "head", "get": "read",
    "put": "put", "initiate": "create_upload", "upload_part": "put_part", "complete": "complete_upload",
    "abort": "abort_upload", "list_parts": "list_parts", "list_uploads": "list_uploads", "delete": "delete",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Small objects and large ones."""
    with opened(tmp_path_factory.mktemp("requests")) as site:
        for n in range(SMALL):
            site.source.put("from", b"small/%05d" % n, b"%05d" % n + bytes(SIZE - 5))
        for n in range(LARGE):
            site.source.put("from", b"large/%d" % n, b"l" * (40 * MIB))
        yield site


def _asked(site: Site, task_id: int) -> dict[str, Any]:
    found: dict[str, Any] = site.engine.call("GET", f"/tasks/{task_id}/requests")
    return found


def _counted(found: dict[str, Any], side: str) -> dict[str, tuple[int, int, int]]:
    """Requests, bytes sent and bytes received by operation, as the engine has them."""
    return {
        one["operation"]: (one["requests"], one["sent_bytes"], one["received_bytes"])
        for one in found["operations"]
        if one["side"] == side
    }


def _seen(server: ServerProcess) -> dict[str, tuple[int, int, int]]:
    """The same, as the store has them."""
    sums: dict[str, Counter[str]] = {}
    for row in server.counters().rows:
        figures = {"requests": row.requests, "in": row.bytes_in, "out": row.bytes_out}
        sums.setdefault(NAMES[row.op], Counter()).update(figures)
    return {name: (one["requests"], one["in"], one["out"]) for name, one in sums.items()}


def _reset(site: Site) -> None:
    for server in (site.source, site.destination):
        server.reset_counters()


def test_an_undisturbed_task_has_counted_each_request_and_byte_that_the_stores_saw(site: Site) -> None:
    _reset(site)
    task_id = site.create()
    assert site.wait(task_id)["status"] == 5
    seen = {"source": _seen(site.source), "destination": _seen(site.destination)}
    most = sum(one[0] for side in seen.values() for one in side.values())
    found = until(lambda: _asked(site, task_id), lambda told: told["requests"] >= most, 20)
    assert {side: _counted(found, side) for side in seen} == seen
    assert found["requests"] == most
    assert [run["requests"] for run in found["runs"]] == [most]
    # The task's own work at least: a read and a write of each object.
    assert seen["source"]["read"][0] == SMALL + LARGE * 3
    assert seen["source"]["read"][2] == SMALL * SIZE + LARGE * 40 * MIB
    told = _command(site, task_id)
    assert f"newest run: {most} of any number of requests" in told.stdout, told
    assert ["source", "read"] in [line.split()[:2] for line in told.stdout.splitlines()]


def test_a_task_pauses_at_its_ceiling_and_goes_on_when_that_is_raised(site: Site) -> None:
    for key in site.destination.keys("into"):
        site.destination.delete("into", key)
    _reset(site)
    limit = 300
    task_id = site.create(
        src_node={"cloud_type": "AWS", "region": "us-east-1", "ak": AK, "sk": SK, "bucket": "from",
                  "object_key": ["small/"]},
        bandwidth_policy=[{"start": "00:00", "end": "23:59", "max_bandwidth": PACE * SIZE}],
    )  # fmt: skip
    assert site.engine.call("PUT", f"/tasks/{task_id}/requests/limit", {"max_requests": limit})
    site.wait(task_id, 3)
    found = _asked(site, task_id)
    made = site.source.counters().requests() + site.destination.counters().requests()
    print(f"paused after {made} requests of {limit}; {found['requests']} counted")
    assert found["limit_reached"]
    # Reads and writes of four seconds (told, seen, let finish, late), and two seconds of objects in the air.
    assert limit <= made < limit + 2 * PACE * (4 + 2)
    (audited,) = site.rows(
        "SELECT detail FROM audit WHERE action = 'task.requestLimitReached' AND resource = %s",
        f"task:{task_id}",
    )
    assert audited["detail"]["max_requests"] == limit <= audited["detail"]["asked"]
    logs = "".join(one.read_text() for one in (site.root / "data" / "logs").glob("worker*"))
    assert logs.count("request_limit_reached") == 1
    with pytest.raises(RuntimeError, match=rf"OMS\.0001.*of {limit} requests are made"):
        site.start(task_id)
    site.engine.call("PUT", f"/tasks/{task_id}/bandwidth-policy", {"bandwidth_policy": []})
    told = _command(site, task_id, "--limit", "100000")
    assert told.stdout.splitlines()[-1].endswith("of 100000 requests"), told
    site.start(task_id)
    ended = site.wait(task_id)
    assert (ended["status"], ended["successful_num"] + ended["skipped_num"]) == (5, SMALL)
    written = site.destination.counters()
    assert written.requests("put", prefix="") - written.errors("put", prefix="") <= SMALL
    copied = [key for key in site.destination.keys("into") if not key.startswith(b"oms/")]
    assert copied == [b"small/%05d" % n for n in range(SMALL)]
    site.assert_adds_up(task_id)
    assert [run["run_no"] for run in _asked(site, task_id)["runs"]] == [1]


def _command(site: Site, task_id: int, *more: str) -> "subprocess.CompletedProcess[str]":
    oms = Path(sys.executable).with_name("oms")
    server = ("--server", f"http://{site.engine.host}", "--data-dir", str(site.root / "data"))
    return subprocess.run(
        [str(oms), "requests", str(task_id), *server, *more],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
