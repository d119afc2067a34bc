"""Records, retries of failed objects and selections, as a client of the HTTP API sees them."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import boto3
import pytest
from botocore.config import Config

from tests.e2e.pairs import Pair
from tests.e2e.site import AK, SK, Site, opened

NOTHING = {"result": None, "list_file_key": None, "error_code": None}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One engine for all tests here; each has buckets of its own."""
    with opened(tmp_path_factory.mktemp("records")) as site:
        yield site


@pytest.fixture
def pair(site: Site) -> Iterator[Pair]:
    yield Pair(site)
    site.source.faults.clear()
    site.destination.faults.clear()
    site.destination.settings(policies={})


AWKWARD = (b"plain", "dir/b +%20\u00fc".encode(), b"tab\there", b"line\nend", b"bell\x07\x7f")


@pytest.mark.check(16)
def test_the_success_list_names_each_migrated_key(pair: Pair) -> None:
    pair.put(*AWKWARD)
    ended = pair.migrate()
    assert (ended["status"], ended["successful_num"], len(pair.files(ended, "success"))) == (5, 5, 1)
    rows = sorted(pair.lines(ended, "success"), key=lambda row: unquote_to_bytes(row[1]))
    assert [unquote_to_bytes(row[1]) for row in rows] == sorted(AWKWARD)
    assert {row[1]: row[2] for row in rows} == {
        "plain": "plain",
        "dir/b%20%2B%2520%C3%BC": "dir/b +%20\u00fc",
        "tab%09here": r"tab\x09here",
        "line%0Aend": r"line\x0aend",
        "bell%07%7F": r"bell\x07\x7f",
    }
    for row in rows:
        when, encoded, _, size, check, result = row
        assert abs(datetime.now(UTC) - _instant(when)).total_seconds() < 120
        assert (int(size), check, result) == (
            8 + len(unquote_to_bytes(encoded)),
            "e2e",
            "consistent (strong)",
        )
    print(f"{len(rows)} lines of 6 columns in {pair.files(ended, 'success')[0]}")


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


@pytest.mark.check(55)
@pytest.mark.check(17)
@pytest.mark.check(18)
def test_the_failed_list_names_code_time_keys_and_the_stores_words(pair: Pair) -> None:
    pair.put(b"good", b"bad\tkey", "bad \u00fc".encode())
    pair.deny("bad*")
    ended = pair.migrate()
    assert (ended["status"], ended["error_reason"]["error_code"], ended["failed_num"]) == (4, "TRF.0004", 2)
    (file,) = pair.files(ended, "failed")
    assert ended["failed_object_record"] == {"result": True, "list_file_key": file, "error_code": None}
    rows = {row[2]: row for row in pair.lines(ended, "failed")}
    assert {key: row[3] for key, row in rows.items()} == {
        "bad%09key": r"bad\x09key",
        "bad%20%C3%BC": "bad \u00fc",
    }
    for code, when, _, _, words in rows.values():
        assert re.fullmatch(r"[A-Z][A-Z_0-9]+", code)
        assert abs(datetime.now(UTC) - _instant(when)).total_seconds() < 120
        assert re.search(r"\b403 AccessDenied\b", words)
    print(f"{file}: {next(iter(rows.values()))}")


@pytest.mark.check(18)
def test_no_failure_leaves_the_failed_record_null(pair: Pair) -> None:
    pair.put(b"good")
    ended = pair.migrate()
    assert (ended["status"], ended["failed_object_record"]) == (5, NOTHING)
    assert pair.files(ended, "failed") == []
    assert (ended["success_record_error_reason"], ended["skip_record_error_reason"]) == ("", "")
    print("failed_object_record:", ended["failed_object_record"])


@pytest.mark.check(19)
def test_without_recording_only_a_full_start_is_possible(pair: Pair) -> None:
    pair.put(b"good", b"bad")
    fault = pair.deny("bad")
    ended = pair.migrate(enable_failed_object_recording=False)
    assert (ended["status"], ended["failed_num"], ended["failed_object_record"]) == (4, 1, NOTHING)
    assert pair.files(ended, "failed") == []
    with pytest.raises(RuntimeError, match=r"400 .*S3M\.0301") as refused:
        pair.site.start(ended["id"], migrate_failed_object=True)
    assert pair.site.task(ended["id"])["status"] == 4
    pair.site.source.faults.remove(fault)
    pair.site.start(ended["id"])
    again = pair.site.wait(ended["id"])
    assert _figures(again) == (5, 2, 1, 1, 0)
    print(f"refused: {refused.value}")


@pytest.mark.check(20)
@pytest.mark.check(21)
def test_a_retry_touches_the_failed_objects_only_and_totals_stay(pair: Pair) -> None:
    """First all three fail, then one of them, then none."""
    pair.put(*(b"good-%03d" % n for n in range(50)), b"bad-1", b"bad-2", b"bad-3")
    pair.site.destination.put(pair.right, b"good-000", b"body of good-000")
    first_fault = pair.deny("bad-*")
    first = pair.migrate()
    assert _figures(first) == (4, 53, 49, 1, 3)
    (first_list,) = pair.files(first, "failed")
    size = first["total_size"]

    pair.site.source.faults.remove(first_fault)
    second_fault = pair.deny("bad-2")
    second = pair.retry(first["id"])
    assert _figures(second) == (4, 53, 51, 1, 1)
    assert (second["total_size"], first_list in pair.files(first, "failed")) == (size, True)
    counted = pair.site.source.counters()
    assert (counted.requests("list"), counted.requests("get", pair.left)) == (0, 3)
    second_list = second["failed_object_record"]["list_file_key"]
    assert second_list != first_list
    assert b"bad-2" in pair.site.destination.get(pair.right, second_list.encode())

    pair.site.source.faults.remove(second_fault)
    third = pair.retry(first["id"])
    assert _figures(third) == (5, 53, 52, 1, 0)
    counted = pair.site.source.counters()
    print(f"retry: {counted.requests('list')} listings, {counted.requests('get')} GETs at the source")
    assert (counted.requests("list"), counted.requests("get", pair.left)) == (0, 1)
    assert (third["total_size"], third["complete_size"], third["error_reason"]) == (size, size, None)
    assert set(pair.files(third, "failed")) == {first_list, second_list}
    assert [pair.site.destination.get(pair.right, b"bad-%d" % n) for n in (1, 2, 3)] == [
        b"body of bad-%d" % n for n in (1, 2, 3)
    ]


def _figures(task: dict[str, Any]) -> tuple[int, ...]:
    names = ("status", "total_num", "successful_num", "skipped_num", "failed_num")
    return tuple(task[name] for name in names)


@pytest.mark.check(20)
def test_a_retry_needs_its_list(pair: Pair) -> None:
    """Gone: 0167. Empty: 1027. Back again: it runs."""
    pair.put(b"good", b"bad")
    fault = pair.deny("bad")
    ended = pair.migrate()
    file = ended["failed_object_record"]["list_file_key"].encode()
    content = pair.site.destination.get(pair.right, file)
    pair.site.destination.delete(pair.right, file)
    for body, code in ((None, "0167"), (b"", "1027")):
        if body is not None:
            pair.site.destination.put(pair.right, file, body)
        with pytest.raises(RuntimeError, match=rf"400 .*\.{code}"):
            pair.site.start(ended["id"], migrate_failed_object=True)
        assert pair.site.task(ended["id"])["status"] == 4
    assert pair.site.rows("SELECT * FROM credential WHERE task_id = %s", ended["id"]) == []
    pair.site.destination.put(pair.right, file, content)
    pair.site.source.faults.remove(fault)
    assert _figures(pair.retry(ended["id"])) == (5, 2, 2, 0, 0)
    print("gone 0167, empty 1027, back 5")


@pytest.mark.check(23)
def test_what_lies_under_oms_is_not_counted_and_a_source_key_there_is_migrated(pair: Pair) -> None:
    pair.put(b"a", b"oms/x", b"oms/task/y", b"z")
    pair.site.destination.put(pair.right, b"oms/old/record", b"of another task")
    first, second = pair.migrate(), pair.migrate()
    assert (_figures(first), _figures(second)) == ((5, 4, 4, 0, 0), (5, 4, 0, 4, 0))
    for key in (b"a", b"oms/x", b"oms/task/y", b"z"):
        assert pair.site.destination.get(pair.right, key) == b"body of " + key
    assert pair.site.destination.get(pair.right, b"oms/old/record") == b"of another task"
    print(f"second run: {second['skipped_num']} of {second['total_num']} skipped")


@pytest.mark.check(24)
def test_records_that_cannot_be_written_are_told_by_their_codes(pair: Pair) -> None:
    pair.put(b"good", b"bad", b"there", modified=1_700_000_000.0)
    pair.site.destination.put(pair.right, b"there", b"body of there")
    pair.deny("bad")
    pair.site.destination.settings(policies={AK: {"deny": [{"op": "write", "prefix": "oms/"}]}})
    ended = pair.migrate()
    assert _figures(ended) == (4, 3, 1, 1, 1)
    record = ended["failed_object_record"]
    print(record, ended["success_record_error_reason"], ended["skip_record_error_reason"])
    assert (record["result"], record["list_file_key"]) == (False, None)
    assert record["error_code"].endswith(".0304")
    assert ended["success_record_error_reason"] == "S3M.0310"
    assert ended["skip_record_error_reason"] == "S3M.0312"
    assert pair.site.destination.keys(pair.right) == [b"good", b"there"]
    with pytest.raises(RuntimeError, match=r"400 .*\.0167"):
        pair.site.start(ended["id"], migrate_failed_object=True)
    pair.site.source.faults.clear()
    pair.site.destination.settings(policies={})
    pair.site.start(ended["id"])
    again = pair.site.wait(ended["id"])
    assert (_figures(again), again["failed_object_record"]) == ((5, 3, 1, 2, 0), NOTHING)
    assert (again["success_record_error_reason"], again["skip_record_error_reason"]) == ("", "")


@pytest.mark.check(36)
@pytest.mark.parametrize("enabled", [False, True])
def test_user_metadata_travels_only_when_asked_for(pair: Pair, enabled: bool) -> None:
    headers, metadata = {"content-type": "image/png"}, {"colour": "blue"}
    pair.put(b"a", headers=headers, metadata=metadata)
    assert pair.migrate(enable_metadata_migration=enabled)["status"] == 5
    seen = pair.site.destination.info(pair.right, b"a")
    print(f"{enabled}: {seen['headers']} {seen['metadata']}")
    assert seen["headers"]["content-type"] == "image/png"
    assert seen["metadata"] == (metadata if enabled else {})


@pytest.mark.check(38)
@pytest.mark.parametrize(
    ("task_type", "keys", "expected"),
    [
        ("object", ["d/"], [b"d/", b"d/1", b"d/e/2"]),
        ("object", ["f"], [b"f"]),
        ("object", ["f", "d/e/"], [b"d/e/2", b"f"]),
        ("object", [""], [b"d/", b"d/1", b"d/e/2", b"f", b"f2"]),
        ("prefix", ["f"], [b"f", b"f2"]),
        ("prefix", [""], [b"d/", b"d/1", b"d/e/2", b"f", b"f2"]),
    ],
)
def test_object_key_selects(pair: Pair, task_type: str, keys: list[str], expected: list[bytes]) -> None:
    pair.put(b"d/", b"d/1", b"d/e/2", b"f", b"f2")
    ended = pair.migrate(task_type=task_type, keys=keys)
    print(f"{task_type} {keys}: {ended['total_num']} objects")
    assert (ended["status"], ended["total_num"], pair.arrived()) == (5, len(expected), expected)


@pytest.mark.check(39)
def test_save_prefix_goes_before_the_key_as_it_is(pair: Pair) -> None:
    pair.put(b"a.txt", b"l" * 1021)
    ended = pair.migrate(prefix="oms_")
    assert (_figures(ended), pair.arrived()) == ((4, 2, 1, 0, 1), [b"oms_a.txt"])
    (row,) = pair.lines(ended, "failed")
    print(row[0], row[4][:60])
    assert (row[2], "TRF.0060" in row[4]) == ("l" * 1021, True)
    exact = Pair(pair.site)
    exact.put(b"l" * 1020)
    assert (exact.migrate(prefix="oms_")["status"], len(exact.arrived()[0])) == (5, 1024)
    with pytest.raises(RuntimeError, match=r"400 .*S3M\.0092"):
        pair.create(prefix="/x")


@pytest.mark.check(40)
def test_only_the_newest_version_arrives(pair: Pair) -> None:
    pair.site.source.create_bucket(pair.left, versioning="Enabled")
    pair.put(b"kept", b"gone")
    pair.site.source.put(pair.left, b"kept", b"second version")
    client = boto3.client(
        "s3", endpoint_url=pair.site.source.url, aws_access_key_id=AK, aws_secret_access_key=SK,
        region_name="us-east-1", config=Config(s3={"addressing_style": "path"}, proxies={}),
    )  # fmt: skip
    client.delete_object(Bucket=pair.left, Key="gone")
    ended = pair.migrate()
    assert (_figures(ended), pair.arrived()) == ((5, 1, 1, 0, 0), [b"kept"])
    assert pair.site.destination.get(pair.right, b"kept") == b"second version"
    print("one version of one object arrived")


@pytest.mark.check(41)
def test_what_is_older_than_migrate_since_is_skipped(pair: Pair) -> None:
    since = int(time.time()) - 3600
    pair.put(b"older", b"older-2", modified=since - 1)
    pair.put(b"newer", modified=since + 1)
    ended = pair.migrate(migrate_since=since)
    assert (_figures(ended), pair.arrived()) == ((5, 3, 1, 2, 0), [b"newer"])
    assert {row[4] for row in pair.lines(ended, "skip")} == {"migrate_since"}
    assert ended["migrate_since"] == since * 1000
    print("2 skipped, 1 migrated")


@pytest.mark.check(15)
def test_a_list_outside_the_destinations_region_is_refused_at_creation(pair: Pair) -> None:
    pair.put(b"a")
    near, far = f"near-{pair.left}", f"far-{pair.left}"
    pair.site.destination.create_bucket(near)
    pair.site.destination.create_bucket(far, region="eu-south-9")
    for bucket in (near, far):
        pair.site.destination.put(bucket, b"list.txt", b"a\n", headers={"content-type": "text/plain"})
    node = pair.site.request()["src_node"]
    del node["object_key"]

    def create(bucket: str) -> int:
        listed = {"obs_bucket": bucket, "list_file_key": "list.txt"}
        source = node | {"bucket": pair.left, "list_file": listed}
        destination = pair.site.request()["dst_node"] | {"bucket": pair.right}
        return pair.site.create(task_type="list", src_node=source, dst_node=destination)

    with pytest.raises(RuntimeError, match=r"400 .*S3M\.0082") as refused:
        create(far)
    assert pair.site.engine.call("GET", "/tasks?limit=1&task_name=" + pair.left)["count"] == 0
    assert _figures(pair.site.wait(create(near))) == (5, 1, 1, 0, 0)
    print(f"refused: {refused.value}")
