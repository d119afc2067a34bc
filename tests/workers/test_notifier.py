"""Notifications leave at least once, a bounded number of times, and by the wire's rules."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from connectors.endpoints import Endpoints
from connectors.wire import Wire
from engine.notices import Language, Letter, Notice, Trigger, letter
from ledger.notices import Due, Notices, notify_ended
from ledger.notifications import Kind, Wish
from ledger.pool import Pool
from workers.tasks.couriers import Mails, NotDelivered, Webhooks
from workers.tasks.notifier import LONGEST_PAUSE, MOST_TRIES, Notifier, pause

NOTICE = Notice("task", Trigger.SUCCESS, "a-b-1", 1_700_000_000_000, 3_723_000, 77_164_544, "a", "b")
URN = "urn:smn:r:p:t"


class Courier:
    """Remembers what it was given and fails as told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.keys: list[str] = []

    async def deliver(self, address: str, due: Due, written: Letter) -> None:
        self.keys.append(due.key)
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
async def pool(database_url: str) -> Any:
    """A ledger with a task that wants to be told, and a topic."""
    pool = Pool(database_url)
    await pool.execute("INSERT INTO domain VALUES ('d', 'd')")
    await pool.execute("INSERT INTO project (id, domain_id, name) VALUES ('p', 'd', 'p'), ('q', 'd', 'q')")
    await pool.execute("INSERT INTO topic (urn, project_id, target) VALUES (%s, 'p', 'http://hook/')", [URN])
    await pool.execute(
        "INSERT INTO task (id, project_id, name, task_type, region, spec, status)"
        " VALUES (1, 'p', 'a-b-1', 'prefix', 'r', '{}', 5)"
    )
    await pool.execute("INSERT INTO run (task_id, run_no) VALUES (1, 1)")
    wish = (
        f'{{"topic_urn": "{URN}", "triggers": ["SUCCESS"], "language": "en-us", "template": "", "name": "a-b-1",'
        ' "source_bucket": "a", "destination_bucket": "b", "list_bucket": "", "list_key": ""}'
    )
    await pool.execute(
        "INSERT INTO notification (kind, owner, project_id, config) VALUES ('task', '1', 'p', %s::jsonb)",
        [wish],
    )
    yield pool
    await pool.close()


async def end(pool: Pool, trigger: Trigger = Trigger.SUCCESS, key: str = "one") -> None:
    await pool.in_transaction(lambda connection: notify_ended(connection, Kind.TASK, "1", trigger, key))


async def rewind(pool: Pool) -> None:
    await pool.execute("UPDATE outbox SET not_before = 'epoch'")


async def result(pool: Pool) -> Any:
    row = await pool.fetch_one("SELECT result FROM notification")
    return None if row is None else row["result"]


def notifier(pool: Pool, courier: Courier) -> Notifier:
    return Notifier(Notices(pool), {"http": courier})


async def test_an_end_is_told_once_however_often_it_is_posted(pool: Pool) -> None:
    await end(pool)
    await end(pool)
    courier = Courier()
    for _ in range(3):
        await notifier(pool, courier).turn()
    assert courier.keys == ["notice:one"]
    assert await result(pool) == {"sent": True, "code": "", "topic": ""}


async def test_a_notifier_that_dies_leaves_its_message_to_the_others(pool: Pool) -> None:
    await end(pool)
    (lost,) = await Notices(pool).claim()
    courier = Courier()
    await notifier(pool, courier).turn()
    assert courier.keys == [], "it was claimed a moment ago"
    await rewind(pool)
    await notifier(pool, courier).turn()
    assert courier.keys == [lost.key]


async def test_two_notifiers_at_once_send_one_message_once(pool: Pool) -> None:
    await end(pool)
    courier = Courier()
    await asyncio.gather(*(notifier(pool, courier).turn() for _ in range(8)))
    assert len(courier.keys) == 1


async def test_tries_have_an_end_and_the_last_failure_stays(pool: Pool) -> None:
    await end(pool)
    courier = Courier(*(NotDelivered("OMS.0161") for _ in range(50)))
    for _ in range(MOST_TRIES + 3):
        await notifier(pool, courier).turn()
        await rewind(pool)
    assert courier.keys == ["notice:one"] * MOST_TRIES
    assert await result(pool) == {"sent": False, "code": "OMS.0161", "topic": URN}
    assert [pause(n) for n in range(1, 4)] == [2, 4, 8]
    assert pause(30) == LONGEST_PAUSE


async def test_what_breaks_unexpectedly_is_a_failure_with_a_code_and_tried_again(pool: Pool) -> None:
    await end(pool)
    courier = Courier(RuntimeError("x"))
    await notifier(pool, courier).turn()
    assert await result(pool) == {"sent": False, "code": "OMS.0156", "topic": URN}
    await rewind(pool)
    await notifier(pool, courier).turn()
    assert await result(pool) == {"sent": True, "code": "", "topic": ""}


async def test_a_later_end_is_told_too_and_hides_the_earlier_result(pool: Pool) -> None:
    await end(pool)
    await notifier(pool, Courier()).turn()
    await end(pool, key="two")
    assert await result(pool) is None
    late = Courier()
    await notifier(pool, late).turn()
    assert late.keys == ["notice:two"]


async def test_the_result_of_an_earlier_end_never_shows_for_a_later_one(pool: Pool) -> None:
    await end(pool)
    (slow,) = await Notices(pool).claim()
    await end(pool, Trigger.FAILURE, key="two")
    await rewind(pool)
    await notifier(pool, Courier()).turn()
    assert slow.key == "notice:one"
    assert await result(pool) is None


async def test_nobody_is_told_what_was_not_asked_for(pool: Pool) -> None:
    await end(pool, Trigger.FAILURE)
    assert await Notices(pool).claim() == []


async def test_a_topic_of_another_project_is_not_ours_to_use(pool: Pool) -> None:
    await pool.execute("UPDATE topic SET project_id = 'q'")
    await end(pool)
    courier = Courier()
    await notifier(pool, courier).turn()
    assert courier.keys == []
    assert (await result(pool))["code"] == "OMS.0158"


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1/", "http://[::1]:1/", "http://10.0.0.1/", "http://169.254.169.254/latest/"],
)
async def test_private_addresses_that_nobody_named_are_never_dialled(address: str) -> None:
    async with Wire() as wire:
        with pytest.raises(NotDelivered) as refused:
            await Webhooks(wire, Endpoints()).deliver(address, due(), letter(NOTICE, Language.EN_US))
    assert (refused.value.code, refused.value.final) == ("OMS.0158", True)


async def test_without_a_mail_server_no_mail_is_promised() -> None:
    with pytest.raises(NotDelivered) as refused:
        await Mails(None).deliver("mailto:a@b", due(), letter(NOTICE, Language.EN_US))
    assert refused.value.final


def due(**changes: Any) -> Due:
    wish = Wish(URN, ("SUCCESS",), "en-us", "", "a-b-1", "a", "b")
    values: Mapping[str, Any] = {
        "id": 1, "key": "notice:one", "kind": Kind.TASK, "owner": "1", "project_id": "p", "wish": wish,
        "notice": NOTICE, "attempts": 1,
    }  # fmt: skip
    return Due(**{**values, **changes})


@pytest.mark.check(99)
def test_values_are_written_for_people() -> None:
    filled = letter(NOTICE, Language.EN_US).variables
    assert filled["Start_Time"] == "2023-11-14 22:13:20"
    assert filled["Total_Time_Used"] == "1h 2m 3s"
    assert (filled["Transferred_Data"], filled["Average_Speed"]) == ("73.59 MB", "20.24 KB/s")
    assert (filled["List_File_Key"], filled["Failed_object_list_path"]) == ("-", "-")
