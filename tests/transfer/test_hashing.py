"""Large blocks are hashed several at once, and none waits long for others."""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from fastcrc import crc64

from connectors.objects import Block
from engine import md5
from workers.transfer import hashing
from workers.transfer.hashing import LARGE, Hashing


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each call was given."""
    sizes: list[int] = []
    digests = hashing._digests

    def counted(jobs: list[Any]) -> list[bytes]:
        sizes.append(len(jobs))
        return digests(jobs)

    monkeypatch.setattr(md5, "LANES", 8)
    monkeypatch.setattr(hashing, "_digests", counted)
    return sizes


def _data(n: int) -> bytes:
    return bytes([n]) * (LARGE + 64 * n)


def _of(data: bytes) -> Block:
    return Block(data, hashlib.md5(data).digest(), crc64.xz(data))


async def _read(hashed: Hashing, n: int, seconds: float) -> Block:
    with hashed.coming():
        await asyncio.sleep(seconds)
    return await hashed.block(_data(n))


@contextmanager
def _many_coming(hashed: Hashing) -> Iterator[None]:
    """As many as are worth waiting for."""
    with ExitStack() as coming:
        for _ in range(hashing.COMPANY):
            coming.enter_context(hashed.coming())
        yield


async def test_blocks_that_come_together_are_hashed_at_once(
    batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 60)
    hashed = Hashing()
    blocks = await asyncio.gather(*(_read(hashed, n, n * 0.002) for n in range(11)))
    assert blocks == [_of(_data(n)) for n in range(11)]
    # Eight fill the lanes; the rest are too few to wait for each other.
    assert (batches[0], sum(batches)) == (8, 11)


async def test_five_are_worth_waiting_for(batches: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 60)
    hashed = Hashing()
    await asyncio.gather(*(_read(hashed, n, n * 0.01) for n in range(hashing.COMPANY)))
    assert batches == [5]


async def test_without_lanes_each_is_hashed_in_a_thread_of_its_own(
    batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(md5, "LANES", 1)
    hashed = Hashing()
    with _many_coming(hashed):
        blocks = await asyncio.gather(*(hashed.block(_data(n)) for n in range(3)))
    assert blocks == [_of(_data(n)) for n in range(3)]
    assert batches == [1, 1, 1]


async def test_eight_do_not_wait_for_what_is_still_coming(
    batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 60)
    hashed = Hashing()
    with hashed.coming():
        blocks = await asyncio.gather(*(hashed.block(_data(n)) for n in range(8)))
    assert blocks == [_of(_data(n)) for n in range(8)]
    assert batches == [8]


async def test_no_more_than_eight_are_hashed_at_once(
    batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 60)
    hashed = Hashing()
    await asyncio.gather(*(hashed.block(_data(n)) for n in range(22)))
    assert batches == [8, 8, 6]


async def test_nobody_waits_for_what_does_not_come_after_all(
    batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 60)
    hashed = Hashing()
    with _many_coming(hashed):
        waits = asyncio.create_task(hashed.block(_data(1)))
        await asyncio.sleep(0.01)
        assert not waits.done()
    # The reads that were under way have failed.
    assert await waits == _of(_data(1))
    assert batches == [1]


async def test_nobody_waits_where_nothing_is_coming(
    batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 60)
    hashed = Hashing()
    assert await hashed.block(_data(1)) == _of(_data(1))
    assert await _read(hashed, 2, 0) == _of(_data(2))
    assert batches == [1, 1]


async def test_a_block_does_not_wait_for_a_slow_source(batches: list[int]) -> None:
    hashed = Hashing()
    with _many_coming(hashed):
        began = time.monotonic()
        assert await hashed.block(_data(1)) == _of(_data(1))
        assert time.monotonic() - began < 5
    assert batches == [1]


async def test_the_parts_of_one_object_do_not_wait_for_each_other(
    batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 60)
    hashed = Hashing()
    with hashed.coming(), hashed.coming(), hashed.coming():
        assert await hashed.block(_data(1)) == _of(_data(1))
    assert batches == [1]


async def test_small_blocks_are_hashed_where_they_are(batches: list[int]) -> None:
    hashed = Hashing()
    with hashed.coming():
        assert await hashed.block(b"abc") == _of(b"abc")
    assert batches == []


async def test_who_goes_away_takes_nothing_from_the_others(batches: list[int]) -> None:
    hashed = Hashing()
    with _many_coming(hashed):
        gone, stays = (asyncio.create_task(hashed.block(_data(n))) for n in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == _of(_data(2))
    assert gone.cancelled()


async def test_a_failure_reaches_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(jobs: list[Any]) -> list[bytes]:
        raise MemoryError

    hashed = Hashing()
    with monkeypatch.context() as broken, _many_coming(hashed):
        broken.setattr(hashing, "_digests", fails)
        failed = await asyncio.gather(*(hashed.block(_data(n)) for n in (1, 2)), return_exceptions=True)
    assert [type(one) for one in failed] == [MemoryError, MemoryError]
    assert await hashed.block(_data(3)) == _of(_data(3))


async def test_a_piece_of_a_whole_waits_for_nothing_and_takes_others_along(
    batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 60)
    hashed, whole = Hashing(), md5.begun()
    with _many_coming(hashed):
        block = asyncio.create_task(hashed.block(_data(1)))
        await asyncio.sleep(0.01)
        await hashed.take(whole, _data(2))
        await hashed.take(whole, b"abc")
        await hashed.take(whole, _data(3))
        assert await block == _of(_data(1))
    assert whole.digest() == hashlib.md5(_data(2) + b"abc" + _data(3)).digest()
    assert batches == [2, 1]
