"""The sign of life of a worker: its row, and how many workers live (shares of limits are divided by that)."""

from typing import Protocol

PULSE_SECONDS = 5.0


class Roll(Protocol):
    """The ledger's list of living workers."""

    async def heartbeat(self) -> int:
        """Renews this worker's row; how many are alive, this one included."""
        ...

    async def farewell(self) -> None:
        """Takes this worker's row away."""
        ...


class Pulse:
    """Keeps the row fresh. `alive` is as of the last beat that reached the ledger."""

    def __init__(self, roll: Roll) -> None:
        self._roll = roll
        self.alive = 1

    async def turn(self) -> float:
        """One beat; seconds until the next."""
        self.alive = max(1, await self._roll.heartbeat())
        return PULSE_SECONDS

    async def farewell(self) -> None:
        """The shares of the others grow at once."""
        await self._roll.farewell()
