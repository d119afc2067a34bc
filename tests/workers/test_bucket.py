"""The bandwidth bucket: two processes of sixteen takers on a Redis that is flushed, killed and frozen."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from tests.workers.servers import MortalRedis, mortal_redis
from workers.broker.bucket import Ask, FailoverBucket, LocalBucket, RedisBucket, SharedThrottle

RATE = 1_000_000
PIECE = 32_768
Grants = list[tuple[float, int]]


@pytest.fixture
def server() -> Iterator[MortalRedis]:
    with mortal_redis() as found:
        yield found


class Takers:
    """Processes that take from the same bucket."""

    def __init__(
        self, url: str, seconds: int, *, processes: int = 2, takers: int = 16, rate: int = RATE
    ) -> None:
        arguments = [url, takers, PIECE, rate, seconds, processes]
        command = [sys.executable, "-m", "tests.workers.takers", *(str(word) for word in arguments)]
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]
        for process in self.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
        self.started_at = time.monotonic()

    def change_rate(self, rate: int) -> None:
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{rate}\n")
            process.stdin.flush()

    def grants(self) -> Grants:
        """All grants in order; every process must have ended well."""
        found: Grants = []
        for process in self.processes:
            out, _ = process.communicate(timeout=30)
            assert process.returncode == 0
            found += [(at, size) for at, size in json.loads(out)]
        return sorted(found)


def most_in_a_window(grants: Grants, seconds: float) -> int:
    """The most bytes that were granted in any window of this length."""
    most = total = first = 0
    for at, size in grants:
        total += size
        while grants[first][0] <= at - seconds:
            total -= grants[first][1]
            first += 1
        most = max(most, total)
    return most


def granted_between(grants: Grants, begin: float, end: float) -> int:
    return sum(size for at, size in grants if begin <= at < end)


def test_two_processes_with_sixteen_takers_share_one_rate(server: MortalRedis) -> None:
    grants = Takers(server.url, 11).grants()
    assert most_in_a_window(grants, 10) <= RATE * 10 * 1.05
    assert most_in_a_window(grants, 10) >= RATE * 10 * 0.9


def test_a_flush_every_300_ms_never_lifts_the_limit(server: MortalRedis) -> None:
    takers = Takers(server.url, 6)
    with redis.Redis.from_url(server.url) as client:
        while time.monotonic() < takers.started_at + 6:
            client.flushall()
            client.script_flush()
            time.sleep(0.3)
    grants = takers.grants()
    assert most_in_a_window(grants, 5) <= RATE * 5 * 1.05
    assert most_in_a_window(grants, 5) >= RATE * 5 * 0.6


def test_a_killed_and_restarted_redis_never_lifts_the_limit_and_never_stops_the_takers(
    server: MortalRedis,
) -> None:
    takers = Takers(server.url, 12)
    time.sleep(3)
    killed_at = time.monotonic()
    server.kill()
    time.sleep(4)
    server.start()
    back_at = time.monotonic()
    grants = takers.grants()
    assert most_in_a_window(grants, 10) <= RATE * 10 * 1.05
    assert granted_between(grants, killed_at + 0.5, back_at) >= RATE * 3.5 * 0.8
    assert granted_between(grants, back_at + 1, back_at + 4) >= RATE * 3 * 0.85


def test_a_frozen_redis_holds_nobody_up_for_long(server: MortalRedis) -> None:
    takers = Takers(server.url, 8)
    time.sleep(2)
    server.freeze()
    frozen_at = time.monotonic()
    time.sleep(3)
    server.thaw()
    grants = takers.grants()
    assert most_in_a_window(grants, 7) <= RATE * 7 * 1.05
    assert granted_between(grants, frozen_at + 1, frozen_at + 3) >= RATE * 2 * 0.8


@pytest.mark.parametrize(("before", "after"), [(RATE, 4 * RATE), (4 * RATE, RATE // 2)])
def test_a_new_rate_acts_within_a_second(server: MortalRedis, before: int, after: int) -> None:
    takers = Takers(server.url, 6, rate=before)
    time.sleep(3)
    changed_at = time.monotonic()
    takers.change_rate(after)
    grants = takers.grants()
    begin = changed_at + 1
    assert after * 2 * 0.85 <= granted_between(grants, begin, begin + 2) <= after * 2 * 1.1


def test_the_bound_of_a_window_holds_in_the_local_bucket() -> None:
    now = [100.0]
    bucket = LocalBucket(lambda: now[0])
    ask = Ask.at(1000, 10_000)
    assert bucket.ask("k", ask).granted == 0, "it begins empty"
    now[0] += 60
    assert bucket.ask("k", ask).granted == 250, "and holds a quarter second at most"
    total = 0
    for _ in range(1000):
        now[0] += 0.01
        total += bucket.ask("k", ask).granted
    assert 9_700 <= total <= 10_000


@pytest.fixture
async def throttle_of(server: MortalRedis) -> Callable[[int], SharedThrottle]:
    return lambda live: SharedThrottle(FailoverBucket(RedisBucket(server.url), lambda: live))


async def test_no_limit_waits_for_nothing_and_lets_waiting_takers_go(
    throttle_of: Callable[[int], SharedThrottle],
) -> None:
    throttle = throttle_of(1)
    waiting = asyncio.create_task(throttle.take(1, "read", 1000, 1_000_000))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await throttle.take(1, "read", 0, 1_000_000)
    await asyncio.wait_for(waiting, 0.6)


async def test_more_than_a_burst_is_granted_in_steps(throttle_of: Callable[[int], SharedThrottle]) -> None:
    began = time.monotonic()
    await throttle_of(1).take(1, "write", 1_000_000, 1_000_000)
    assert 0.9 <= time.monotonic() - began <= 1.4


async def test_read_and_write_and_other_tasks_do_not_wait_for_each_other(
    throttle_of: Callable[[int], SharedThrottle],
) -> None:
    throttle, began = throttle_of(1), time.monotonic()
    await asyncio.gather(
        throttle.take(1, "read", 1_000_000, 500_000),
        throttle.take(1, "write", 1_000_000, 500_000),
        throttle.take(2, "read", 1_000_000, 500_000),
    )
    assert time.monotonic() - began <= 0.9


async def test_a_cancelled_taker_takes_nobodys_turn(throttle_of: Callable[[int], SharedThrottle]) -> None:
    throttle = throttle_of(1)
    greedy = asyncio.create_task(throttle.take(1, "read", 100_000, 10_000_000))
    modest = asyncio.create_task(throttle.take(1, "read", 100_000, 10_000))
    await asyncio.sleep(0.3)
    greedy.cancel()
    await asyncio.wait_for(modest, 1)


async def test_a_redis_that_is_full_counts_as_away_until_it_can_write(server: MortalRedis) -> None:
    bucket = FailoverBucket(RedisBucket(server.url), lambda: 4)
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "1")
        await bucket.ask("k", Ask.at(4000, 100))
        await asyncio.sleep(0.7)
        assert not bucket.attached
        assert (await bucket.ask("k", Ask.at(4000, 10_000))).granted <= 250, (
            "a quarter second of a fourth of the rate"
        )
        client.config_set("maxmemory", "0")
    await asyncio.sleep(0.7)
    assert bucket.attached
    await bucket.aclose()


async def test_fewer_bytes_a_second_than_workers_means_none_while_redis_is_away() -> None:
    with mortal_redis(started=False) as absent:
        bucket = FailoverBucket(RedisBucket(absent.url), lambda: 4)
        assert (await bucket.ask("k", Ask.at(3, 3))).granted == 0
        assert not bucket.attached
        await bucket.aclose()
