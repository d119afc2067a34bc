"""What tasks leave behind: open uploads, objects that kill workers, leases of workers that are told to end."""

import contextlib
import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.site import Site, opened, until

LARGE = 40 << 20
SLOW_PARTS = {"op": "upload_part", "after": 1, "delay_ms": 60_000}


def left_open(site: Site, name: bytes) -> None:
    """A task that was paused in the middle of an upload and deleted."""
    site.source.put("from", name, hashlib.shake_128(name).digest(LARGE))
    slow = site.destination.faults.add(key=name.decode(), **SLOW_PARTS)
    task_id = site.create(src_node=site.request()["src_node"] | {"object_key": [name.decode()]})
    until(
        lambda: site.destination.uploads("into"),
        lambda uploads: any(one["parts"] for one in uploads if one["key"] == name.decode()),
        30,
    )
    site.engine.call("POST", f"/tasks/{task_id}/stop")
    site.wait(task_id, 3, seconds=30)
    site.engine.call("DELETE", f"/tasks/{task_id}")
    site.destination.faults.remove(slow)


def small_task(site: Site) -> int:
    site.source.put("from", b"small", b"body")
    node = site.request()["src_node"] | {"object_key": ["small"]}
    return site.create(src_node=node, task_type="object", object_overwrite_mode="FULL_OVERWRITE")


def shown_uploads(site: Site) -> str:
    command = [Path(sys.executable).with_name("oms"), "admin", "--data-dir", site.root / "data", "uploads"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_what_a_deleted_task_left_open_is_shown_and_swept_by_the_next_task_of_the_bucket(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as site:
        left_open(site, b"large")
        (upload,) = site.destination.uploads("into")
        assert upload["upload_id"] in shown_uploads(site)
        refuse = site.destination.faults.add(op="abort", status=403, code="AccessDenied")
        assert site.wait(small_task(site))["status"] == 5
        assert [one["upload_id"] for one in site.destination.uploads("into")] == [upload["upload_id"]]
        assert upload["upload_id"] in shown_uploads(site)
        site.destination.faults.remove(refuse)
        assert site.wait(small_task(site))["status"] == 5
        assert site.destination.uploads("into") == []
        assert upload["upload_id"] not in shown_uploads(site)
        assert site.rows("SELECT state FROM upload WHERE state <> 'closed'") == []


@pytest.mark.parametrize("size", [200, 40 << 20], ids=["small", "large"])
def test_an_object_that_kills_every_worker_fails_alone(tmp_path: Path, size: int) -> None:
    """Whoever asks for it dies, as if its bytes ended the process; another is under way beside it whenever it may."""
    with opened(tmp_path, workers=1) as site:
        for n in range(60):
            site.source.put("from", b"%02d" % n, b"%02d" % n * (size // 2 if n == 30 else 100))
        site.source.faults.add(op="get", key="30", delay_ms=3_600_000)
        site.source.faults.add(op="get", key="31", delay_ms=2_000)
        task_id = site.create()
        deaths = 0

        def ended() -> bool:
            nonlocal deaths
            (fault,) = (one for one in site.source.faults.all() if one["key"] == "30")
            if fault["acted"] > deaths:
                deaths = fault["acted"]
                time.sleep(1)
                for one in site.rows(
                    "SELECT DISTINCT worker FROM unit WHERE state = 'leased' AND worker IS NOT NULL"
                ):
                    kill(site, one["worker"])
            return site.task(task_id)["status"] in (4, 5)

        until(ended, bool, 120)
        shown = site.task(task_id)
        assert (shown["status"], shown["failed_num"], shown["successful_num"]) == (4, 1, 59)
        (file,) = [key for key in site.destination.keys("into") if b"failed_object_lists" in key]
        (line,) = site.destination.get("into", file).splitlines()
        assert line.split(b"\t")[0] == b"CRASHES_WORKER"
        assert line.split(b"\t")[2] == b"30"
        assert 3 <= deaths <= 8
        print(f"{deaths} deaths")


def kill(site: Site, name: str) -> None:
    for one in site.processes("cli.main worker"):
        with contextlib.suppress(psutil.Error):
            if f"--name {name}" in " ".join(one.cmdline()):
                one.kill()


def test_a_worker_that_is_told_to_end_gives_its_leases_back_at_once(tmp_path: Path) -> None:
    """Nobody waits for twenty seconds, and the end counts as no crash."""
    slow = {"latency_ms": 300}
    with opened(tmp_path, source=slow, destination=slow) as site:
        for n in range(3000):
            site.source.put("from", b"%04d" % n, b"x")
        task_id = site.create()
        held = "SELECT worker, count(*) AS n FROM unit WHERE state = 'leased' GROUP BY worker"
        (first, *_) = until(lambda: site.rows(held), bool, 30)
        told = next(
            one
            for one in site.processes("cli.main worker")
            if f"--name {first['worker']}" in " ".join(one.cmdline())
        )
        told.send_signal(signal.SIGTERM)
        began = time.monotonic()
        psutil.wait_procs([told], timeout=10)
        took = time.monotonic() - began
        crashes = "SELECT count(*) AS n FROM unit WHERE crash_n > 0"
        assert site.rows(crashes)[0]["n"] == 0
        assert site.wait(task_id, seconds=90)["status"] == 5
        assert site.rows(crashes)[0]["n"] == 0
        assert took < 8
        site.assert_copied()
        site.assert_adds_up(task_id)
        print(f"ended after {took:.1f} s")
