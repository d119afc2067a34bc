"""Large listings in small memory."""

import threading
import time
from pathlib import Path

import psutil

from tests.e2e.site import opened
from tests.storeserver.config import Synthetic

MIB = 1 << 20
COUNT = 100_000


def test_a_hundred_thousand_unchanged_objects_in_little_memory(tmp_path: Path) -> None:
    same = Synthetic(COUNT, size=100)
    with opened(tmp_path, source={"filled": {"from": same}}, destination={"filled": {"into": same}}) as site:
        peak: dict[int, int] = {}
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                for one in site.processes("worker"):
                    try:
                        peak[one.pid] = max(peak.get(one.pid, 0), one.memory_info().rss)
                    except psutil.Error:
                        continue
                time.sleep(0.05)

        watcher = threading.Thread(target=watch)
        watcher.start()
        began = time.monotonic()
        task_id = site.create()
        ended = site.wait(task_id, seconds=120)
        took = time.monotonic() - began
        done.set()
        watcher.join()
        assert (ended["status"], ended["skipped_num"], ended["successful_num"]) == (5, COUNT, 0), ended
        print(f"{COUNT} skipped in {took:.1f} s, peak RSS {max(peak.values()) / MIB:.0f} MiB")
        assert max(peak.values()) < 200 * MIB
        assert site.source.counters().requests("get|head") == 0
