"""Synchronisation tasks on a whole installation: two stores, `oms up`, its HTTP API."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.site import AK, REGIONS, SK, Site, opened, until

KEYS = {"src_ak": AK, "src_sk": SK, "dst_ak": AK, "dst_sk": SK}
FIGURES = {
    "request": "monthly_acceptance_request",
    "success": "monthly_success_object",
    "failure": "monthly_failure_object",
    "skip": "monthly_skip_object",
    "size": "monthly_size",
}


class SyncSite:
    """One installation; calls answer JSON or raise RuntimeError with the API's error."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def create(self, **more: Any) -> str:
        """A task from `from` to `into`; its id."""
        created = self.site.engine.call("POST", "/sync-tasks", wanted(**more))
        return str(created["sync_task_id"])

    def show(self, sync_id: str) -> dict[str, Any]:
        """The task with the figures of this month."""
        found: dict[str, Any] = self.site.engine.call(
            "GET", f"/sync-tasks/{sync_id}?query_time={int(time.time() * 1000)}"
        )
        return found

    def figures(self, sync_id: str) -> dict[str, int]:
        """The five figures of this month."""
        shown = self.show(sync_id)
        return {short: shown[name] for short, name in FIGURES.items()}

    def send(self, sync_id: str, *keys: str) -> None:
        """One event."""
        self.site.engine.call("POST", f"/sync-tasks/{sync_id}/events", {"object_keys": list(keys)})

    def stop(self, sync_id: str) -> None:
        """Stop it."""
        self.site.engine.call("POST", f"/sync-tasks/{sync_id}/stop")

    def start(self, sync_id: str) -> None:
        """Start it again."""
        self.site.engine.call("POST", f"/sync-tasks/{sync_id}/start", KEYS)

    def delete(self, sync_id: str) -> None:
        """Delete it."""
        self.site.engine.call("DELETE", f"/sync-tasks/{sync_id}")

    def settled(self, sync_id: str, seconds: float = 20.0) -> dict[str, int]:
        """The figures once every request has its outcome."""
        return self.until(sync_id, lambda found: found["request"] > 0 and pending(found) == 0, seconds)

    def until(
        self, sync_id: str, happy: Callable[[dict[str, int]], bool], seconds: float = 20.0
    ) -> dict[str, int]:
        """The figures once they will do."""
        return until(lambda: self.figures(sync_id), happy, seconds)

    def cpu_seconds(self) -> float:
        """What API, workers, Postgres and Redis of the installation have used since they began."""
        family = psutil.Process(self.site.engine.process.pid).children(recursive=True)
        return sum(map(_cpu_seconds, family))

    def batches(self, sync_id: str) -> int:
        """How many batches are open."""
        (row,) = self.site.rows("SELECT count(*) AS n FROM task WHERE sync_id = %s", sync_id)
        return int(row["n"])

    def records(self, sync_id: str, kind: str) -> list[list[str]]:
        """The columns of all lines of a kind of list, once no batch is open."""
        until(lambda: self.batches(sync_id), lambda open_ones: open_ones == 0, 20)
        folder = f"oms/sync_task/{sync_id}/{kind}_object_lists/".encode()
        found = [key for key in self.site.destination.keys("into") if key.startswith(folder)]
        lines = [line for key in found for line in self.site.destination.get("into", key).splitlines()]
        return [line.decode().split("\t") for line in lines]


def wanted(**more: Any) -> dict[str, Any]:
    """The body of a create call."""
    return {
        "src_cloud_type": "AWS",
        "src_region": REGIONS[0],
        "src_bucket": "from",
        "dst_region": REGIONS[1],
        "dst_bucket": "into",
        **KEYS,
        **more,
    }


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(used.user + used.system + used.children_user + used.children_system)


def pending(figures: dict[str, int]) -> int:
    """Requests without an outcome."""
    return figures["request"] - figures["success"] - figures["failure"] - figures["skip"]


@contextmanager
def running(root: Path, **settings: Any) -> Iterator[SyncSite]:
    """An installation, gone afterwards."""
    with opened(root, **settings) as site:
        yield SyncSite(site)
