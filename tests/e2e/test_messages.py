"""Messages that come twice, never, or a week late change nothing but time (P-22)."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from tests.e2e.site import Site, opened

OBJECTS = 400
QUEUES = ("high", "medium", "low", "control")


def as_sent(client: redis.Redis) -> None:
    """Every message once."""


def threefold(client: redis.Redis) -> None:
    """Whatever waits in a queue waits there three times."""
    for queue in QUEUES:
        for message in client.lrange(queue, 0, 2):
            client.rpush(queue, message, message)
            client.ltrim(queue, 0, 200)


def lost(client: redis.Redis) -> None:
    """No message is there for long."""
    client.flushall()


@contextmanager
def meddling(site: Site, act: Callable[[redis.Redis], None]) -> Iterator[None]:
    """`act` again and again."""
    over = threading.Event()
    url = site.processes("cli.main worker")[0].environ()["OMS_REDIS_URL"]

    def repeat() -> None:
        with redis.Redis.from_url(url) as client:
            while not over.wait(0.02):
                act(client)

    acting = threading.Thread(target=repeat)
    acting.start()
    try:
        yield
    finally:
        over.set()
        acting.join()


def filled(site: Site) -> None:
    for n in range(OBJECTS):
        site.source.put("from", b"%04d" % n, b"%d" % n * 50)


def accounting(site: Site, task_id: int) -> dict[str, Any]:
    """What the task shows and what its ledger holds, times left out."""
    shown = site.task(task_id)
    names = (
        "status",
        "total_num",
        "successful_num",
        "failed_num",
        "skipped_num",
        "complete_size",
        "error_reason",
    )
    lists = site.rows("SELECT kind, lines, bytes FROM record WHERE task_id = %s", task_id)
    return {name: shown.get(name) for name in names} | {"lists": lists}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One installation: each task copies everything anew."""
    with opened(tmp_path_factory.mktemp("messages")) as site:
        filled(site)
        yield site


def begin(site: Site, **more: Any) -> int:
    return site.create(object_overwrite_mode="FULL_OVERWRITE", **more)


@pytest.mark.parametrize("act", [as_sent, threefold, lost])
def test_doubled_and_lost_messages_change_nothing(site: Site, act: Callable[[redis.Redis], None]) -> None:
    with meddling(site, act):
        task_id = begin(site)
        site.wait(task_id, seconds=60)
    found = accounting(site, task_id)
    assert found["lists"] == [{"kind": "ok", "lines": OBJECTS, "bytes": found["complete_size"]}]
    assert (found["status"], found["total_num"], found["successful_num"]) == (5, OBJECTS, OBJECTS)
    site.assert_copied()
    site.assert_adds_up(task_id)


def test_messages_of_last_week_change_nothing(site: Site) -> None:
    """They name tasks that have ended, that are paused, that are gone, and one that never was."""
    few = site.request()["src_node"] | {"object_key": ["00"]}
    ended, deleted = begin(site), begin(site, src_node=few)
    for one in (ended, deleted):
        site.wait(one)
    site.engine.call("DELETE", f"/tasks/{deleted}")
    url = site.processes("cli.main worker")[0].environ()["OMS_REDIS_URL"]
    slow = site.source.faults.add(op="get", delay_ms=300)
    paused = begin(site)
    site.wait(paused, 2)
    site.engine.call("POST", f"/tasks/{paused}/stop")
    site.wait(paused, 3, seconds=30)
    site.source.faults.remove(slow)
    before = [accounting(site, one) for one in (ended, paused)]
    epochs = "SELECT id, epoch, state FROM unit ORDER BY id"
    units = site.rows(epochs)
    with redis.Redis.from_url(url) as client:
        for task_id in (ended, deleted, paused, 12345, None) * 4:
            client.lpush("high", week_old(task_id))
        site_idle(client)
    assert [accounting(site, one) for one in (ended, paused)] == before
    assert site.rows(epochs) == units
    site.start(paused)
    assert site.wait(paused)["status"] == 5
    site.assert_copied()
    site.assert_adds_up(paused)


def week_old(task_id: int | None) -> bytes:
    """A message as Celery left it in Redis a week ago."""
    body = base64.b64encode(json.dumps([[], {"task_id": task_id}, {}]).encode()).decode()
    sent = f"00000000-0000-4000-8000-{abs(hash(task_id)) % 10**12:012d}"
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - 7 * 86400))
    return json.dumps({
        "body": body, "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"lang": "py", "task": "workers.tasks.slice", "id": sent, "root_id": sent, "parent_id": None,
                    "group": None, "retries": 0, "eta": None, "expires": None, "stamped_at": at},
        "properties": {"correlation_id": sent, "reply_to": sent, "delivery_mode": 2, "priority": 0,
                       "delivery_info": {"exchange": "", "routing_key": "high"}, "body_encoding": "base64",
                       "delivery_tag": sent},
    }).encode()  # fmt: skip


def site_idle(client: redis.Redis) -> None:
    """Every message has been taken."""
    deadline = time.monotonic() + 30
    while client.llen("high"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(3)
