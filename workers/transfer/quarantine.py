"""Who may be at work beside a suspect in one process: nobody, so that a death then has one cause."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Quarantine:
    """Shared by all tasks of a process. What is inside ends soon: a small object, or one part of a large one.

    Each `open` that was True, each `enter` and `enter_now` is followed by exactly one `leave`.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._suspect = asyncio.Lock()

    def open(self) -> bool:
        """Come in, unless a suspect is at work or waits for its turn."""
        if self._suspect.locked():
            return False
        self.enter_now()
        return True

    async def enter(self) -> None:
        """Come in, after a suspect that is at work or waits for its turn."""
        if not self.open():
            async with self._suspect:
                self.enter_now()

    def enter_now(self) -> None:
        """For the suspect's own parts, whose turn it is."""
        self._inside += 1
        self._empty.clear()

    def leave(self) -> None:
        """The end of what has entered."""
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Wait until nobody else is at work, and keep it so."""
        async with self._suspect:
            await self._empty.wait()
            yield
