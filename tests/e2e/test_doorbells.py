"""Messages alone move a task, polling alone moves a task, and together they begin one within a second."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.site import Site, opened

OBJECTS = 500
REDIS = "redis-server"
MESSAGES_ALONE = {"OMS_POLL_SECONDS": "0"}


def fill(site: Site) -> None:
    for n in range(OBJECTS):
        site.source.put("from", b"%04d" % n, b"%04d" % n * 500)


def assert_all_arrived(site: Site, ended: dict[str, Any]) -> None:
    assert (ended["status"], ended["successful_num"], ended["total_num"]) == (5, OBJECTS, OBJECTS), ended
    site.assert_copied()
    site.assert_adds_up(ended["id"])


def test_messages_alone_bring_a_task_to_its_end(tmp_path: Path) -> None:
    """Polling is off. While Redis stands still nothing is copied, so it is the messages that do it."""
    with opened(tmp_path, environment=MESSAGES_ALONE) as site:
        fill(site)
        began = time.monotonic()
        assert_all_arrived(site, site.wait(site.create(), seconds=30))
        print(f"messages alone: {OBJECTS} objects in {time.monotonic() - began:.1f} s")


def test_without_messages_and_polling_nothing_is_copied_until_messages_come_again(tmp_path: Path) -> None:
    with opened(tmp_path, environment=MESSAGES_ALONE) as site:
        fill(site)
        with standing_still(site):
            task_id = site.create()
            time.sleep(7)
            assert site.source.counters().requests("get") == 0
        assert_all_arrived(site, site.wait(task_id, seconds=45))
        print("nothing in 7 s without messages; all after Redis went on")


@contextmanager
def standing_still(site: Site) -> Iterator[None]:
    """Redis is stopped, and so is one that the supervisor puts in its place."""
    with again_and_again(lambda: site.kill(REDIS, signal.SIGSTOP)):
        yield
    site.kill(REDIS, signal.SIGCONT)


@contextmanager
def killed(site: Site) -> Iterator[None]:
    """No Redis lives longer than a moment."""
    with again_and_again(lambda: site.kill(REDIS, signal.SIGKILL)):
        yield


@contextmanager
def again_and_again(act: Callable[[], object]) -> Iterator[None]:
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(0.1):
            try:
                act()
            except psutil.NoSuchProcess:
                continue

    act()
    acting = threading.Thread(target=repeat)
    acting.start()
    try:
        yield
    finally:
        over.set()
        acting.join()


@pytest.mark.parametrize("dead", [killed, standing_still])
def test_polling_alone_brings_a_task_to_its_end(tmp_path: Path, dead) -> None:  # type: ignore[no-untyped-def]
    with opened(tmp_path) as site:
        fill(site)
        with dead(site):
            began = time.monotonic()
            ended = site.wait(site.create(), seconds=40)
            took = time.monotonic() - began
        assert_all_arrived(site, ended)
        print(f"Redis {dead.__name__}: {OBJECTS} objects in {took:.1f} s")


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
