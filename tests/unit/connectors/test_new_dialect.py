"""A dialect entry is all that a new S3-compatible vendor needs: the operator names it, and its buckets open."""

import hashlib

import pytest
from fastcrc import crc64
from pydantic import SecretStr

from connectors.endpoints import parse_endpoints
from connectors.locations import Credentials, Location
from connectors.objects import ANY, Block, Guard, StorageClass, WriteOptions
from connectors.registry import open_store
from connectors.s3 import dialects
from connectors.s3.dialects import Dialect
from connectors.traits import Traits
from connectors.wire import Wire
from engine.failures import Side
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.server import StoreServer

NEWCOMER = Dialect(
    name="newcomer",
    list_version=1,
    classes={StorageClass.IA: "ONEZONE_IA"},
    conditional_write=False,
    traits=Traits(conditional_put=False, conditional_complete=False, window_max=8),
)


async def test_a_dialect_entry_is_all_that_a_new_vendor_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dialects.DIALECTS, "newcomer", NEWCOMER)  # type: ignore[arg-type]  # a dict for readers only
    server = await StoreServer.start(
        StoreConfig(dialect="newcomer", keys={"key": Account("secret")}, buckets=["bucket"])
    )
    line = (
        f"[{{cloud_type: AWS, region: here, endpoint: 'http://127.0.0.1:{server.port}', dialect: newcomer}}]"
    )
    location = Location("AWS", "here", "bucket", Side.SOURCE)
    try:
        async with Wire() as wire:
            store = open_store(location, Credentials("key", SecretStr("secret")), wire, parse_endpoints(line))
            assert store.traits is NEWCOMER.traits
            data = b"some bytes"
            block = Block(data, hashlib.md5(data).digest(), crc64.xz(data))
            await store.put(b"a b/+%41", block, WriteOptions(storage_class=StorageClass.IA), ANY)
            (info,) = (await store.list_page(b"", b"")).objects
            assert (info.key, info.storage_class) == (b"a b/+%41", "ONEZONE_IA")
            assert (await store.read(info.key, Guard(info.etag, info.size))).data == data
    finally:
        await server.stop()
