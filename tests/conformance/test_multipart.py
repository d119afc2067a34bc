"""Multipart uploads: any order of parts, nothing visible before the end, every wrong end an error."""

import hashlib
from dataclasses import replace

import pytest

from connectors.capabilities import DestinationStore
from connectors.errors import Corrupted, NotFound, PreconditionFailed, Rejected
from connectors.objects import ABSENT, ANY, Guard, Properties, WriteOptions
from engine.failures import Meaning
from tests.conformance.harness import block, plain

PART = 5 << 20
KEY = b"big/one +%41"


def _composite(*parts: bytes) -> str:
    digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts))
    return f"{digest.hexdigest()}-{len(parts)}"


@pytest.mark.parametrize("more", [None, -1, 0, 1])
async def test_parts_in_any_order_make_the_object(
    connector: str, more: int | None, store: DestinationStore
) -> None:
    size = max(PART, store.traits.min_part)
    last = 1 if more is None else min(size + more, store.traits.max_part)
    first, second = b"1" * size, b"2" * last
    options = WriteOptions(Properties(content_type="a/b", metadata=(("k", "v"),)))
    upload = await store.create_upload(KEY, options)
    part_2 = await store.put_part(KEY, upload, 2, block(second))
    assert (await store.list_page(b"", b"")).objects == ()
    part_1 = await store.put_part(KEY, upload, 1, block(first))
    written = await store.complete_upload(KEY, upload, [part_2, part_1], ANY)
    if store.traits.etag_is_md5 and store.traits.composite_etag:
        assert written.etag == _composite(first, second)
    head = await store.head(KEY)
    assert (head.info.size, head.properties.metadata) == (size + last, (("k", "v"),))
    assert (await store.read(KEY, Guard(head.info.etag, size + last))).data == first + second


async def test_stored_parts_are_listed_in_order(connector: str, store: DestinationStore) -> None:
    upload = await store.create_upload(KEY, plain())
    assert await store.list_parts(KEY, upload) == ()
    stored = [await store.put_part(KEY, upload, number, block(b"x" * number)) for number in (3, 1, 2)]
    listed = await store.list_parts(KEY, upload)
    wanted = sorted((part.number, part.etag, part.size) for part in stored)
    assert [(part.number, part.etag, part.size) for part in listed] == wanted
    await store.abort_upload(KEY, upload)


async def test_a_part_that_is_sent_again_replaces_the_first(connector: str, store: DestinationStore) -> None:
    upload = await store.create_upload(KEY, plain())
    await store.put_part(KEY, upload, 1, block(b"wrong"))
    right = await store.put_part(KEY, upload, 1, block(b"right!"))
    await store.complete_upload(KEY, upload, [right], ANY)
    assert (await store.head(KEY)).info.size == 6


async def test_an_aborted_upload_leaves_nothing(connector: str, store: DestinationStore) -> None:
    upload = await store.create_upload(KEY, plain())
    part = await store.put_part(KEY, upload, 1, block(b"x"))
    await store.abort_upload(KEY, upload)
    await store.abort_upload(KEY, upload)
    with pytest.raises(NotFound) as caught:
        await store.complete_upload(KEY, upload, [part], ANY)
    assert caught.value.meaning is Meaning.NO_UPLOAD
    with pytest.raises(NotFound):
        await store.put_part(KEY, upload, 1, block(b"x"))
    with pytest.raises(NotFound):
        await store.list_parts(KEY, upload)
    assert (await store.list_page(b"", b"")).objects == ()
    assert await store.list_uploads(b"") == ()


async def test_open_uploads_are_listed(connector: str, store: DestinationStore) -> None:
    mine = await store.create_upload(KEY, plain())
    again = await store.create_upload(KEY, plain())
    other = await store.create_upload(b"other", plain())
    found = await store.list_uploads(b"big/")
    assert {(upload.key, upload.upload_id) for upload in found} == {(KEY, mine), (KEY, again)}
    assert all(upload.initiated_ms > 0 for upload in found)
    assert len(await store.list_uploads(b"")) == 3
    for key, upload in ((KEY, mine), (KEY, again), (b"other", other)):
        await store.abort_upload(key, upload)


async def test_a_second_complete_finds_no_upload(connector: str, store: DestinationStore) -> None:
    upload = await store.create_upload(KEY, plain())
    part = await store.put_part(KEY, upload, 1, block(b"x"))
    await store.complete_upload(KEY, upload, [part], ANY)
    with pytest.raises(NotFound) as caught:
        await store.complete_upload(KEY, upload, [part], ANY)
    assert caught.value.meaning is Meaning.NO_UPLOAD


async def test_a_missing_part_completes_nothing(connector: str, store: DestinationStore) -> None:
    upload = await store.create_upload(KEY, plain())
    part = await store.put_part(KEY, upload, 1, block(b"x"))
    with pytest.raises(Rejected) as caught:
        await store.complete_upload(KEY, upload, [part, replace(part, number=2)], ANY)
    assert caught.value.meaning is Meaning.BAD_PART
    assert (await store.list_page(b"", b"")).objects == ()
    await store.abort_upload(KEY, upload)


async def test_a_small_part_before_the_last_completes_nothing(
    connector: str, store: DestinationStore
) -> None:
    upload = await store.create_upload(KEY, plain())
    parts = [await store.put_part(KEY, upload, number, block(b"tiny")) for number in (1, 2)]
    with pytest.raises(Rejected) as caught:
        await store.complete_upload(KEY, upload, parts, ANY)
    assert caught.value.meaning is Meaning.BAD_PART
    await store.abort_upload(KEY, upload)


async def test_a_wrong_md5_refuses_the_part(connector: str, store: DestinationStore) -> None:
    upload = await store.create_upload(KEY, plain())
    wrong = replace(block(b"x"), md5=hashlib.md5(b"y").digest())
    with pytest.raises(Corrupted) as caught:
        await store.put_part(KEY, upload, 1, wrong)
    assert caught.value.meaning is Meaning.DIGEST_MISMATCH
    assert await store.list_parts(KEY, upload) == ()
    await store.abort_upload(KEY, upload)


async def test_absent_holds_at_complete(connector: str, store: DestinationStore) -> None:
    await store.put(KEY, block(b"first"), plain(), ANY)
    upload = await store.create_upload(KEY, plain())
    part = await store.put_part(KEY, upload, 1, block(b"second"))
    expected = PreconditionFailed if store.traits.conditional_complete else Rejected
    with pytest.raises(expected):
        await store.complete_upload(KEY, upload, [part], ABSENT)
    assert (await store.head(KEY)).info.size == 5
    await store.abort_upload(KEY, upload)
