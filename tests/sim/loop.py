"""An event loop whose time is a number: it jumps to the next timer when nothing is ready, so hours cost nothing."""

import asyncio
import heapq
from asyncio.events import Handle
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Owner(Protocol):
    """A simulated process: what runs in its context belongs to it."""

    frozen: bool
    parked: list[Handle]
    tasks: dict[asyncio.Task[Any], None]


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)
START = 1_000_000.0


class Stuck(Exception):
    """Nothing is ready and no timer is set: the program waits for itself."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: callbacks run in the order in which they became ready. Threads run at once, inline."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.frozen = 0
        self.steps = 0
        self.set_task_factory(_owned)

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Handle:
        handle = Handle(callback, args, self, context)
        if self.frozen and (owner := (context or copy_context()).get(OWNER)) is not None and owner.frozen:
            owner.parked.append(handle)
        else:
            self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Handle:
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # as an executor does
            future.set_exception(error)
        return future

    def freeze(self, owner: Owner) -> None:
        """Nothing of the owner runs until `thaw`; time goes on."""
        if not owner.frozen:
            owner.frozen = True
            self.frozen += 1
            mine = [one for one in self._ready if _of(one) is owner]
            owner.parked.extend(mine)
            for one in mine:
                self._ready.remove(one)

    def thaw(self, owner: Owner) -> None:
        """It goes on where it was."""
        if owner.frozen:
            owner.frozen = False
            self.frozen -= 1
            self._ready.extend(owner.parked)
            owner.parked.clear()

    def _run_once(self) -> None:
        """What is ready now; when nothing is, the clock moves to the next timer."""
        ready = self._ready
        if not ready:
            self._jump()
        for _ in range(len(ready)):
            if not ready:
                # Those that were left belong to a process that one of these has frozen.
                return
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _jump(self) -> None:
        timers = self._scheduled
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not timers:
            raise Stuck
        self.now = max(self.now, timers[0]._when)
        while timers and timers[0]._when <= self.now:
            handle = heapq.heappop(timers)
            handle._scheduled = False
            self._ready.append(handle)

    def _process_events(self, event_list: Any) -> None:
        return

    def _write_to_self(self) -> None:
        return


def _of(handle: Handle) -> Owner | None:
    context: Context = handle._context  # type: ignore[attr-defined]  # handles do not show it
    return context.get(OWNER)


def _owned(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], **more: Any
) -> asyncio.Task[T]:
    task = asyncio.Task(coroutine, loop=loop, **more)
    owner = OWNER.get()
    if owner is not None:
        owner.tasks[task] = None
        if len(owner.tasks) > 200:
            for old in [one for one in owner.tasks if one.done()]:
                del owner.tasks[old]
    return task


async def pause(seconds: float) -> None:
    """Sleep in virtual time."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    timer = loop.call_later(seconds, _wake, future)
    try:
        await future
    except asyncio.CancelledError:
        timer.cancel()
        raise


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
