"""Where the objects of one unit find their place in a process: among others or alone, under the limit, in memory.

In this order, so that who waits for his turn holds nothing that another needs to come to his end.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext

from workers.transfer.budget import ByteBudget, Hold
from workers.transfer.context import TaskContext


class Room:
    """Objects are named by their place in the unit."""

    def __init__(self, context: TaskContext, budget: ByteBudget) -> None:
        self._context = context
        self._budget = budget
        self._whole: set[int] = set()
        self._alone: int | None = None
        self._held = AsyncExitStack()

    async def enter(self, idx: int) -> None:
        """A small object: inside from its beginning to its end (`leave`), with all that it does."""
        await self._context.quarantine.enter()
        self._whole.add(idx)

    def open(self, idx: int) -> bool:
        """`enter`, unless it has to wait for its turn."""
        if not self._context.quarantine.open():
            return False
        self._whole.add(idx)
        return True

    def leave(self, idx: int) -> None:
        """The end of what has entered."""
        self._whole.discard(idx)
        self._context.quarantine.leave()

    def turn(self, idx: int) -> AbstractAsyncContextManager[None]:
        """One step of an object, unless it is inside as a whole."""
        return nullcontext() if idx in self._whole else self._step(idx)

    @asynccontextmanager
    async def _step(self, idx: int) -> AsyncIterator[None]:
        quarantine = self._context.quarantine
        if idx == self._alone:
            quarantine.enter_now()
        else:
            await quarantine.enter()
        try:
            yield
        finally:
            quarantine.leave()

    def memory(self, idx: int, n: int, held: int | None = None) -> AbstractAsyncContextManager[None]:
        """A step that moves `n` bytes and keeps `held` in memory meanwhile (`n` if not told)."""
        context = self._context
        hold = self._budget.hold(n if held is None else held, context.facts.task_id)
        if idx in self._whole and context.rate() is None:
            return hold
        return self._in_turn(idx, n, hold)

    @asynccontextmanager
    async def _in_turn(self, idx: int, n: int, hold: Hold) -> AsyncIterator[None]:
        async with self.turn(idx), self._context.allowed(n), hold:
            yield

    @asynccontextmanager
    async def alone(self, idx: int) -> AsyncIterator[None]:
        """With nothing beside it, to its end or until it makes headway."""
        async with AsyncExitStack() as self._held:
            await self._held.enter_async_context(self._context.quarantine.alone())
            self._alone = idx
            self._held.callback(self._no_more)
            yield

    async def headway(self, idx: int) -> None:
        """A part of it is recorded: who gets further each time brings nobody down for good, and may take hours."""
        if idx == self._alone:
            await self._held.aclose()

    def _no_more(self) -> None:
        self._alone = None
