"""A domain that is bound to a bucket: no bucket in host or path, and yet in what is signed (clouds.md B2 row 1)."""

import hashlib

import pytest
from fastcrc import crc64
from pydantic import SecretStr

from connectors.endpoints import parse_endpoints
from connectors.locations import Credentials, Location
from connectors.objects import ANY, Block, Guard, WriteOptions
from connectors.registry import open_store
from connectors.wire import Wire
from engine.failures import Side
from tests.storeserver import StoreConfig, StoreServer

KEYS = [b"a/b c", b"/lead", b"a//b", "uni-é".encode(), b"q?m#f"]


@pytest.mark.parametrize("dialect", ["oss", "cos", "ks3", "bos"])
async def test_a_bound_domain_serves_its_bucket(dialect: str) -> None:
    server = await StoreServer.start(
        StoreConfig(dialect=dialect, buckets=["own"], domains={"files.example.test": "own"})
    )
    endpoints = parse_endpoints(
        f'[{{cloud_type: "*", region: "*", endpoint: "http://files.example.test:{server.port}",'
        f' dialect: {dialect}, addressing: domain, connect: "127.0.0.1:{server.port}"}}]'
    )
    keys = Credentials("test-access-key", SecretStr("test-secret-key"))
    try:
        async with Wire() as wire:
            store = open_store(Location("Aliyun", "cn-x", "own", Side.SOURCE), keys, wire, endpoints)
            for key in KEYS:
                block = Block(key, hashlib.md5(key).digest(), crc64.xz(key))
                await store.put(key, block, WriteOptions(), ANY)
            page = await store.list_page(b"", b"")
            for info in page.objects:
                assert (await store.read(info.key, Guard(info.etag, info.size))).data == info.key
    finally:
        await server.stop()
    assert [info.key for info in page.objects] == sorted(KEYS) == server.keys("own")
