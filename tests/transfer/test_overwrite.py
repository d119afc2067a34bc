"""The overwrite modes against real stores: the whole truth table, and writes that must not happen."""

from dataclasses import replace

import pytest

from engine.spec import OverwriteMode
from tests.transfer.world import SPEC, World

S_BODY, SAME, OTHER = b"source body", b"SOURCE BODY", b"other size at the destination"
MODES = OverwriteMode
# mode -> (absent, same size and time, other size and newer, older, newer): does the source's body arrive?
TABLE = {
    MODES.NO_OVERWRITE: (True, False, False, False, False),
    MODES.SIZE_LAST_MODIFIED: (True, False, True, True, False),
    MODES.CRC64: (True, False, True, True, False),
    MODES.FULL_OVERWRITE: (True, True, True, True, True),
}
STATES = {
    "absent": None,
    "same": (SAME, 0.0),
    "other_size": (OTHER, 50.0),
    "older": (SAME, -50.0),
    "newer": (SAME, 50.0),
}
AT = 1_700_000_000.0


@pytest.mark.check(25, 26, 27, 28, 29)
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("mode", list(MODES))
async def test_the_truth_table(world: World, mode: OverwriteMode, conditional: bool) -> None:
    world.destination.create_bucket("into", conditional_writes=conditional)
    for name, there in STATES.items():
        world.source.put("from", name.encode(), S_BODY, modified=AT)
        if there is not None:
            body, delta = there
            world.destination.put("into", name.encode(), body, modified=AT + delta)
    ended = await world.migrate(replace(SPEC, overwrite=mode))
    assert ended.status == 5, ended.outcomes
    arrived = tuple(world.destination.get("into", name.encode()) == S_BODY for name in STATES)
    assert arrived == TABLE[mode]
    assert ended.tally() == (5, sum(arrived), 5 - sum(arrived), 0)
    if mode is MODES.NO_OVERWRITE:
        word = b"consistent (strong)" if conditional else b"consistent (weak)"
        assert [line.split(b"\t")[5] for line in world.records("success")] == [word]


async def test_an_object_that_appears_after_the_listing_is_not_overwritten(world: World) -> None:
    """The destination's listing is empty, then somebody writes the key before our PUT."""
    world.source.put("from", b"race", S_BODY)
    world.source.faults.add(op="get", delay_ms=700)
    task_id = await world.task(replace(SPEC, overwrite=MODES.NO_OVERWRITE))
    import asyncio

    running = asyncio.create_task(world.run())
    await asyncio.sleep(0.4)
    world.destination.put("into", b"race", OTHER)
    await running
    ended = await world.ended(task_id)
    assert (ended.status, ended.tally()) == (5, (1, 0, 1, 0))
    assert world.destination.get("into", b"race") == OTHER
