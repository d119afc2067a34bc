"""Bytes in flight: how much object data one process may hold in memory at a time (design 3.4)."""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable
from types import TracebackType

Waiting = tuple[int, asyncio.Future[None]]


class ByteBudget:
    """A budget of bytes, shared by owners: who holds least comes first, and first come first served within one.

    One owner holds at most `most`, so that what is slow leaves room for others; a wish larger than that is granted
    when its owner holds nothing else.
    """

    def __init__(self, total: int, most: int | None = None) -> None:
        self.total = total
        self._most = total if most is None else min(most, total)
        self.held = 0  # bytes granted and not given back
        self._held: Counter[Hashable] = Counter()
        self._queues: dict[Hashable, deque[Waiting]] = {}

    def hold(self, n: int, owner: Hashable = None) -> "Hold":
        """`async with` waits for `n` bytes and gives them back at the end."""
        return Hold(self, min(n, self.total), owner)

    def open(self, n: int, owner: Hashable) -> bool:
        """Take `n` bytes if they are there and nobody waits for any."""
        if self._queues or n > self.total - self.held or not self._may(owner, n):
            return False
        self._grant_to(owner, n)
        return True

    async def take(self, n: int, owner: Hashable) -> None:
        """Wait for `n` bytes, at most the whole budget."""
        if self.open(n, owner):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._queues.setdefault(owner, deque())
        queue.append((n, turn))
        self._grant()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(n, owner)
            elif (n, turn) in queue:
                self._drop(owner, (n, turn))
                self._grant()
            raise

    def give(self, n: int, owner: Hashable) -> None:
        """Give `n` bytes back."""
        self.held -= n
        self._held[owner] -= n
        if not self._held[owner]:
            del self._held[owner]
        if self._queues:
            self._grant()

    def _grant(self) -> None:
        """Whoever is next gets his bytes; when they are not there nobody overtakes him."""
        while waiting := self._waiting():
            owner = min(waiting, key=self._held.__getitem__)
            wanted, turn = first = self._queues[owner][0]
            if wanted > self.total - self.held:
                return
            self._drop(owner, first)
            if not turn.done():
                self._grant_to(owner, wanted)
                turn.set_result(None)

    def _grant_to(self, owner: Hashable, n: int) -> None:
        self.held += n
        self._held[owner] += n

    def _waiting(self) -> list[Hashable]:
        return [owner for owner, queue in self._queues.items() if self._may(owner, queue[0][0])]

    def _may(self, owner: Hashable, n: int) -> bool:
        return owner not in self._held or self._held[owner] + n <= self._most

    def _drop(self, owner: Hashable, waiting: Waiting) -> None:
        queue = self._queues[owner]
        queue.remove(waiting)
        if not queue:
            del self._queues[owner]


class Hold:
    """Bytes of a budget for as long as a block lasts."""

    __slots__ = ("_budget", "_n", "_owner")

    def __init__(self, budget: ByteBudget, n: int, owner: Hashable) -> None:
        self._budget = budget
        self._n = n
        self._owner = owner

    async def __aenter__(self) -> None:
        if not self._budget.open(self._n, self._owner):
            await self._budget.take(self._n, self._owner)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.give(self._n, self._owner)
