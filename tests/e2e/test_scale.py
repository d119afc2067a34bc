"""More unchanged objects than a list takes lines: in small memory, and in two files of the skip list."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from tests.e2e.site import Site, opened
from tests.storeserver.config import Synthetic

MIB = 1 << 20
LINES_PER_FILE = 100_000
COUNT = LINES_PER_FILE + 2_000


@dataclass
class Migrated:
    """A task at its end, and the most memory that a worker took."""

    site: Site
    task: dict[str, Any]
    peak: int


@contextmanager
def watched(site: Site) -> Iterator[dict[int, int]]:
    """The most bytes that each worker has in memory, by its process."""
    peak: dict[int, int] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for one in site.processes("worker"):
                try:
                    peak[one.pid] = max(peak.get(one.pid, 0), one.memory_info().rss)
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migrated]:
    """Both sides hold the same."""
    same = Synthetic(COUNT, size=100)
    root = tmp_path_factory.mktemp("scale")
    with opened(root, source={"filled": {"from": same}}, destination={"filled": {"into": same}}) as site:
        began = time.monotonic()
        with watched(site) as peak:
            task = site.wait(site.create(), seconds=120)
        took = time.monotonic() - began
        print(f"{COUNT} skipped in {took:.1f} s, peak RSS {max(peak.values()) / MIB:.0f} MiB")
        yield Migrated(site, task, max(peak.values()))


def test_a_hundred_thousand_unchanged_objects_in_little_memory(migrated: Migrated) -> None:
    ended = migrated.task
    assert (ended["status"], ended["skipped_num"], ended["successful_num"]) == (5, COUNT, 0), ended
    assert migrated.peak < 200 * MIB
    assert migrated.site.source.counters().requests("get|head") == 0


def test_more_than_a_hundred_thousand_skips_roll_into_a_second_file(migrated: Migrated) -> None:
    ended, destination = migrated.task, migrated.site.destination
    assert (ended["total_num"], ended["skipped_num"], ended["failed_num"]) == (COUNT, COUNT, 0)
    folder = f"oms/task/{ended['name']}/skip_object_lists/".encode()
    files = [key for key in destination.keys("into") if key.startswith(folder)]
    bodies = [destination.get("into", key) for key in files]
    counts = [body.count(b"\n") for body in bodies]
    keys = sorted(line.split(b"\t")[1] for body in bodies for line in body.splitlines())
    print(f"{COUNT} skips in files of {counts} lines")
    # Segments are never cut, so a file ends with the last one that fits.
    assert (len(counts), sum(counts)) == (2, COUNT)
    assert LINES_PER_FILE - 1_000 < counts[0] <= LINES_PER_FILE
    assert keys == [b"obj-%08d" % n for n in range(COUNT)]
