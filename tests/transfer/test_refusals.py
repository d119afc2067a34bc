"""Keys, buckets and permissions that are wrong: the task ends with the code of the right side (OMS 6.2)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.locations import Credentials
from engine.spec import TaskType
from tests.transfer.world import AK, SK, SPEC, World


def filled(world: World, count: int = 3) -> None:
    for n in range(count):
        world.source.put("from", b"dir/%03d" % n, b"body")


def denied(world: World, side: str, op: str, prefix: str = "") -> None:
    server = world.source if side == "source" else world.destination
    server.settings(policies={AK: {"deny": [{"op": op, "prefix": prefix}]}})


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda w: w.source.settings(keys={AK: "another-secret"}), "TRF.0151"),
        (lambda w: w.destination.settings(keys={AK: "another-secret"}), "TRF.0057"),
        (lambda w: w.source.settings(keys={"another-key": SK}), "TRF.0151"),
        (lambda w: w.destination.settings(keys={"another-key": SK}), "TRF.0057"),
        (lambda w: denied(w, "source", "list"), "TRF.0031"),
        (lambda w: denied(w, "source", "read"), "TRF.0154"),
        (lambda w: denied(w, "destination", "list"), "TRF.0051"),
        (lambda w: denied(w, "destination", "write", "dir/"), "TRF.0054"),
        (lambda w: w.source.create_bucket("from", requester_pays=True), "TRF.0152"),
    ],
    ids=[
        "source secret", "destination secret", "source key", "destination key", "source list", "source read",
        "destination list", "destination write", "requester pays",
    ],
)  # fmt: skip
async def test_the_reason_names_side_and_cause(
    world: World, spoil: Callable[[World], Any], code: str
) -> None:
    filled(world)
    spoil(world)
    ended = await world.migrate()
    assert (ended.status, ended.code) == (4, code), ended.row
    assert world.data_keys() == []


@pytest.mark.parametrize(("side", "code"), [("source", "TRF.0155"), ("destination", "TRF.0058")])
async def test_a_bucket_that_is_not_there(world: World, side: str, code: str) -> None:
    node = getattr(SPEC, side)
    ended = await world.migrate(replace(SPEC, **{side: replace(node, bucket="missing-bucket")}))
    assert (ended.status, ended.code) == (4, code), ended.row


@pytest.mark.parametrize(
    ("task_type", "names", "code"),
    [
        (TaskType.OBJECT, ("gone",), "TRF.0024"),
        (TaskType.OBJECT, ("gone/",), "TRF.0024"),
        (TaskType.OBJECT, ("dir/", "gone"), "TRF.0024"),
        (TaskType.PREFIX, ("nothing",), "TRF.0025"),
    ],
)
async def test_names_that_match_nothing(
    world: World, task_type: TaskType, names: tuple[str, ...], code: str
) -> None:
    filled(world)
    source = replace(SPEC.source, object_keys=names)
    ended = await world.migrate(replace(SPEC, task_type=task_type, source=source))
    assert (ended.status, ended.code) == (4, code), ended.row


async def test_an_empty_bucket_has_nothing_to_migrate(world: World) -> None:
    ended = await world.migrate()
    assert (ended.status, ended.code) == (4, "TRF.0012")


@pytest.mark.check(17)
async def test_one_unreadable_object_fails_alone(world: World) -> None:
    filled(world)
    denied(world, "source", "read", "dir/001")
    ended = await world.migrate()
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", (3, 2, 0, 1))
    (line,) = world.records("failed")
    code, _, encoded, raw, detail = line.split(b"\t")
    assert (code, encoded, raw) == (b"SRC_OBJ_ACCESS_DENIED", b"dir/001", b"dir/001")
    assert detail.startswith(b"TRF.0154 403 AccessDenied")


@pytest.mark.check(24)
async def test_a_record_that_may_not_be_written_is_told(world: World) -> None:
    filled(world)
    denied(world, "destination", "write", "oms/")
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (3, 3, 0, 0))
    run = await world.pool.fetch_one("SELECT * FROM run")
    assert run is not None
    assert run["success_record_error"] == "S3M.0310"


async def test_credentials_that_are_refused_in_the_middle_fail_no_object(world: World) -> None:
    filled(world, 300)
    world.source.faults.add(after=50, status=403, code="InvalidAccessKeyId")
    ended = await world.migrate()
    assert (ended.status, ended.code) == (4, "TRF.0151")
    assert ended.tally()[3] == 0
    world.source.faults.clear()
    world.stores.keys = Credentials(AK, SecretStr(SK))
    await world.pool.execute(
        "UPDATE task SET status = 2, desired = 'run', fatal_code = NULL, error_code = NULL, running_since = now()"
    )
    await world.run()
    again = await world.ended(ended.row["id"])
    assert (again.status, again.tally()) == (5, (300, 300, 0, 0))
