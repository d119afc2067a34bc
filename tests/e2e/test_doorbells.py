"""Messages alone move a task, and polling alone moves a task."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from tests.e2e.site import Site, opened

OBJECTS = 500
REDIS = "redis-server"
MESSAGES_ALONE = {"OMS_POLL_SECONDS": "0"}


@pytest.fixture(scope="module")
def without_polling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(tmp_path_factory.mktemp("messages"), environment=MESSAGES_ALONE) as site:
        yield site


@pytest.fixture(scope="module")
def with_polling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(tmp_path_factory.mktemp("polling")) as site:
        yield site


def begin(site: Site) -> int:
    """A task that has everything to do, whatever an earlier one has left."""
    site.source.reset_counters()
    return site.create(object_overwrite_mode="FULL_OVERWRITE")


def fill(site: Site) -> None:
    for n in range(OBJECTS):
        site.source.put("from", b"%04d" % n, b"%04d" % n * 500)


def assert_all_arrived(site: Site, ended: dict[str, Any]) -> None:
    assert (ended["status"], ended["successful_num"], ended["total_num"]) == (5, OBJECTS, OBJECTS), ended
    site.assert_copied()
    site.assert_adds_up(ended["id"])


def test_messages_alone_bring_a_task_to_its_end(without_polling: Site) -> None:
    """Polling is off. While Redis stands still nothing is copied, so it is the messages that do it."""
    site = without_polling
    fill(site)
    began = time.monotonic()
    assert_all_arrived(site, site.wait(begin(site), seconds=30))
    print(f"messages alone: {OBJECTS} objects in {time.monotonic() - began:.1f} s")


def test_without_messages_and_polling_nothing_is_copied_until_messages_come_again(
    without_polling: Site,
) -> None:
    site = without_polling
    fill(site)
    with standing_still(site):
        task_id = begin(site)
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


@pytest.mark.parametrize("dead", [standing_still, killed])
def test_polling_alone_brings_a_task_to_its_end(with_polling: Site, dead) -> None:  # type: ignore[no-untyped-def]
    site = with_polling
    fill(site)
    with dead(site):
        began = time.monotonic()
        ended = site.wait(begin(site), seconds=40)
        took = time.monotonic() - began
    assert_all_arrived(site, ended)
    print(f"Redis {dead.__name__}: {OBJECTS} objects in {took:.1f} s")
