"""Archived objects: their state is told, a restore is asked for once or often, and then they can be read."""

import asyncio

import pytest

from connectors.capabilities import DestinationStore, Restorer
from connectors.errors import Archived, NotFound, Rejected, StoreError
from connectors.objects import ANY, Availability, Guard, Properties, StorageClass, WriteOptions
from connectors.s3.store import S3Store
from connectors.wire import Wire
from engine.failures import Meaning, Operation, Side, trf_code
from tests.conformance.harness import Harness, block, plain
from tests.storeserver import ServerProcess

DATA = b"from the archive"
KEY = b"old/one +%41"
ARCHIVES = [StorageClass.ARCHIVE, StorageClass.DEEP_ARCHIVE]


def _restorer(store: DestinationStore) -> Restorer:
    assert isinstance(store, S3Store)
    return store


async def _archived(store: DestinationStore, storage_class: StorageClass = StorageClass.ARCHIVE) -> Guard:
    options = WriteOptions(Properties(content_type="a/b"), storage_class)
    written = await store.put(KEY, block(DATA), options, ANY)
    return Guard(written.etag, len(DATA))


async def _state(store: DestinationStore) -> Availability:
    return (await store.head(KEY)).info.availability


@pytest.mark.parametrize("tier", ["Expedited", "Standard", "Bulk"])
@pytest.mark.parametrize("storage_class", ARCHIVES)
async def test_a_restored_object_can_be_read(
    faulty: str, storage_class: StorageClass, tier: str, store: DestinationStore, server: ServerProcess
) -> None:
    guard = await _archived(store, storage_class)
    assert await _state(store) is Availability.ARCHIVED
    server.settings(restore_seconds=0.3)
    await _restorer(store).restore(KEY, 2, tier)
    assert await _state(store) is Availability.RESTORING
    await asyncio.sleep(0.35)
    assert await _state(store) is Availability.READABLE
    assert (await store.read(KEY, guard)).data == DATA


async def test_a_restore_may_be_asked_for_while_it_runs_and_after(
    faulty: str, store: DestinationStore, server: ServerProcess
) -> None:
    await _archived(store)
    server.settings(restore_seconds=0.3)
    for _ in range(3):
        await _restorer(store).restore(KEY, 1, "Standard")
    await asyncio.sleep(0.35)
    await _restorer(store).restore(KEY, 1, "Standard")
    assert await _state(store) is Availability.READABLE


async def test_a_restore_of_what_is_not_archived_is_refused(faulty: str, store: DestinationStore) -> None:
    await store.put(KEY, block(DATA), plain(), ANY)
    with pytest.raises(StoreError) as caught:
        await _restorer(store).restore(KEY, 1, "Standard")
    assert caught.value.operation is Operation.RESTORE
    assert trf_code(caught.value.meaning, Side.SOURCE, Operation.RESTORE) == "TRF.0201"


async def test_a_restore_of_nothing_is_not_found(faulty: str, store: DestinationStore) -> None:
    with pytest.raises(NotFound):
        await _restorer(store).restore(b"nothing", 1, "Standard")


async def test_an_unknown_tier_or_period_is_refused(faulty: str, store: DestinationStore) -> None:
    await _archived(store)
    with pytest.raises(Rejected):
        await _restorer(store).restore(KEY, 999, "Standard")
    assert await _state(store) is Availability.ARCHIVED


async def test_an_archived_read_says_so(faulty: str, store: DestinationStore) -> None:
    guard = await _archived(store)
    with pytest.raises(StoreError) as caught:
        await store.read(KEY, guard)
    assert caught.value.meaning is Meaning.ARCHIVED
    (listed,) = (await store.list_page(b"", b"")).objects
    assert listed.availability is Availability.ARCHIVED


async def test_the_crc64_of_the_whole_object_is_told(faulty: str, store: DestinationStore) -> None:
    wanted = block(DATA)
    await store.put(KEY, wanted, plain(), ANY)
    head = await store.head(KEY)
    if "AWS" in faulty or "V2" in faulty:
        assert head.crc64 is None
    else:
        assert head.crc64 == wanted.crc64
        assert (await store.read(KEY, Guard(head.info.etag, len(DATA)))).head.crc64 == wanted.crc64


async def test_moto_agrees_on_restores(harnesses: dict[str, Harness], wire: Wire) -> None:
    harness = harnesses["AWS moto"]
    store = harness.open(wire, harness.fresh_bucket())
    guard = await _archived(store)
    assert await _state(store) is Availability.ARCHIVED
    with pytest.raises(Archived):
        await store.read(KEY, guard)
    await _restorer(store).restore(KEY, 1, "Standard")
    assert await _state(store) is Availability.READABLE
    assert (await store.read(KEY, guard)).data == DATA
