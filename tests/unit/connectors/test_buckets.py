"""The buckets of an account: all of them, asked for where they are told."""

from pydantic import SecretStr

from connectors.endpoints import Endpoints, parse_endpoints
from connectors.locations import Credentials
from connectors.registry import open_account
from connectors.s3.dialects import COS, Addressing
from connectors.s3.place import Place, locate
from connectors.wire import Counters, Target, Wire
from tests.storeserver import StoreConfig, StoreServer

KEYS = Credentials("test-access-key", SecretStr("test-secret-key"))


async def test_an_account_of_oss_tells_more_buckets_than_fit_a_page() -> None:
    names = [f"bucket-{number:04}" for number in range(1_050)]
    server = await StoreServer.start(StoreConfig(dialect="oss", buckets=names))
    endpoints = parse_endpoints(f'[{{cloud_type: "*", region: "*", endpoint: "{server.url}", dialect: oss}}]')
    meter = Counters()
    try:
        async with Wire(meter) as wire:
            account = open_account("Aliyun", "cn-hangzhou", KEYS, wire, endpoints)
            found = await account.list_buckets()
    finally:
        await server.stop()
    assert [one.name for one in found] == names
    assert {one.region for one in found} == {"us-east-1"}
    assert meter.requests("list_buckets") == 2


def _asked(host: str) -> str:
    place = Place(Target("https", host, 443), "", "r", COS, COS.signature, Addressing.VIRTUAL)
    return locate(place, None, service=True)[0].host


def test_all_buckets_of_tencent_are_told_by_one_host() -> None:
    host = Endpoints().find("Tencent", "ap-beijing").host
    assert _asked(host) == "service.cos.myqcloud.com"
    assert _asked("store.example") == "store.example"
