"""The gatherer: once a second, what events wait for becomes batches, and workers are told (oms-behaviour 6.1)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ledger.dispatch import Due
from workers.broker.app import QueueName
from workers.tasks.dispatcher import Bell

TURN_SECONDS: Final = 1.0


class Gatherer:
    """One per worker; `gather` lets them take turns, `bury` ends what met a fatal error."""

    def __init__(
        self,
        gather: Callable[[], Awaitable[Sequence[Due]]],
        bury: Callable[[], Awaitable[None]],
        bell: Bell,
    ) -> None:
        self._gather = gather
        self._bury = bury
        self._bell = bell

    async def turn(self) -> float:
        """Makes batches of what waits; seconds until the next turn."""
        await self._bury()
        for batch in await self._gather():
            await self._bell.ring(QueueName.of_priority(batch.priority).value, batch.task_id)
        return TURN_SECONDS
