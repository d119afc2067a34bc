"""A bucket that is listed by its keys and read through its CDN, which is compared with it (oms-behaviour 10)."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.endpoints import parse_endpoints
from connectors.locations import Credentials
from engine.cdn import CdnAuthentication
from engine.spec import CdnNode
from tests.buckets import cdn_server
from tests.buckets.cdn_server import SAS, SECRET, Cdn, Gate, running_cdn
from tests.transfer.world import AK, SK, SPEC, Ended, World

MIB = 1 << 20
MODIFIED, SHOWN = 1_600_000_000, "Sun, 13 Sep 2020 12:26:40 GMT"
KIND = CdnAuthentication
GATES: dict[KIND, Gate] = {
    KIND.NONE: cdn_server.open_to_all,
    KIND.QINIU_PRIVATE_AUTHENTICATION: cdn_server.qiniu,
    KIND.KSYUN_PRIVATE_AUTHENTICATION: cdn_server.ksyun,
    KIND.AZURE_SAS_TOKEN: cdn_server.azure,
    KIND.ALIYUN_OSS_A: cdn_server.type_a("auth_key"),
    KIND.ALIYUN_OSS_B: cdn_server.type_b,
    KIND.ALIYUN_OSS_C: cdn_server.type_c(),
    KIND.TENCENT_COS_A: cdn_server.type_a("sign"),
    KIND.TENCENT_COS_B: cdn_server.type_b,
    KIND.TENCENT_COS_C: cdn_server.type_c(),
    KIND.TENCENT_COS_D: cdn_server.type_d,
}
Migrate = Callable[..., Any]


@pytest.fixture
def cdn(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cdn]:
    """A CDN that knows the world's keys."""
    for name, value in (("ACCESS_KEY", AK), ("SECRET_KEY", SK), ("BUCKET", "from")):
        monkeypatch.setattr(cdn_server, name, value)
    with running_cdn() as found:
        found.headers["Last-Modified"] = SHOWN
        yield found


@pytest.fixture
def migrate(world: World, cdn: Cdn) -> Migrate:
    """Run one task through the CDN."""
    world.stores.endpoints = parse_endpoints(
        f"- {{cloud_type: CDN, region: '*', endpoint: 'http://127.0.0.1:{cdn.port}'}}\n"
        f"- {{cloud_type: AWS, region: '*', endpoint: '{world.source.url}'}}\n"
        f"- {{cloud_type: HEC, region: '*', endpoint: '{world.destination.url}'}}\n"
    )

    async def run(kind: KIND = KIND.NONE, domain: str = "") -> Ended:
        secret = SAS if kind is KIND.AZURE_SAS_TOKEN else SECRET
        world.stores.keys = Credentials(AK, SecretStr(SK), cdn_key=SecretStr(secret))
        node = CdnNode(domain or f"127.0.0.1:{cdn.port}", "http", kind)
        return await world.migrate(replace(SPEC, cdn=node))

    return run


def hold(world: World, cdn: Cdn, key: str, body: bytes, through: bytes | None = None, **more: Any) -> None:
    """An object of the bucket, and what the CDN has instead of it."""
    world.source.put("from", key.encode(), body, modified=MODIFIED, **more)
    cdn.hold(key, body if through is None else through)


def codes(ended: Ended) -> list[str]:
    """Of all failures."""
    return [one.code for one in ended.outcomes if one.code]


@pytest.mark.check(100)
@pytest.mark.parametrize("kind", KIND)
async def test_each_kind_of_signature_is_made_for_each_request(
    world: World, cdn: Cdn, migrate: Migrate, kind: KIND
) -> None:
    hold(world, cdn, "a.txt", b"small")
    if kind is not KIND.KSYUN_PRIVATE_AUTHENTICATION:
        # The server here knows one of the two encodings that this vendor signs with.
        hold(world, cdn, "d e/ä+.txt", b"awkward")
    cdn.gate = GATES[kind]
    ended = await migrate(kind)
    assert (ended.status, codes(ended)) == (5, [])
    assert {key: world.destination.get("into", key) for key in world.data_keys()} == {
        key: world.source.get("from", key) for key in world.source.keys("from")
    }
    # The bucket is listed and asked, its bytes come from elsewhere.
    assert world.source.counters().requests("get") == 0
    assert len(cdn.asked) == len(world.data_keys())


async def test_what_travels_along_is_the_buckets(world: World, cdn: Cdn, migrate: Migrate) -> None:
    hold(world, cdn, "a", b"a", headers={"content-type": "image/x"})
    cdn.headers["Content-Type"] = "text/html"
    await migrate()
    assert world.destination.info("into", b"a")["headers"]["content-type"] == "image/x"


async def test_a_large_object_comes_in_parts_each_signed_anew(
    world: World, cdn: Cdn, migrate: Migrate
) -> None:
    body = random.Random(2).randbytes(33 * MIB)
    hold(world, cdn, "large", body)
    cdn.gate = GATES[KIND.ALIYUN_OSS_A]
    ended = await migrate(KIND.ALIYUN_OSS_A)
    assert ended.status == 5
    assert world.destination.get("into", b"large") == body
    assert len({one.query for one in cdn.asked}) == len(cdn.asked) == 3


@pytest.mark.check(101)
@pytest.mark.parametrize("through", [b"short", b"longer than the bucket's", b"", b"x" * 200_000])
async def test_another_size_is_a_difference(world: World, cdn: Cdn, migrate: Migrate, through: bytes) -> None:
    hold(world, cdn, "a", b"of the bucket", through)
    hold(world, cdn, "b", b"fine")
    ended = await migrate()
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", (2, 1, 0, 1))
    assert codes(ended) == ["COMPARE_SRC_AND_CDN_FAILURE"]
    assert world.data_keys() == [b"b"]


@pytest.mark.check(101)
async def test_another_size_of_a_large_object_is_a_difference(
    world: World, cdn: Cdn, migrate: Migrate
) -> None:
    hold(world, cdn, "a", b"x" * (17 * MIB), b"x" * (17 * MIB + 1))
    ended = await migrate()
    assert codes(ended) == ["COMPARE_SRC_AND_CDN_FAILURE"]
    assert (world.data_keys(), world.destination.uploads("into")) == ([], [])


@pytest.mark.check(101)
async def test_another_time_is_a_difference(world: World, cdn: Cdn, migrate: Migrate) -> None:
    hold(world, cdn, "a", b"same size")
    cdn.headers["Last-Modified"] = "Sun, 13 Sep 2020 12:26:39 GMT"
    assert codes(await migrate()) == ["COMPARE_SRC_AND_CDN_FAILURE"]


async def test_what_the_cdn_has_not_is_a_difference(world: World, cdn: Cdn, migrate: Migrate) -> None:
    world.source.put("from", b"a", b"only in the bucket")
    assert codes(await migrate()) == ["COMPARE_SRC_AND_CDN_FAILURE"]


async def test_other_bytes_of_one_size_and_time_are_never_stored(
    world: World, cdn: Cdn, migrate: Migrate
) -> None:
    hold(world, cdn, "a", b"of the bucket", b"OF THE BUCKET")
    ended = await migrate()
    assert (ended.status, codes(ended)) == (4, ["GET_SRC_OBJ_FAILURE"])
    assert world.data_keys() == []


async def test_a_refused_signature_is_listed_under_its_status(
    world: World, cdn: Cdn, migrate: Migrate
) -> None:
    hold(world, cdn, "a", b"a")
    cdn.gate = lambda asked: None
    ended = await migrate(KIND.TENCENT_COS_D)
    assert (ended.status, codes(ended)) == (4, ["403"])
    assert len(cdn.asked) == 2


@pytest.mark.parametrize(
    "domain", ["127.0.0.1:{other}", "localhost", "169.254.169.254", "10.0.0.1", "metadata.google.internal"]
)
async def test_a_domain_that_nobody_named_ends_the_task(
    world: World, cdn: Cdn, migrate: Migrate, domain: str
) -> None:
    hold(world, cdn, "a", b"a")
    ended = await migrate(domain=domain.format(other=cdn.port + 1))
    assert (ended.status, ended.code) == (4, "TRF.0157")
    assert cdn.asked == []
