"""One event loop in a thread of its own: everything in a worker process that awaits lives here.

Celery's threads come in through `slice` and `dispatch`; the process's main thread starts and stops it.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

import uvloop

from engine import md5
from workers.broker.doorbell import Doorbell
from workers.tasks.dispatcher import Dispatcher
from workers.tasks.polling import Polling
from workers.tasks.pulse import Pulse
from workers.tasks.relay import Relay
from workers.tasks.repeat import forever
from workers.tasks.settings import Settings
from workers.tasks.slices import Slices
from workers.tasks.watchdog import Watchdog, exit_after

RELEASE_SECONDS = 3.0
CLOSE_SECONDS = 1.5
LINGER_SECONDS = 1.5
LAST_RESORT_SECONDS = 6.0
EXIT_HUNG = 71
_TICK_SECONDS = 0.5

log = logging.getLogger(__name__)


class TransferWorker(Protocol):
    """What moves bytes. `stop` may be called twice."""

    async def run_slice(self, seconds: float) -> bool: ...
    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """All that lives on the loop. `close` gives up connections, last of all. `turns` are taken beside the rest."""

    worker: TransferWorker
    dispatcher: Dispatcher
    relay: Relay
    pulse: Pulse
    doorbell: Doorbell
    close: Callable[[], Awaitable[None]]
    turns: Mapping[str, Callable[[], Awaitable[float]]] = field(default_factory=dict)


Build = Callable[[Settings], Awaitable[Parts]]


class Runtime:
    """Started once, stopped once."""

    def __init__(self, settings: Settings, build: Build) -> None:
        self._settings = settings
        self._build = build
        self._watchdog = Watchdog(settings.watchdog_seconds, settings.last_loop_file)
        self._thread = threading.Thread(target=self._run, name="loop", daemon=True)
        self._begun = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._slices: Slices | None = None
        self._parts: Parts | None = None

    def start(self) -> None:
        """Returns when the loop works. Raises what kept it from being built."""
        self._thread.start()
        self._begun.wait()
        if self._failure is not None:
            raise self._failure

    def ask_to_stop(self) -> None:
        """Begins the end without waiting, for signal handlers; it takes LAST_RESORT_SECONDS at most."""
        if self._loop is not None and self._stopping is not None and not self._loop.is_closed():
            exit_after(LAST_RESORT_SECONDS, EXIT_HUNG)
            with contextlib.suppress(RuntimeError):  # the loop has closed in between: it is stopped
                self._loop.call_soon_threadsafe(self._stopping.set)

    def stop(self) -> None:
        """Returns when all leases are released and the loop is over. Raises what made the loop fail."""
        self.ask_to_stop()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def slice(self, queue: str, task_id: int | None) -> bool:
        """Blocks the calling thread for one slice; leaves a new message when work remains (True)."""
        return self._wait_for(self._slice(queue, task_id))

    def dispatch(self) -> None:
        """Lets the dispatcher take its next turn now."""
        if self._loop is not None and self._parts is not None:
            self._loop.call_soon_threadsafe(self._parts.dispatcher.poke)

    def _wait_for(self, work: Coroutine[None, None, bool]) -> bool:
        assert self._loop is not None
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except (CancelledError, RuntimeError):
            if self._stopping is not None and self._stopping.is_set():
                return False
            raise

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._live())
        except BaseException as error:
            log.exception("loop_failed")
            self._failure = error
        finally:
            self._watchdog.stop()
            if self._begun.is_set():
                # Nothing is left to lose; Celery may still wait for an answer from a broker that hangs.
                exit_after(LINGER_SECONDS, 1 if self._failure else 0)
            self._begun.set()

    async def _live(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        parts = self._parts = await self._build(self._settings)
        _settle_memory()
        slices = self._slices = Slices(parts.worker)
        self._watchdog.start()
        turns = [asyncio.create_task(turn, name=name) for name, turn in self._turns(parts, slices)]
        told = {"poll_seconds": self._settings.poll_seconds, "md5_lanes": md5.LANES}
        log.info("worker_started", extra=told)
        self._begun.set()
        try:
            await self._until_told(turns)
        finally:
            slices.close()
            await _end(parts, slices, turns)

    async def _until_told(self, turns: list[asyncio.Task[None]]) -> None:
        assert self._stopping is not None
        told = asyncio.create_task(self._stopping.wait())
        done, _ = await asyncio.wait([told, *turns], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        for turn in done - {told}:
            # Turns never end by themselves: without one of them this process is of no use.
            log.critical("turn_ended", extra={"turn": turn.get_name()})
            self._failure = RuntimeError(f"{turn.get_name()} ended")
            os.kill(os.getpid(), signal.SIGTERM)

    def _turns(self, parts: Parts, slices: Slices) -> list[tuple[str, Coroutine[None, None, None]]]:
        settings = self._settings
        turns: dict[str, Callable[[], Awaitable[float]]] = {
            "tick": self._tick,
            "pulse": parts.pulse.turn,
            "dispatcher": parts.dispatcher.turn,
            "relay": parts.relay.turn,
            **parts.turns,
        }
        if settings.poll_seconds:
            turns["polling"] = Polling(slices, settings.poll_seconds, Random()).turn
        return [(name, forever(name, turn)) for name, turn in turns.items()]

    async def _tick(self) -> float:
        self._watchdog.tick()
        return _TICK_SECONDS

    async def _slice(self, queue: str, task_id: int | None) -> bool:
        assert self._slices is not None
        assert self._parts is not None
        self._slices.hinted()
        remains = await self._slices.run()
        if remains:
            await self._parts.doorbell.ring(queue, task_id)
        return remains


def _settle_memory() -> None:
    """What is loaded by now stays for good: the collector need not look at it, nor so often at what comes and goes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _end(parts: Parts, slices: Slices, turns: list[asyncio.Task[None]]) -> None:
    """Leases first, since others wait for them; then the rest, within CLOSE_SECONDS."""
    log.info("worker_stopping")
    await _within(RELEASE_SECONDS, "release", _release(parts.worker, slices))
    for turn in turns:
        turn.cancel()
    await asyncio.gather(*turns, return_exceptions=True)
    await _within(CLOSE_SECONDS / 2, "farewell", parts.pulse.farewell())
    await _within(CLOSE_SECONDS / 2, "close", parts.close())
    log.info("worker_stopped")


async def _release(worker: TransferWorker, slices: Slices) -> None:
    await worker.stop()
    # A claim that was on its way meanwhile becomes a lease in the slice's last moments.
    await slices.idle()
    await worker.stop()


async def _within(seconds: float, name: str, work: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        log.error("shutdown_step_too_slow", extra={"step": name, "seconds": seconds})
    except Exception:
        log.exception("shutdown_step_failed", extra={"step": name})
