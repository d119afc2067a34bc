"""A verification looks at both sides again: it finds every object that differs, and writes to neither (P-08)."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import AK, SK, Site, opened, until
from tests.storeserver.process import ServerProcess

KEYS = {"src_ak": AK, "src_sk": SK, "dst_ak": AK, "dst_sk": SK}
SMALL, MIB = 1_100, 1 << 20
WRITES = "put|delete|create_upload|upload_part|complete_upload|abort_upload|post"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, int]]:
    """A task that ended in 5."""
    with opened(tmp_path_factory.mktemp("verify")) as site:
        for n in range(SMALL):
            site.source.put("from", b"small/%05d" % n, b"%d" % n)
        site.source.put("from", b"large", b"l" * (20 * MIB))
        task_id = site.create()
        assert site.wait(task_id)["status"] == 5
        yield site, task_id


def _verified(site: Site, task_id: int, **more: Any) -> dict[str, Any]:
    path = f"/tasks/{task_id}/verifications"
    number = site.engine.call("POST", path, KEYS | more)["id"]
    return until(
        lambda: site.engine.call("GET", f"{path}/{number}"),
        lambda found: found["status"] not in ("WAITING", "RUNNING"),
        60,
    )


def _findings(site: Site, task_id: int, number: int) -> dict[str, str]:
    page = site.engine.call("GET", f"/tasks/{task_id}/verifications/{number}/findings")
    assert page["next_marker"] is None
    return {one["key"]: one["code"] for one in page["findings"]}


def _writes(server: ServerProcess) -> int:
    return server.counters().requests(WRITES)


@pytest.mark.parametrize("reread", [False, True])
def test_equal_buckets_are_proven_equal_and_stay_untouched(migrated: tuple[Site, int], reread: bool) -> None:
    site, task_id = migrated
    site.source.reset_counters()
    site.destination.reset_counters()
    before = site.destination.keys("into")
    found = _verified(site, task_id, reread=reread)
    assert (found["status"], found["listed"], found["equal"], found["different"]) == (
        "EQUAL", SMALL + 1, SMALL + 1, 0,
    )  # fmt: skip
    assert (_writes(site.source), _writes(site.destination)) == (0, 0)
    assert site.destination.keys("into") == before
    bodies = site.destination.counters().bytes_out("get")
    assert bodies >= 20 * MIB if reread else bodies < MIB
    (kept,) = site.rows("SELECT count(*) AS n FROM credential")
    assert kept["n"] == 0
    assert [one["id"] for one in site.engine.call("GET", "/tasks")["tasks"]] == [task_id]


def test_every_difference_is_found_and_the_bytes_settle_what_listings_cannot(
    migrated: tuple[Site, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, task_id = migrated
    kept = {key: site.destination.get("into", key) for key in (b"small/00001", b"small/00002")}
    site.destination.delete("into", b"small/00001")
    site.destination.put("into", b"small/00002", b"longer than it was")
    site.destination.mutate("into", b"small/00003")
    # A store whose books are right and whose disk is not.
    site.destination.faults.add(op="get", key="large", flip=500)
    certain = {
        "small/00001": "DST_OBJ_MISSING",
        "small/00002": "SIZE_DIFFERS",
        "small/00003": "CONTENT_DIFFERS",
    }
    listed = _verified(site, task_id)
    assert (listed["status"], listed["different"], listed["error_code"]) == ("DIFFERENT", 3, None)
    assert _findings(site, task_id, listed["id"]) == certain
    read = _verified(site, task_id, reread=True)
    assert _findings(site, task_id, read["id"]) == certain | {"large": "CONTENT_DIFFERS"}
    shown = site.engine.call("GET", f"/tasks/{task_id}/verifications")["verifications"]
    assert [one["id"] for one in shown][:2] == [read["id"], listed["id"]]
    told = _command(site, task_id, monkeypatch)
    assert (told.returncode, told.stdout.splitlines()[-1]) == (
        1,
        f"different: {SMALL - 2} equal, 3 different",
    )
    site.destination.faults.clear()
    for key, body in kept.items():
        site.destination.put("into", key, body)
    site.destination.put("into", b"small/00003", b"3")
    assert _verified(site, task_id)["status"] == "EQUAL"
    assert _command(site, task_id, monkeypatch).returncode == 0


def test_what_cannot_be_looked_at_is_no_proof(migrated: tuple[Site, int]) -> None:
    site, task_id = migrated
    found = _verified(site, task_id, src_sk="wrong")
    assert (found["status"], found["error_code"]) == ("FAILED", "TRF.0151")
    with pytest.raises(RuntimeError, match=r"OMS\.1009"):
        site.engine.call("POST", "/tasks/123/verifications", KEYS)
    with pytest.raises(RuntimeError, match="404"):
        site.engine.call("GET", f"/tasks/{task_id}/verifications/1")


def _command(site: Site, task_id: int, monkeypatch: pytest.MonkeyPatch) -> "subprocess.CompletedProcess[str]":
    for name, value in KEYS.items():
        monkeypatch.setenv(f"OMS_{name.upper()}", value)
    oms = Path(sys.executable).with_name("oms")
    return subprocess.run(
        [oms, "verify", str(task_id), "--server", f"http://{site.engine.host}", "--data-dir", site.root / "data"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
