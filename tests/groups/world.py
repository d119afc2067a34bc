"""Groups in the transfer's world: real stores, workers and ledger, and the dispatcher's turns beside them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.group_states import GroupType
from engine.spec import ListFile, TaskSpec, TaskType, to_json
from ledger import group_actions, sessions
from ledger.dispatch import promote, settle
from ledger.group_actions import LockedGroup
from ledger.group_turns import take_turn
from ledger.values import TaskId
from tests.transfer.world import SPEC, World

TERA = 1 << 40
_FIRST_SCANNER = 900_000


@dataclass(slots=True)
class GroupWorld:
    """A `World` with groups in it."""

    world: World
    database_url: str
    scanners: int = _FIRST_SCANNER
    slots: int = 5

    async def group(self, spec: TaskSpec = SPEC, *, objects: int = 100_000, size: int = TERA) -> str:
        """A group as the API leaves it: its row in status 0, its scanner waiting."""
        self.scanners += 1
        group, scanner, stored = str(uuid.uuid4()), self.scanners, Jsonb(to_json(spec))
        pool = self.world.pool
        await pool.execute(
            "INSERT INTO task (id, project_id, group_id, name, task_type, region, spec, scanner)"
            " VALUES (%s, 'p1', %s, 'scanner', %s, %s, %s, true)",
            [scanner, group, spec.task_type.value, spec.destination.region, stored],
        )
        await pool.execute("INSERT INTO run (task_id, run_no) VALUES (%s, 1)", [scanner])
        await pool.execute(
            "INSERT INTO task_group (id, project_id, scanner_id, task_type, region, spec, task_objects, task_bytes)"
            " VALUES (%s, 'p1', %s, %s, %s, %s, %s, %s)",
            [group, scanner, GroupType(spec.task_type.value.upper()).value, spec.destination.region, stored,
             objects, size],
        )  # fmt: skip
        return group

    async def row(self, group: str) -> dict[str, Any]:
        """The group itself."""
        found = await self.world.pool.fetch_one("SELECT * FROM task_group WHERE id = %s::uuid", [group])
        assert found is not None
        return found

    async def members(self, group: str) -> list[dict[str, Any]]:
        """Its tasks in the order of their making."""
        return await self.world.pool.fetch_all(
            "SELECT * FROM task WHERE group_id = %s::uuid AND NOT scanner ORDER BY created_at, id", [group]
        )

    async def figures(self, group: str) -> dict[str, int]:
        """The sums over all its tasks."""
        found = await self.world.pool.fetch_one(
            "SELECT sum(c.listed)::bigint AS listed, sum(c.listed) FILTER (WHERE NOT t.scanner)::bigint AS created,"
            " sum(c.ok)::bigint AS ok, sum(c.skip)::bigint AS skip, sum(c.fail)::bigint AS fail"
            " FROM task t JOIN counter c ON c.task_id = t.id AND c.run_no = t.run_no WHERE t.group_id = %s::uuid",
            [group],
        )
        return found or {}

    async def states(self, group: str) -> list[int]:
        """Every status that it has taken, in order."""
        rows = await self.world.pool.fetch_all(
            "SELECT (detail ->> 'status')::int AS status FROM audit WHERE resource = %s AND detail ? 'status'"
            " ORDER BY id", [f"group:{group}"],
        )  # fmt: skip
        return [0, *(row["status"] for row in rows)]

    async def turn(self) -> None:
        """What the dispatcher does once a second."""
        await settle(self.world.pool)
        await take_turn(self.world.pool)
        await promote(self.world.pool, self.slots)

    async def until(
        self, group: str, happy: Callable[[], Awaitable[bool]], *, seconds: float = 60.0, workers: int = 1
    ) -> None:
        """Lets dispatcher and workers go until `happy`."""
        crew = [self.world.worker(f"w{number}") for number in range(workers)]
        dispatcher = asyncio.create_task(self._dispatch())
        slices = [asyncio.create_task(_work(worker)) for worker in crew]
        try:
            async with asyncio.timeout(seconds):
                while not await happy():
                    broken = [one for one in (dispatcher, *slices) if one.done()]
                    assert not broken, broken
                    await asyncio.sleep(0.05)
        finally:
            for one in (dispatcher, *slices):
                one.cancel()
            await asyncio.gather(dispatcher, *slices, return_exceptions=True)
            for worker in crew:
                await worker.stop()

    async def run(self, group: str, *statuses: int, seconds: float = 60.0, workers: int = 1) -> int:
        """Until the group is in one of these statuses (4, 5 or 6 when none is named)."""
        wanted = statuses or (4, 5, 6)

        async def there() -> bool:
            return (await self.row(group))["status"] in wanted

        await self.until(group, there, seconds=seconds, workers=workers)
        return int((await self.row(group))["status"])

    async def ended(self, task_id: int) -> Any:
        """How one of its tasks ended."""
        return await self.world.ended(TaskId(task_id))

    async def change(self, group: str, act: Callable[[AsyncConnection, LockedGroup], Awaitable[Any]]) -> None:
        """What a call does to a group, in a transaction as the API opens it."""
        engine = sessions.create_engine(self.database_url, size=1)
        async with engine.begin() as connection:
            locked = await group_actions.lock(connection, "p1", group)
            assert locked is not None
            await act(connection, locked)
        await engine.dispose()

    async def _dispatch(self) -> None:
        while True:
            await self.turn()
            await asyncio.sleep(0.1)


async def _work(worker: Any) -> None:
    while True:
        await worker.run_slice(60.0)
        await asyncio.sleep(0.05)


def of_lists(folder: str = "lists/") -> TaskSpec:
    """A group over the lists of a folder in the destination bucket."""
    source = replace(SPEC.source, object_keys=(), list_file=ListFile("into", folder))
    return replace(SPEC, task_type=TaskType.LIST, source=source)
