"""A whole task, from listing to records."""

import asyncio
import gzip
import hashlib
import io
from dataclasses import replace

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from engine.outcomes import Outcome, OutcomeKind, encode
from engine.spec import CloudType, ListFile, SourceNode, TaskType
from tests.transfer.world import AK, SK, SPEC, World

MIB = 1 << 20
# The 18 of clouds.md A1, and more that stores, parsers and shells stumble over.
AWKWARD = [
    b"a/../b", b"a/./b", b"../x", b"..", b".", b"/lead", b"a//b", b"//two", b"back\\slash", b"ctl\x01", b"nl\n",
    b"tab\t", "uni-é中".encode(), b"sp ace+plus%41", b"q?m#f", b"tilde~!*'()", b"end/", b"end/..",
    b"cr\r", b"del\x7f", b"%2F", b"+", b"a%", "emoji-\U0001f600".encode(), "nfc-\u00e9".encode(),
    "nfd-e\u0301".encode(), b"Case", b"case", b"k" * 1024, b"&<>\"'", b" ", b"a b ", "\u202ertl".encode(),
    "\uffff".encode(), b"oms/inside",
]  # fmt: skip


@pytest.mark.check(16)
async def test_small_objects_arrive_with_two_requests_each(world: World) -> None:
    bodies = {f"dir/{n:04}".encode(): b"x" * n for n in range(50)}
    for key, body in bodies.items():
        world.source.put("from", key, body)
    ended = await world.migrate()
    assert ended.status == 5, ended.row
    assert ended.tally() == (50, 50, 0, 0)
    assert {key: world.destination.get("into", key) for key in world.data_keys()} == bodies
    assert len(world.records("success")) == 50
    asked, written = world.source.counters(), world.destination.counters()
    assert (asked.requests("get"), asked.requests("head")) == (50, 0)
    assert (written.requests("put", prefix=""), written.requests("head")) == (50, 0)


@pytest.mark.check(25)
async def test_a_second_run_asks_for_no_object(world: World) -> None:
    for n in range(30):
        world.source.put("from", f"{n}".encode(), b"x" * n)
    assert (await world.migrate()).status == 5
    world.source.reset_counters()
    world.destination.reset_counters()
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (30, 0, 30, 0))
    assert world.source.counters().requests("get|head") == 0
    assert world.destination.counters().requests("put", prefix="") == 0
    assert len(world.records("skip")) == 30


@pytest.mark.check(23)
async def test_awkward_keys_arrive_under_the_same_bytes(world: World) -> None:
    for key in AWKWARD:
        world.source.put("from", key, b"body of " + key)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (len(AWKWARD), len(AWKWARD), 0, 0)), ended.outcomes
    arrived = {key for key in world.destination.keys("into") if not key.startswith(b"oms/task/")}
    assert arrived == set(AWKWARD)
    for key in AWKWARD:
        assert world.destination.get("into", key) == b"body of " + key


@pytest.mark.check(39)
async def test_a_key_too_long_for_its_prefix_fails_by_name(world: World) -> None:
    world.source.put("from", b"k" * 1020, b"fits not")
    world.source.put("from", b"ok", b"fits")
    ended = await world.migrate(replace(SPEC, destination=replace(SPEC.destination, save_prefix="prefix/")))
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", (2, 1, 0, 1))
    assert world.data_keys() == [b"prefix/ok"]
    (line,) = world.records("failed")
    assert line.startswith(b"DST_OBJ_KEY_INVALID\t")


@pytest.mark.check(35, 36)
@pytest.mark.parametrize("size", [0, 1, 16 * MIB - 1, 16 * MIB, 16 * MIB + 1, 32 * MIB, 50_000_000])
async def test_sizes_around_a_part_are_identical(world: World, size: int) -> None:
    body = hashlib.shake_128(b"%d" % size).digest(size)
    world.source.put(
        "from", b"object", body, headers={"content-type": "text/x-demo"}, metadata={"color": "red"}
    )
    ended = await world.migrate(replace(SPEC, enable_metadata_migration=True))
    assert ended.status == 5, ended.outcomes
    assert world.destination.get("into", b"object") == body
    info = world.destination.info("into", b"object")
    assert info["headers"]["content-type"] == "text/x-demo"
    assert info["metadata"] == {"color": "red"}
    parts = -(-size // (16 * MIB))
    asked, written = world.source.counters(), world.destination.counters()
    assert (asked.requests("get"), asked.requests("head")) == (max(1, parts), 0)
    if parts > 1:
        assert written.requests("initiate|upload_part|complete", prefix="") == parts + 2
    assert world.destination.uploads("into") == []


async def test_what_was_uploaded_in_parts_is_compared_by_its_parts(world: World) -> None:
    body = hashlib.shake_128(b"in parts").digest(40 * MIB)
    client = boto3.client(
        "s3", endpoint_url=world.source.url, aws_access_key_id=AK, aws_secret_access_key=SK,
        region_name="us-east-1", config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    chunks = TransferConfig(multipart_chunksize=8 * MIB)
    await asyncio.to_thread(client.upload_fileobj, io.BytesIO(body), "from", "large", Config=chunks)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert world.destination.get("into", b"large") == body
    assert world.source.counters().requests("head|get", prefix="") == 5
    assert [line.split(b"\t")[4] for line in world.records("success")] == [b"e2e"]


@pytest.mark.check(36)
async def test_stored_gzip_stays_as_it_is_stored(world: World) -> None:
    body = gzip.compress(b"text " * 1000)
    headers = {"content-type": "text/plain", "content-encoding": "gzip", "cache-control": "no-cache"}
    world.source.put("from", b"page", body, headers=headers, metadata={"a": "b"})
    assert (await world.migrate()).status == 5
    info = world.destination.info("into", b"page")
    assert world.destination.get("into", b"page") == body
    assert info["headers"]["content-encoding"] == "gzip"
    assert (info["metadata"], "cache-control" in info["headers"]) == ({}, False)


async def test_thousands_of_keys_are_listed_in_ranges_that_split_themselves(world: World) -> None:
    for n in range(12_000):
        world.source.put("from", b"flat-%08d" % n, b"")
    ended = await world.migrate(workers=2)
    assert (ended.status, ended.tally()) == (5, (12_000, 12_000, 0, 0))
    assert len(world.data_keys()) == 12_000
    ranges = await world.pool.fetch_all("SELECT listed FROM key_range ORDER BY lo")
    assert len(ranges) > 4
    assert sum(one["listed"] for one in ranges) == 12_000


async def test_who_is_busy_cuts_a_range_for_workers_that_have_none(world: World) -> None:
    for n in range(8_000):
        world.source.put("from", b"flat-%08d" % n, b"")
        world.destination.put("into", b"flat-%08d" % n, b"")
    world.source.faults.add(op="list", delay_ms=200)
    world.stores.alive, world.limits = 2, replace(world.limits, ranges=1, cut_every=0.0)
    ended = await world.migrate(workers=2)
    assert (ended.status, ended.tally()) == (5, (8_000, 0, 8_000, 0))
    assert await world.pool.fetch_all("SELECT 1 FROM key_range OFFSET 2") != []


@pytest.mark.check(38, 39)
async def test_names_folders_and_prefixes_choose_what_goes(world: World) -> None:
    for key in (b"d/1", b"d/2/3", b"d", b"f", b"ff", b"g"):
        world.source.put("from", key, b"x")
    named = replace(
        SPEC,
        task_type=TaskType.OBJECT,
        source=replace(SPEC.source, object_keys=("d/", "f")),
        destination=replace(SPEC.destination, save_prefix="new_"),
    )
    ended = await world.migrate(named)
    assert (ended.status, world.data_keys()) == (5, [b"new_d/1", b"new_d/2/3", b"new_f"])


@pytest.mark.check(41)
async def test_only_objects_modified_after_the_instant_are_migrated(world: World) -> None:
    world.source.put("from", b"old", b"x", modified=1_000.0)
    world.source.put("from", b"edge", b"x", modified=2_000.0)
    world.source.put("from", b"new", b"x", modified=2_001.0)
    ended = await world.migrate(replace(SPEC, migrate_since_s=2_000))
    assert (ended.status, ended.tally(), world.data_keys()) == (5, (3, 1, 2, 0), [b"new"])


def listed(key: str = "lists/objects.txt") -> SourceNode:
    """A source that is chosen by a list in the destination bucket."""
    return SourceNode(CloudType.AWS, "us-east-1", "from", list_file=ListFile("into", key))


@pytest.mark.check(1)
async def test_a_list_of_one_line_without_a_newline_migrates_it(world: World) -> None:
    world.source.put("from", b"test.txt", b"hello")
    world.destination.put("into", b"lists/objects.txt", b"test.txt", headers={"content-type": "text/plain"})
    ended = await world.migrate(replace(SPEC, task_type=TaskType.LIST, source=listed()))
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.get("into", b"test.txt") == b"hello"
    assert world.source.counters().requests("list") == 0


@pytest.mark.check(2, 8)
async def test_a_list_decides_doubles_blanks_and_encodings_line_by_line(world: World) -> None:
    for key in ("中 文".encode(), b"a+b", b"plain", b"there"):
        world.source.put("from", key, b"body")
    world.destination.put("into", b"there", b"body")
    lines = b"\xef\xbb\xbf%E4%B8%AD%20%E6%96%87\r\n\nplain\nplain \na+b\nthere\nplain"
    world.destination.put("into", b"lists/objects.txt", lines, headers={"content-type": "text/plain"})
    ended = await world.migrate(replace(SPEC, task_type=TaskType.LIST, source=listed()))
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", (6, 3, 2, 1)), ended.outcomes
    assert world.destination.get("into", "中 文".encode()) == b"body"
    assert [line.split(b"\t")[2] for line in world.records("failed")] == [b"plain%20"]
    assert {line.split(b"\t")[4] for line in world.records("skip")} == {
        b"duplicate line",
        b"size_last_modified",
    }


@pytest.mark.check(3, 4, 5, 6, 7)
@pytest.mark.parametrize(
    ("key", "body", "headers", "code"),
    [
        ("lists/x.csv", b"a", {"content-type": "text/plain"}, "TRF.0014"),
        ("lists/x.txt", b"a", {"content-type": "application/octet-stream"}, "TRF.0019"),
        ("lists/x.txt", b"a", {"content-type": "text/plain", "content-encoding": "gzip"}, "TRF.0019"),
        ("lists/x.txt", b"", {"content-type": "text/plain"}, "TRF.0017"),
        ("lists/x.txt", b"a\n" + b"l" * 65_536, {"content-type": "text/plain"}, "TRF.0018"),
        ("lists/x.txt", None, {}, "TRF.0013"),
        ("lists/x.txt", b"gone\na", {"content-type": "text/plain"}, "TRF.0026"),
    ],
)
async def test_a_bad_list_ends_the_task_with_its_code(
    world: World, key: str, body: bytes | None, headers: dict[str, str], code: str
) -> None:
    world.source.put("from", b"a", b"x")
    if body is not None:
        world.destination.put("into", key.encode(), body, headers=headers)
    ended = await world.migrate(replace(SPEC, task_type=TaskType.LIST, source=listed(key)))
    assert (ended.status, ended.code) == (4, code), ended.row


@pytest.mark.check(5, 7)
async def test_a_line_of_65535_characters_is_taken(world: World) -> None:
    world.source.put("from", b"a", b"x")
    body = b"a\n" + b"l" * 65_535
    world.destination.put("into", b"lists/x.txt", body, headers={"content-type": "text/plain"})
    ended = await world.migrate(replace(SPEC, task_type=TaskType.LIST, source=listed("lists/x.txt")))
    assert (ended.code, ended.tally()) == ("TRF.0004", (2, 1, 0, 1))


async def test_whole_lists_are_written_by_all_workers_before_one_of_them_ends_the_run(world: World) -> None:
    """Eight files' worth of skipped objects, in segments that say so; what they hold is one line each."""
    skipped = Outcome(0, OutcomeKind.SKIP, b"key", 1, "etag", "MIGRATE_SINCE", finished_ms=1)
    task_id = await world.task()
    await world.pool.execute("UPDATE run SET phase = 'active'")
    await world.pool.execute(
        "INSERT INTO segment (task_id, run_no, page_no, kind, n, bytes, digest, payload)"
        " SELECT %s, 1, page, 'skip', 100000, 1, decode(repeat('00', 32), 'hex'), %s FROM generate_series(1, 8) page",
        [task_id, encode([skipped])],
    )
    await world.pool.execute(
        "INSERT INTO counter (task_id, run_no, shard, skip) VALUES (%s, 1, 0, 800000)"
        " ON CONFLICT (task_id, run_no, shard) DO UPDATE SET skip = excluded.skip",
        [task_id],
    )
    world.destination.faults.add(op="put", delay_ms=300)
    await world.run(workers=2, seconds=10)
    lists = await world.pool.fetch_all("SELECT worker, state FROM record")
    assert [one["state"] for one in lists] == ["written"] * 8
    assert {one["worker"] for one in lists} == {"w0", "w1"}
