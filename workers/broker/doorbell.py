"""Doorbells: messages that wake workers. A lost one costs time, never work, so ringing never fails."""

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from workers.broker.app import DISPATCH, SLICE, QueueName, create_app

RING_SECONDS = 1.0
PAUSE_SECONDS = 1.0
_WAITING = 256

log = logging.getLogger(__name__)

# One try: the outbox and the reconciler are the second one.
_ONE_TRY: Mapping[str, object] = {
    "max_retries": 0,
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
    "retry_on_timeout": False,
}


class Doorbell:
    """Rings through Celery from one thread of its own; after a failure it is silent for a second."""

    def __init__(self, redis_url: str) -> None:
        self._app = create_app(redis_url, _ONE_TRY)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="doorbell")
        self._waiting = 0
        self._silent_until = 0.0
        self.failures = 0

    async def ring(self, queue: str, task_id: int | None) -> bool:
        """Asks for a slice, within RING_SECONDS. False (counted in `failures`): perhaps nobody heard."""
        return await self._send(SLICE, queue, {"task_id": task_id})

    async def ring_dispatcher(self) -> bool:
        """Asks for a turn of the dispatcher; as `ring`."""
        return await self._send(DISPATCH, QueueName.CONTROL.value, {})

    def close(self) -> None:
        """Gives up the thread and the connections; what is in the air is left to its time-out."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._app.close()

    async def _send(self, name: str, queue: str, arguments: Mapping[str, object]) -> bool:
        if time.monotonic() < self._silent_until or self._waiting >= _WAITING:
            self.failures += 1
            return False
        self._waiting += 1
        sent = asyncio.get_running_loop().run_in_executor(
            self._thread, self._send_now, name, queue, arguments
        )
        sent.add_done_callback(self._answered)
        try:
            return await asyncio.wait_for(asyncio.shield(sent), RING_SECONDS)
        except TimeoutError:
            self._failed(name, TimeoutError(f"no answer within {RING_SECONDS} s"))
            return False

    def _send_now(self, name: str, queue: str, arguments: Mapping[str, object]) -> bool:
        if time.monotonic() < self._silent_until:
            self.failures += 1
            return False
        try:
            self._app.send_task(name, kwargs=dict(arguments), queue=queue, ignore_result=True, retry=False)
        except Exception as error:  # noqa: BLE001 - kombu raises what its transport raises; none of it matters here
            self._failed(name, error)
            return False
        return True

    def _answered(self, _: object) -> None:
        self._waiting -= 1

    def _failed(self, name: str, error: BaseException) -> None:
        self.failures += 1
        self._silent_until = time.monotonic() + PAUSE_SECONDS
        log.warning(
            "doorbell_failed", extra={"message_name": name, "failures": self.failures, "error": repr(error)}
        )
