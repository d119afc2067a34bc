"""PUT: digests are enforced, conditions hold, headers and metadata arrive."""

import hashlib
from dataclasses import replace

import pytest

from connectors.capabilities import DestinationStore
from connectors.errors import Corrupted, PreconditionFailed, Rejected, StoreError
from connectors.objects import (
    ABSENT,
    ANY,
    Condition,
    Encryption,
    Guard,
    Properties,
    StorageClass,
    WriteOptions,
)
from engine.failures import Meaning
from tests.conformance.harness import block, plain

DATA = b"some content"


async def test_a_plain_etag_is_the_md5(connector: str, store: DestinationStore) -> None:
    written = await store.put(b"key", block(DATA), plain(), ANY)
    assert written.etag.lower() == hashlib.md5(DATA).hexdigest()
    assert written.answered_ms > 0


async def test_a_wrong_md5_is_refused_and_stores_nothing(connector: str, store: DestinationStore) -> None:
    wrong = replace(block(DATA), md5=hashlib.md5(b"other").digest())
    with pytest.raises(Corrupted) as caught:
        await store.put(b"key", wrong, plain(), ANY)
    assert caught.value.meaning is Meaning.DIGEST_MISMATCH
    assert (await store.list_page(b"", b"")).objects == ()


async def test_absent_holds_for_a_new_key_only(connector: str, store: DestinationStore) -> None:
    if not store.traits.conditional_put:
        with pytest.raises(Rejected):
            await store.put(b"key", block(DATA), plain(), ABSENT)
        return
    first = await store.put(b"key", block(DATA), plain(), ABSENT)
    with pytest.raises(PreconditionFailed):
        await store.put(b"key", block(b"other"), plain(), ABSENT)
    assert (await store.head(b"key")).info.etag == first.etag


async def test_an_etag_condition_guards_the_version(connector: str, store: DestinationStore) -> None:
    if not store.traits.conditional_put:
        with pytest.raises(Rejected):
            await store.put(b"key", block(DATA), plain(), Condition(etag="0" * 32))
        return
    first = await store.put(b"key", block(DATA), plain(), ANY)
    second = await store.put(b"key", block(b"second"), plain(), Condition(etag=first.etag))
    with pytest.raises(PreconditionFailed):
        await store.put(b"key", block(b"third"), plain(), Condition(etag=first.etag))
    assert (await store.head(b"key")).info.etag == second.etag


async def test_content_headers_arrive(connector: str, store: DestinationStore) -> None:
    wanted = Properties(
        content_type="text/html; charset=utf-8",
        content_encoding="br",
        content_disposition='attachment; filename="a b.txt"',
        content_language="de-CH",
        cache_control="max-age=60, private",
        expires="Thu, 01 Dec 2033 16:00:00 GMT",
    )
    await store.put(b"key", block(DATA), WriteOptions(wanted), ANY)
    assert replace((await store.head(b"key")).properties, metadata=()) == wanted


async def test_metadata_arrives_exactly(connector: str, store: DestinationStore) -> None:
    metadata = (("a", "1"), ("b-c", "100%41% +=;,\"'/\\~"), ("mtime", "1700000000.123"))
    await store.put(b"key", block(DATA), WriteOptions(Properties(metadata=metadata)), ANY)
    head = await store.head(b"key")
    assert head.properties.metadata == metadata
    answer = await store.read(b"key", Guard(head.info.etag, len(DATA)))
    assert answer.head.properties.metadata == metadata


async def test_a_name_that_no_header_takes_is_rejected(connector: str, store: DestinationStore) -> None:
    for name in ("with blank", "ünï", "a\r\nb", "", "under_score"):
        with pytest.raises(Rejected):
            await store.put(b"key", block(DATA), WriteOptions(Properties(metadata=((name, "x"),))), ANY)
    assert (await store.list_page(b"", b"")).objects == ()


async def test_pace_is_awaited_for_every_byte_before_it_goes(connector: str, store: DestinationStore) -> None:
    data, asked = b"p" * (300 << 10), []

    async def pace(count: int) -> None:
        asked.append(count)

    await store.put(b"key", block(data), plain(), ANY, pace)
    head = await store.head(b"key")
    assert sum(asked) == len(data)
    assert (await store.read(b"key", Guard(head.info.etag, len(data)))).data == data


@pytest.mark.parametrize("storage_class", list(StorageClass))
async def test_a_storage_class_is_stored(
    connector: str, storage_class: StorageClass, store: DestinationStore
) -> None:
    options = WriteOptions(Properties(content_type="a/b"), storage_class)
    await store.put(b"key", block(DATA), options, ANY)
    head, (listed,) = await store.head(b"key"), (await store.list_page(b"", b"")).objects
    archived = storage_class in {StorageClass.ARCHIVE, StorageClass.DEEP_ARCHIVE}
    assert (head.info.availability != "readable") is archived
    assert listed.availability is head.info.availability
    if archived:
        with pytest.raises(StoreError) as caught:
            await store.read(b"key", Guard(head.info.etag, len(DATA)))
        assert caught.value.meaning is Meaning.ARCHIVED


async def test_kms_is_asked_for_and_told(connector: str, store: DestinationStore) -> None:
    written = await store.put(b"key", block(DATA), WriteOptions(kms=True), ANY)
    assert written.encryption is Encryption.KMS
    assert (await store.head(b"key")).encryption is Encryption.KMS


async def test_delete_may_be_called_twice(connector: str, store: DestinationStore) -> None:
    await store.put(b"key", block(DATA), plain(), ANY)
    await store.delete(b"key")
    await store.delete(b"key")
    assert (await store.list_page(b"", b"")).objects == ()
