"""Doorbells: what arrives, and that a dead, frozen or full Redis neither fails nor holds up the caller."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator

import pytest
import redis

from tests.workers.servers import MortalRedis, mortal_redis
from workers.broker.app import QueueName, create_app
from workers.broker.doorbell import Doorbell
from workers.broker.settings import broker_url


@pytest.fixture
def server() -> Iterator[MortalRedis]:
    with mortal_redis() as found:
        yield found


async def test_a_message_carries_the_id_and_nothing_else(server: MortalRedis) -> None:
    bell = Doorbell(server.url)
    assert await bell.ring(QueueName.HIGH, 41)
    bell.close()
    with redis.Redis.from_url(server.url) as client:
        message = json.loads(client.lpop("high"))
    assert message["headers"]["task"] == "workers.tasks.slice"
    assert json.loads(base64.b64decode(message["body"]))[:2] == [[], {"task_id": 41}]


async def test_a_dead_redis_costs_nothing_and_is_tried_once_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with mortal_redis(started=False) as absent:
        bell, began = Doorbell(absent.url), time.monotonic()
        assert [await bell.ring("low", number) for number in range(50)] == [False] * 50
        assert time.monotonic() - began < 1.5
        assert bell.failures == 50
        assert caplog.messages.count("doorbell_failed") <= 2
        absent.start()
        await asyncio.sleep(1.1)
        assert await bell.ring("low", 1)
        bell.close()


async def test_a_frozen_redis_holds_the_caller_for_a_second_at_most(server: MortalRedis) -> None:
    bell = Doorbell(server.url)
    assert await bell.ring("low", 1)
    server.freeze()
    began = time.monotonic()
    answers = await asyncio.gather(*(bell.ring("low", number) for number in range(20)))
    assert answers == [False] * 20
    assert time.monotonic() - began < 1.5
    server.thaw()
    await asyncio.sleep(1.2)
    assert await bell.ring("low", 2)
    bell.close()


async def test_a_full_redis_is_a_failed_ring_and_no_error(server: MortalRedis) -> None:
    bell = Doorbell(server.url)
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "1")
    assert not await bell.ring("low", 1)
    bell.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h:1/2", "redis://h:1/2"),
        ("rediss://u:p@h:1/2", "rediss://u:p@h:1/2"),
        ("unix:///run/a%20b/r.sock", "redis+socket:///run/a%20b/r.sock"),
        ("unix:///r.sock?db=3", "redis+socket:///r.sock?virtual_host=3"),
        ("unix://u:p@/r.sock", "redis+socket://u:p@/r.sock"),
    ],
)
def test_a_socket_has_another_name_for_the_broker(url: str, expected: str) -> None:
    assert broker_url(url) == expected


def test_another_scheme_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="OMS_REDIS_URL must begin with"):
        broker_url("amqp://h")


def test_the_visibility_timeout_is_set_in_all_three_places() -> None:
    conf = create_app("redis://h").conf
    assert conf.broker_transport_options["visibility_timeout"] == 3600
    assert conf.result_backend_transport_options["visibility_timeout"] == 3600
    assert conf.visibility_timeout == 3600


def test_messages_are_acknowledged_late_and_fetched_one_by_one() -> None:
    conf = create_app("redis://h").conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]
    assert conf.result_backend is None
    assert list(conf.task_queues) == ["control", "high", "medium", "low"]
