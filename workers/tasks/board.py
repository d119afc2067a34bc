"""The ledger as dispatcher, relay, pulse and stores see it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from connectors.locations import Credentials
from engine.failures import Side
from ledger import credentials, dispatch, group_turns, sync_credentials
from ledger.dispatch import Due
from ledger.outbox import WAKE
from ledger.pool import Pool, fetch_one
from ledger.values import TaskId
from workers.tasks.relay import Waking
from workers.tasks.stores import Keyring

# Any constant will do; it is the dispatcher's among the advisory locks of the database.
_ELECTION = 7_105_001
_UNSENT = """
SELECT id, (payload ->> 'task_id')::bigint AS task_id FROM outbox
 WHERE sent_at IS NULL AND topic = %(topic)s ORDER BY id LIMIT 1000"""
_SENT = "UPDATE outbox SET sent_at = clock_timestamp() WHERE id = ANY(%(ids)s) AND sent_at IS NULL"


class LedgerBoard:
    """A `Board` over one pool."""

    def __init__(self, pool: Pool, slots: int) -> None:
        self._pool = pool
        self._slots = slots

    @asynccontextmanager
    async def election(self) -> AsyncIterator[bool]:
        """The lock ends with its transaction, so a dead holder blocks nobody."""
        async with self._pool.transaction() as connection:
            row = await fetch_one(connection, "SELECT pg_try_advisory_xact_lock(%s) AS won", (_ELECTION,))
            yield row is not None and row["won"]

    async def promote(self) -> Sequence[Due]:
        """Waiting tasks into free slots."""
        return await dispatch.promote(self._pool, self._slots)

    async def settle(self) -> bool:
        """Closes what has drained, groups included, and tells whether more is draining."""
        await dispatch.settle(self._pool)
        hurried = await group_turns.take_turn(self._pool)
        return bool(await self._pool.fetch_all(dispatch.DRAINING)) or hurried

    async def expire_waiting(self) -> None:
        """Ends what waited too long."""
        await dispatch.expire_waiting(self._pool)

    async def due(self) -> Sequence[Due]:
        """Running tasks with something to claim."""
        return await dispatch.due(self._pool)

    async def workers(self) -> int:
        """Those with a sign of life."""
        return await dispatch.live_workers(self._pool)


class LedgerOutbox:
    """An `Outbox` over one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def unsent(self) -> Sequence[Waking]:
        """Rows of the topic that wakes."""
        rows = await self._pool.fetch_all(_UNSENT, {"topic": WAKE})
        return [Waking(row["id"], row["task_id"]) for row in rows]

    async def mark_sent(self, ids: Sequence[int]) -> None:
        """These have been passed on."""
        await self._pool.execute(_SENT, {"ids": list(ids)})


class LedgerRoll:
    """A `Roll` over one pool."""

    def __init__(self, pool: Pool, name: str) -> None:
        self._pool = pool
        self._name = name
        self._instance = uuid4()

    async def heartbeat(self) -> int:
        """Renews the row and counts."""
        await dispatch.heartbeat(self._pool, self._name, self._instance)
        return await dispatch.live_workers(self._pool)

    async def farewell(self) -> None:
        """Takes the row away."""
        await dispatch.farewell(self._pool, self._name)


def open_keyring(pool: Pool) -> Keyring:
    """Reads the sealed credentials of a task. Raises SealError or SettingsError when there is no master key."""
    credentials.open_ring()

    # The key file is read again each time, so a key added to it needs no restart.
    async def find(task_id: TaskId) -> Mapping[Side, Credentials]:
        return await credentials.find(pool, task_id) or await sync_credentials.find(pool, task_id)

    return find
