"""Keys that stop being good in the middle of a run: it ends with the side's code, blames no object, and can go on."""

import asyncio
import hashlib
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.locations import Credentials
from ledger.values import TaskId
from tests.storeserver.config import Account
from tests.storeserver.server import StoreServer
from tests.transfer.world import SPEC, World

LARGE = hashlib.shake_128(b"large").digest(40 << 20)
EXPIRED, DENIED = (400, "ExpiredToken"), (403, "AccessDenied")
CODES = {"source": "TRF.0151", "destination": "TRF.0057"}
NEW = Credentials("new-access-key", SecretStr("new-secret"), SecretStr("new-token"))


def _server(world: World, side: str) -> StoreServer:
    return world.source if side == "source" else world.destination


async def _until_acted(server: StoreServer, fault: int) -> None:
    async with asyncio.timeout(30):
        while not next(one for one in server.faults.all() if one["id"] == fault)["acted"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def _start(world: World, task_id: TaskId) -> None:
    await world.pool.execute(
        "UPDATE task SET status = 2, desired = 'run', fatal_code = NULL, error_code = NULL, running_since = now(),"
        " version = version + 1 WHERE id = %s",
        [task_id],
    )
    await world.run()


@pytest.mark.parametrize("side", ["source", "destination"])
async def test_temporary_keys_that_are_revoked_end_the_run_and_new_ones_go_on(
    world: World, side: str
) -> None:
    for server in (world.source, world.destination):
        server.settings(
            keys={
                "old": Account("old-secret", "old-token"),
                NEW.access_key: Account("new-secret", "new-token"),
            }
        )
    world.stores.keys = Credentials("old", SecretStr("old-secret"), SecretStr("old-token"))
    for n in range(300):
        world.source.put("from", b"%03d" % n, b"x" * 1000)
    world.source.put("from", b"large", LARGE)
    server = _server(world, side)
    fault = server.faults.add(op="get" if side == "source" else "upload_part", after=2, times=1, delay_ms=300)
    task_id = await world.task()
    running = asyncio.create_task(world.run())
    await _until_acted(server, fault.id)
    server.settings(keys={NEW.access_key: Account("new-secret", "new-token")})
    await running
    ended = await world.ended(task_id)
    assert (ended.status, ended.code, ended.tally()[3]) == (4, CODES[side], 0), ended.row

    world.stores.keys = NEW
    await _start(world, task_id)
    again = await world.ended(task_id)
    assert (again.status, again.tally()) == (5, (301, 301, 0, 0)), again.row
    assert world.destination.get("into", b"large") == LARGE
    assert world.destination.uploads("into") == []


@pytest.mark.parametrize(
    ("side", "op", "answer"),
    [
        ("source", "list", EXPIRED),
        ("source", "get", EXPIRED),
        ("source", "get", DENIED),
        ("destination", "list", EXPIRED),
        ("destination", "put", EXPIRED),
        ("destination", "put", DENIED),
        ("destination", "initiate", EXPIRED),
        ("destination", "upload_part", EXPIRED),
        ("destination", "complete", EXPIRED),
    ],
)
async def test_whatever_is_refused_first_no_object_is_blamed(
    world: World, side: str, op: str, answer: tuple[int, str]
) -> None:
    for n in range(20):
        world.source.put("from", b"%03d" % n, b"x")
    world.source.put("from", b"large", LARGE)
    server, (status, code) = _server(world, side), answer
    refused: dict[str, Any] = {"status": status, "code": code}
    first = server.faults.add(op=op, delay_ms=300, **refused)
    task_id = await world.task()
    running = asyncio.create_task(world.run())
    # From the first refusal on everything of that side is refused.
    await _until_acted(server, first.id)
    server.faults.add(**refused)
    await running
    ended = await world.ended(task_id)
    assert (ended.status, ended.tally()[3]) == (4, 0), (ended.row, ended.outcomes)
    if answer == EXPIRED:
        assert ended.code == CODES[side], ended.row
    server.faults.clear()
    await _start(world, task_id)
    again = await world.ended(task_id)
    assert (again.status, again.tally()) == (5, (21, 21, 0, 0)), again.row


async def test_a_refusal_that_the_bucket_does_not_confirm_is_tried_again(world: World) -> None:
    world.source.put("from", b"a", b"x")
    world.source.faults.add(op="get", times=1, status=403, code="InvalidAccessKeyId")
    ended = await world.migrate(SPEC)
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.row


async def test_many_objects_that_are_denied_share_one_look_at_the_bucket(world: World) -> None:
    for n in range(100):
        world.source.put("from", b"%03d" % n, b"x")
    world.source.faults.add(op="get", status=403, code="AccessDenied")
    before = world.source.counters().requests("list")
    ended = await world.migrate(SPEC)
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0154", (100, 0, 0, 100))
    assert world.source.counters().requests("list") - before <= 6
