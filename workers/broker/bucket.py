"""The bandwidth bucket of a task, shared by all workers through Redis (reliability.md 3.14).

It begins empty, so that neither a flush nor a restart of Redis lets bytes through. While Redis is away each
worker grants itself its share of the rate, again from an empty bucket.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

BURST_SECONDS = 0.25
LEAST_SHARE = 8
PROBE_SECONDS = 0.2
ANSWER_SECONDS = 0.5
_PROBE_KEY = "oms:bucket:probe"
_SCRIPT = Path(__file__).with_name("bucket.lua").read_text()
_SCRIPT_ID = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of a bucket: up to `want` bytes, but not fewer than `least` of them."""

    rate: int
    burst: int
    want: int
    least: int

    @classmethod
    def at(cls, rate: int, want: int) -> "Ask":
        """`want` bytes at `rate`: at most a quarter second of it, and no answer below an eighth of that."""
        burst = max(1, int(rate * BURST_SECONDS))
        want = min(want, burst)
        return cls(rate, burst, want, min(want, max(1, burst // LEAST_SHARE)))


@dataclass(frozen=True, slots=True)
class Grant:
    """Bytes that may move now; with none, the seconds after which asking again is worth it."""

    granted: int
    wait: float


class Bucket(Protocol):
    """Answers at once."""

    async def ask(self, key: str, ask: Ask) -> Grant: ...


class RedisBucket:
    """The bucket that all workers share. Raises RedisError (OSError) while Redis is away or cannot write."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(
            redis_url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    async def ask(self, key: str, ask: Ask) -> Grant:
        """One round trip; a Redis that lost the script is sent it again."""
        arguments = (ask.rate, ask.burst, ask.want, ask.least)
        try:
            answer = await self._redis.evalsha(_SCRIPT_ID, 1, key, *arguments)
        except NoScriptError:
            answer = await self._redis.eval(_SCRIPT, 1, key, *arguments)
        granted, microseconds = answer
        return Grant(int(granted), int(microseconds) / 1e6)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()


@dataclass(slots=True)
class LocalBucket:
    """The same arithmetic on this process's clock, for its share of the rate."""

    clock: Callable[[], float] = time.monotonic
    _tat: dict[str, float] = field(default_factory=dict)

    def ask(self, key: str, ask: Ask) -> Grant:
        """As the script does it, in seconds."""
        now, tau = self.clock(), ask.burst / ask.rate
        tat = max(now, min(self._tat.get(key, now + tau), now + tau))
        ready = math.floor((now + tau - tat) * ask.rate)
        granted = min(ask.want, ready) if ready >= ask.least else 0
        self._tat[key] = tat = tat + granted / ask.rate
        return Grant(granted, 0.0 if granted else tat + ask.least / ask.rate - (now + tau))

    def clear(self) -> None:
        """Every bucket is empty again when it is next asked."""
        self._tat.clear()


class FailoverBucket:
    """The shared bucket, and while it is away the share of this worker: `floor(rate / live workers)`."""

    def __init__(self, shared: RedisBucket, live_workers: Callable[[], int]) -> None:
        self._shared = shared
        self._local = LocalBucket()
        self._live_workers = live_workers
        self._probe: asyncio.Task[None] | None = None

    @property
    def attached(self) -> bool:
        """True while Redis decides."""
        return self._probe is None

    async def ask(self, key: str, ask: Ask) -> Grant:
        """Never raises for Redis's sake, and never grants without a limit."""
        if self._probe is None:
            try:
                return await self._shared.ask(key, ask)
            except (RedisError, OSError) as error:
                self._detach(error)
        share = ask.rate // max(1, self._live_workers())
        return self._local.ask(key, Ask.at(share, ask.want)) if share else Grant(0, 1.0)

    async def aclose(self) -> None:
        """Ends the probing and closes the connections."""
        if self._probe is not None:
            self._probe.cancel()
        await self._shared.aclose()

    def _detach(self, error: Exception) -> None:
        if self._probe is None:
            log.warning("bucket_detached", extra={"error": repr(error), "workers": self._live_workers()})
            self._local.clear()
            self._probe = asyncio.create_task(self._until_attached(), name="bucket-probe")

    async def _until_attached(self) -> None:
        # The probe runs the script: a Redis that answers but cannot write (full, read-only) is still away.
        answered = False
        while not answered:
            await asyncio.sleep(PROBE_SECONDS)
            answered = await self._answers()
        self._probe = None
        log.info("bucket_attached")

    async def _answers(self) -> bool:
        try:
            await self._shared.ask(_PROBE_KEY, Ask.at(1, 1))
        except (RedisError, OSError):
            return False
        return True


@dataclass(slots=True)
class _Line:
    """Those of this process who wait at one bucket: first come, first served, and asked for together."""

    rate: int = 0
    wanted: int = 0
    pocket: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class SharedThrottle:
    """Makes the takers of all workers wait until their bytes fit under the rate (a `Throttle`)."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lines: dict[str, _Line] = {}

    async def take(self, task_id: int, bucket: str, rate: int, n: int) -> None:
        """Returns when `n` bytes are granted; more than a burst in steps.

        The newest rate (bytes/s) holds for all who wait at this bucket; 0 is no limit and lets them go.
        """
        key = f"oms:bucket:{task_id}:{bucket}"
        line = self._lines.setdefault(key, _Line())
        line.rate = rate
        if rate <= 0 or n <= 0:
            self._leave(key, line)
            return
        line.wanted += n
        try:
            async with line.turn:
                while n > 0 and line.rate > 0:
                    if not line.pocket:
                        await self._fill(key, line)
                    step = min(n, line.pocket)
                    line.pocket -= step
                    line.wanted -= step
                    n -= step
        finally:
            line.wanted -= n
            self._leave(key, line)

    async def _fill(self, key: str, line: _Line) -> None:
        grant = await self._bucket.ask(key, Ask.at(line.rate, line.wanted))
        line.pocket += grant.granted
        if not grant.granted:
            await asyncio.sleep(min(grant.wait, BURST_SECONDS))

    def _leave(self, key: str, line: _Line) -> None:
        if not line.wanted and self._lines.get(key) is line:
            del self._lines[key]


def open_throttle(redis_url: str, live_workers: Callable[[], int]) -> tuple[SharedThrottle, FailoverBucket]:
    """The throttle of a process and the bucket beneath it (to be closed); to be called in its loop."""
    bucket = FailoverBucket(RedisBucket(redis_url), live_workers)
    return SharedThrottle(bucket), bucket
