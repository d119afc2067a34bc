"""The relay: what a commit left in the outbox is passed on, and only then marked as sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

RELAY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Waking:
    """An outbox row that says a task waits for the dispatcher."""

    id: int
    task_id: int


class Outbox(Protocol):
    """The unsent rows of the ledger. Two relays may see the same row: a doorbell may ring twice."""

    async def unsent(self) -> Sequence[Waking]: ...
    async def mark_sent(self, ids: Sequence[int]) -> None: ...


class Relay:
    """Wakes the dispatcher of this process; those of the others look by themselves."""

    def __init__(self, outbox: Outbox, wake: Callable[[], None]) -> None:
        self._outbox = outbox
        self._wake = wake

    async def turn(self) -> float:
        """Passes on what is there; seconds until the next turn."""
        rows = await self._outbox.unsent()
        if rows:
            self._wake()
            await self._outbox.mark_sent([row.id for row in rows])
        return RELAY_SECONDS
