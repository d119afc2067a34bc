"""What only Azure has: shared access signatures, an MD5 beside the ETag, names of metadata, tiers, orders of names."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import (
    AccountSasPermissions,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_container_sas,
)

from connectors.capabilities import DestinationStore, TagReader
from connectors.errors import Denied, Fatal, Rejected, StoreError
from connectors.objects import ANY, ByteRange, Guard, Properties, StorageClass, WriteOptions
from connectors.wire import Counters, Wire
from engine.failures import Meaning
from tests.conformance.azure import KEY
from tests.conformance.harness import AK, Harness, block, plain
from tests.storeserver import ServerProcess

DATA = b"some content"
# In 16-bit units the emoji is before the fullwidth letter, in UTF-8 after it.
ORDER = ["a", "a\uff21", "a\uff21/x", "a😀", "a😀/x", "b", "\uff21", "😀"]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_names_come_in_byte_order_whatever_the_store_sorts_by(
    on_azure: str, limit: int, store: DestinationStore
) -> None:
    for name in ORDER:
        await store.put(name.encode(), block(name.encode()), plain(), ANY)
    found: list[bytes] = []
    after: bytes | None = b""
    while after is not None:
        page = await store.list_page(b"", after, limit)
        found += [info.key for info in page.objects]
        after = page.after
    assert found == sorted(name.encode() for name in ORDER)


async def test_the_md5_is_told_by_whole_and_ranged_reads(on_azure: str, store: DestinationStore) -> None:
    written = await store.put(b"key", block(DATA), plain(), ANY)
    guard, digest = Guard(written.etag, len(DATA)), hashlib.md5(DATA).digest()
    assert (await store.head(b"key")).md5 == digest
    assert (await store.read(b"key", guard)).head.md5 == digest
    assert (await store.read(b"key", guard, ByteRange(2, 3))).head.md5 == digest


async def test_a_blob_of_blocks_has_no_md5(on_azure: str, store: DestinationStore) -> None:
    upload = await store.create_upload(b"key", plain())
    parts = [await store.put_part(b"key", upload, number, block(b"x" * number)) for number in (1, 2)]
    await store.complete_upload(b"key", upload, parts, ANY)
    assert (await store.head(b"key")).md5 is None


async def test_content_headers_and_metadata_arrive_by_put_and_by_blocks(
    on_azure: str, store: DestinationStore
) -> None:
    wanted = Properties(
        content_type="text/html; charset=utf-8",
        content_encoding="gzip",
        content_disposition='attachment; filename="a b.txt"',
        content_language="de-CH",
        cache_control="max-age=60, private",
        metadata=(("a", "1"), ("name1", "x"), ("name_1", "100%41% +=;,\"'/\\~")),
    )
    await store.put(b"put", block(DATA), WriteOptions(wanted), ANY)
    upload = await store.create_upload(b"blocks", WriteOptions(wanted))
    part = await store.put_part(b"blocks", upload, 1, block(DATA))
    await store.complete_upload(b"blocks", upload, [part], ANY)
    for key in (b"put", b"blocks"):
        head = await store.head(key)
        assert head.properties == wanted
        assert (await store.read(key, Guard(head.info.etag, len(DATA)))).head.properties == wanted


@pytest.mark.parametrize("name", ["with blank", "ünï", "a\r\nb", "", "hyp-hen", "1st"])
async def test_a_name_that_is_no_identifier_is_rejected(
    on_azure: str, name: str, store: DestinationStore
) -> None:
    with pytest.raises(Rejected):
        await store.put(b"key", block(DATA), WriteOptions(Properties(metadata=((name, "x"),))), ANY)
    assert (await store.list_page(b"", b"")).objects == ()


async def test_a_wrong_md5_stores_nothing(on_azure: str, store: DestinationStore) -> None:
    wrong = replace(block(DATA), md5=hashlib.md5(b"other").digest())
    with pytest.raises(StoreError):
        await store.put(b"key", wrong, plain(), ANY)
    upload = await store.create_upload(b"key", plain())
    with pytest.raises(StoreError):
        await store.put_part(b"key", upload, 1, wrong)
    assert await store.list_parts(b"key", upload) == ()
    assert (await store.list_page(b"", b"")).objects == ()


async def test_two_uploads_of_one_key_do_not_mix(on_azure: str, store: DestinationStore) -> None:
    uploads = [await store.create_upload(b"key", plain()) for _ in range(2)]
    parts = [
        await store.put_part(b"key", upload, 1, block(f"of {number}".encode()))
        for number, upload in enumerate(uploads)
    ]
    assert {one.upload_id for one in await store.list_uploads(b"")} == {one.split(".")[0] for one in uploads}
    written = await store.complete_upload(b"key", uploads[1], [parts[1]], ANY)
    assert (await store.read(b"key", Guard(written.etag, 4))).data == b"of 1"


@pytest.mark.parametrize(("wanted", "word"), [(StorageClass.IA, "Cool"), (StorageClass.ARCHIVE, "Archive")])
async def test_a_tier_is_told_by_listing_and_head(
    on_azure: str, wanted: StorageClass, word: str, store: DestinationStore
) -> None:
    await store.put(b"key", block(DATA), WriteOptions(storage_class=wanted), ANY)
    (listed,) = (await store.list_page(b"", b"")).objects
    head = (await store.head(b"key")).info
    assert (listed.storage_class, head.storage_class) == (word, word)
    assert listed.availability == head.availability == ("archived" if word == "Archive" else "readable")


async def test_a_restore_moves_the_blob_for_good_and_leaves_others_where_they_are(
    scripted: str, store: DestinationStore, server: ServerProcess
) -> None:
    server.settings(restore_seconds=0.1)
    for key, kept in ((b"cool", StorageClass.IA), (b"frozen", StorageClass.ARCHIVE)):
        await store.put(key, block(DATA), WriteOptions(storage_class=kept), ANY)
        await store.restore(key, 1, "Standard")  # type: ignore[attr-defined]  # a Restorer
    await asyncio.sleep(0.15)
    told = [(await store.head(key)).info.storage_class for key in (b"cool", b"frozen")]
    assert told == ["Cool", "Hot"]


async def test_tags_are_counted_read_and_kept(on_azurite: str, store: DestinationStore) -> None:
    wanted = (("a b", "1+2"), ("kind", "x:y/z"))
    await store.put(b"put", block(DATA), WriteOptions(tags=wanted), ANY)
    upload = await store.create_upload(b"blocks", WriteOptions(tags=wanted))
    part = await store.put_part(b"blocks", upload, 1, block(DATA))
    await store.complete_upload(b"blocks", upload, [part], ANY)
    await store.put(b"bare", block(DATA), plain(), ANY)
    assert isinstance(store, TagReader)
    for key in (b"put", b"blocks"):
        head = await store.head(key)
        assert head.tag_count == 2
        assert (await store.read(key, Guard(head.info.etag, len(DATA)))).head.tag_count == 2
        assert sorted(await store.tags(key)) == sorted(wanted)
    assert (await store.head(b"bare")).tag_count == 0


def _sas(permissions: str, *, hours: int = 1, container: str = "") -> str:
    expiry = datetime.now(UTC) + timedelta(hours=hours)
    start = expiry - timedelta(days=2)
    if container:
        allowed = ContainerSasPermissions.from_string(permissions)
        return generate_container_sas(AK, container, KEY, permission=allowed, expiry=expiry, start=start)
    kinds, rights = ResourceTypes.from_string("sco"), AccountSasPermissions.from_string(permissions)
    return generate_account_sas(AK, KEY, kinds, rights, expiry, start)


@pytest.mark.parametrize("scope", ["account", "container"])
async def test_a_sas_opens_what_it_is_for(
    on_azurite: str, scope: str, harness: Harness, wire: Wire, bucket: str
) -> None:
    keys = [b"plain", b"sp ace+%41", "uni-é中".encode(), b"q?m#f&x=1"]
    owner = harness.open(wire, bucket)
    for key in keys:
        await owner.put(key, block(key), plain(), ANY)
    guest = harness.open(wire, bucket, (AK, "", _sas("rl", container=bucket if scope == "container" else "")))
    await guest.check_bucket()
    page = await guest.list_page(b"", b"")
    assert [info.key for info in page.objects] == sorted(keys)
    for info in page.objects:
        assert (await guest.read(info.key, Guard(info.etag, info.size))).data == info.key
    with pytest.raises(Denied) as refused:
        await guest.put(b"new", block(b"x"), plain(), ANY)
    assert refused.value.meaning is Meaning.ACCESS_DENIED


@pytest.mark.parametrize("sas", ["sv=2021-12-02&sp=rl&sig=AAAA", "another account's"])
async def test_a_wrong_sas_is_fatal(
    on_azurite: str, sas: str, harness: Harness, wire: Wire, bucket: str
) -> None:
    told = sas if "=" in sas else _sas("rl").replace("sig=", "sig=x")
    with pytest.raises(Fatal):
        await harness.open(wire, bucket, (AK, "", told)).list_page(b"", b"")


async def test_a_sas_that_is_over_is_fatal(
    on_azurite: str, harness: Harness, wire: Wire, bucket: str
) -> None:
    with pytest.raises(Fatal):
        await harness.open(wire, bucket, (AK, "", _sas("rl", hours=-1))).list_page(b"", b"")


async def test_a_clock_that_is_wrong_is_corrected_once(
    scripted: str, store: DestinationStore, server: ServerProcess, meter: Counters
) -> None:
    store._channel._clock = lambda: 1_700_000_000.0  # type: ignore[attr-defined]  # years ago
    await store.put(b"key", block(DATA), plain(), ANY)
    await store.head(b"key")
    assert (meter.requests("put"), meter.requests("head")) == (2, 1)
