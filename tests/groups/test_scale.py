"""Hundreds of thousands of keys become tasks in bounded memory and time."""

import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.site import Site, opened, until
from tests.storeserver.config import Synthetic

pytestmark = pytest.mark.slow
MIB = 1 << 20
COUNT = 200_000


class Watch:
    """The most memory that any worker has taken."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.peak = 0

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            for one in self._site.processes("worker"):
                try:
                    self.peak = max(self.peak, one.memory_info().rss)
                except psutil.Error:
                    continue


def test_many_keys_are_listed_once_and_shared_out(tmp_path: Path) -> None:
    same = Synthetic(COUNT, size=100)
    with opened(tmp_path, source={"filled": {"from": same}}, destination={"filled": {"into": same}}) as site:
        request = site.request(task_type="PREFIX")
        with Watch(site) as watch:
            began = time.monotonic()
            group = site.engine.call("POST", "/taskgroups", request)["group_id"]
            found = until(
                lambda: site.engine.call("GET", f"/taskgroups/{group}"),
                lambda one: one["status"] not in (0, 1),
                240,
            )
            created = time.monotonic() - began
            listings = site.source.counters().requests("list")
            (ranges,) = site.rows("SELECT count(*) AS n FROM key_range")
            found = until(
                lambda: site.engine.call("GET", f"/taskgroups/{group}"),
                lambda one: one["status"] in (4, 5, 6),
                240,
            )
            took = time.monotonic() - began
        print(
            f"{COUNT} keys in tasks after {created:.1f} s, at their end {took:.1f} s, {watch.peak / MIB:.0f} MiB"
        )
        assert (found["status"], found["skip_num"], found["total_num"]) == (6, COUNT, COUNT), found
        assert 2 <= found["create_task_num"] <= 4
        assert created <= 60
        assert watch.peak < 200 * MIB
        asked = site.source.counters()
        assert (asked.requests("get|head"), asked.requests("list")) == (0, listings)
        print(f"{listings} listings, {ranges['n']} ranges")
        # A page a thousand keys, and for each range its last page and the probes that cut it off.
        assert listings <= COUNT / 1_000 + 4 * ranges["n"]
        rows = site.rows("SELECT listed FROM share WHERE group_id = %s::uuid", group)
        assert sum(row["listed"] for row in rows) == COUNT
