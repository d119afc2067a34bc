"""Self-polling: a worker looks for work without being told, so a lost message costs seconds only."""

from random import Random

from workers.tasks.repeat import jittered
from workers.tasks.slices import Slices

SOON_SECONDS = 0.2


class Polling:
    """A slice every `seconds`, jittered; at once while work remains, soon after a hint that found none."""

    def __init__(self, slices: Slices, seconds: float, random: Random) -> None:
        self._slices = slices
        self._seconds = seconds
        self._random = random

    async def turn(self) -> float:
        """One slice; seconds until the next."""
        if await self._slices.run():
            return 0.0
        if self._slices.recently_hinted():
            return SOON_SECONDS
        return jittered(self._seconds, self._random)
