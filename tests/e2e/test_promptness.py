"""What has to happen within so many seconds. `make test` runs nothing beside these."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import Site, opened, until

MIB = 1 << 20


@pytest.mark.check(48)
def test_stop_of_eight_large_objects_is_quick_and_start_goes_on(tmp_path: Path) -> None:
    """No part that is complete is sent again."""
    synthetic = {"from": {"count": 8, "size": 256 * MIB, "pattern": "large-%d"}}
    with opened(tmp_path, source={"synthetic": _synthetic(synthetic), "latency_ms": 20}) as site:
        task_id = site.create()
        until(lambda: _parts(site), lambda parts: parts > 12, 60)
        asked_at = time.monotonic()
        site.engine.call("POST", f"/tasks/{task_id}/stop")
        assert site.task(task_id)["status"] in (3, 7)
        site.wait(task_id, 3, seconds=3)
        took = time.monotonic() - asked_at
        kept, before = _parts(site), site.destination.counters().requests("upload_part")
        site.start(task_id)
        assert site.wait(task_id, seconds=240)["status"] == 5
        again = site.destination.counters().requests("upload_part") - before
        print(f"paused in {took:.2f} s; {kept} parts kept, {again} sent after the start")
        assert again == 8 * 16 - kept
        assert [site.destination.info("into", b"large-%d" % n)["size"] for n in range(8)] == [256 * MIB] * 8
        assert site.destination.uploads("into") == []


def _synthetic(values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    from tests.storeserver.config import Synthetic

    return {name: Synthetic(**value) for name, value in values.items()}


def _parts(site: Site) -> int:
    return sum(len(upload["parts"]) for upload in site.destination.uploads("into"))


@pytest.mark.check(58)
def test_bandwidth_holds_over_every_ten_seconds_and_a_change_acts_in_two(tmp_path: Path) -> None:
    """What the source sent and what the destination received, with two workers."""
    limit, more = 4 * MIB, 12 * MIB
    with opened(tmp_path) as site:
        for n in range(40):
            site.source.put("from", b"small/%03d" % n, b"s" * 300_000)
        for n in range(6):
            site.source.put("from", b"large/%d" % n, b"l" * (40 * MIB))
        site.source.reset_counters()
        site.destination.reset_counters()
        task_id = site.create(bandwidth_policy=[_window(limit)])
        until(lambda: site.destination.counters().bytes_in("upload_part"), lambda came: came > 16 * MIB, 60)
        time.sleep(22)
        sent, received = _series(site.source, "out"), _series(site.destination, "in")
        for name, series in (("sent", sent), ("received", received)):
            most = max(sum(series[i : i + 100]) for i in range(max(1, len(series) - 100)))
            print(f"{name}: at most {most / 10 / limit:.3f} of the limit over 10 s")
            assert most <= 10 * limit * 1.05
            assert most >= 10 * limit * 0.5
        changed_at = time.monotonic()
        site.engine.call("PUT", f"/tasks/{task_id}/bandwidth-policy", {"bandwidth_policy": [_window(more)]})
        time.sleep(5 - (time.monotonic() - changed_at))
        late = _series(site.source, "out")[-30:]
        print(f"two seconds after the change: {sum(late) / 3 / MIB:.1f} MiB/s")
        assert sum(late) / 3 > 1.5 * limit
        site.engine.call("PUT", f"/tasks/{task_id}/bandwidth-policy", {"bandwidth_policy": []})
        assert site.wait(task_id, seconds=60)["status"] == 5


def _window(rate: int) -> dict[str, Any]:
    return {"start": "00:00", "end": "23:59", "max_bandwidth": rate}


def _series(server: Any, direction: str) -> list[int]:
    """Body bytes a tenth of a second, zeros included, up to now."""
    rows = server.bandwidth()["rows"]
    column = 1 if direction == "in" else 2
    by_tick = {round(row[0] * 10): row[column] for row in rows}
    return [by_tick.get(tick, 0) for tick in range(min(by_tick), max(by_tick) + 1)]


def test_an_idle_engine_reads_the_first_object_within_a_second(tmp_path: Path) -> None:
    with opened(tmp_path, source={"request_log": True}) as site:
        site.source.put("from", b"first", b"body")
        waits = []
        for _ in range(5):
            time.sleep(2.2)
            site.source.reset_counters()
            asked_at = time.monotonic()
            task_id = site.create(object_overwrite_mode="FULL_OVERWRITE")
            assert site.wait(task_id, seconds=10)["status"] == 5
            reads = [request["start"] for request in site.source.requests() if request["op"] == "get"]
            waits.append(reads[0] - asked_at)
        print("create to first GET:", ", ".join(f"{wait * 1000:.0f} ms" for wait in waits))
        # The middle one: the machine may be busy with something else for a moment.
        assert sorted(waits)[2] <= 1.0


def test_every_worker_takes_part_within_two_seconds(tmp_path: Path) -> None:
    holders = "SELECT DISTINCT worker FROM unit WHERE state = 'leased' AND worker IS NOT NULL"
    with opened(tmp_path, source={"latency_ms": 100}, workers=3) as site:
        for n in range(24):
            site.source.put("from", b"large/%02d" % n, b"l" * (33 * MIB))
        time.sleep(3)
        site.create(bandwidth_policy=[_window(4 * MIB)])
        asked_at = time.monotonic()
        until(lambda: site.rows(holders), lambda found: len(found) == 3, 10)
        took = time.monotonic() - asked_at
        print(f"three workers hold units after {took:.2f} s")
        assert took <= 2.0
