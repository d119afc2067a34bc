"""The lists that are written below oms/ (oms-behaviour 2.1, 2.2; checks 16, 17, 22)."""

from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.outcomes import Left, Outcome, OutcomeKind, decode, decode_columns, encode
from engine.records import LINES_PER_FILE, FailedLine, RecordKind, line, lines, parse_failed_line, record_key

NOON = 1_704_164_645_678  # 2024-01-02 03:04:05.678 UTC


def ok(key, **more):
    return Outcome(0, OutcomeKind.OK, key, 7, "etag", "provider", "strong", finished_ms=NOON, **more)


def failed(key, detail=""):
    return Outcome(0, OutcomeKind.FAIL, key, 7, "etag", code="GET_SRC_OBJ_FAILURE", detail=detail)


@pytest.mark.check(16)
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (RecordKind.SUCCESS, "oms/task/a-b-1_2/success_object_lists/1704164645678.success_list.txt"),
        (RecordKind.FAILED, "oms/task/a-b-1_2/failed_object_lists/1704164645678.failed_list.txt"),
        (RecordKind.SKIP, "oms/task/a-b-1_2/skip_object_lists/1704164645678.skip_list.txt"),
    ],
)
def test_the_files_of_a_task_lie_below_its_name(kind, path):
    assert record_key("a-b-1_2", kind, NOON) == path


def test_the_files_of_a_group_lie_below_its_id():
    found = record_key("t", RecordKind.FAILED, 1, group_id="g")
    assert found == "oms/task_group/g/failed_object_lists/t/1.failed_list.txt"


def test_a_file_holds_a_hundred_thousand_lines():
    assert LINES_PER_FILE == 100_000


def test_a_success_line_names_check_and_result():
    written = line(ok("dir/é x.txt".encode()), RecordKind.SUCCESS, NOON, UTC)
    assert (
        written
        == "2024-01-02 03:04:05\tdir/%C3%A9%20x.txt\tdir/é x.txt\t7\tprovider\tconsistent (strong)\n".encode()
    )


def test_a_skip_line_names_the_rule():
    outcome = Outcome(0, OutcomeKind.SKIP, b"a", 7, "e", "size_last_modified")
    assert line(outcome, RecordKind.SKIP, NOON, UTC).split(b"\t")[4:] == [b"size_last_modified", b"skipped\n"]


@pytest.mark.check(17)
def test_a_failed_line_says_why_when_and_what_the_store_said():
    written = line(failed(b"a+b", "403 AccessDenied"), RecordKind.FAILED, NOON, UTC)
    assert written == b"GET_SRC_OBJ_FAILURE\t2024-01-02 03:04:05\ta%2Bb\ta+b\t403 AccessDenied\n"


@pytest.mark.parametrize(
    ("zone", "clock"),
    [
        (ZoneInfo("Asia/Shanghai"), b"2024-01-02 11:04:05"),
        (timezone(timedelta(hours=-3, minutes=-30)), b"2024-01-01 23:34:05"),
    ],
)
def test_times_are_those_of_the_region(zone, clock):
    assert line(ok(b"a"), RecordKind.SUCCESS, NOON, zone).split(b"\t")[0] == clock


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        (b"a\tb\nc\r\x00\x7f", rb"a\x09b\x0ac\x0d\x00\x7f"),
        ("a\x85b".encode(), rb"a\xc2\x85b"),
        (b"a\xffb", rb"a\xffb"),
        (rb"a\x09", rb"a\x09"),
        ("ключ😀".encode(), "ключ😀".encode()),
    ],
)
def test_control_characters_are_escaped_in_the_raw_column_only(key, raw):
    _, encoded, shown, *_ = line(ok(key), RecordKind.SUCCESS, NOON, UTC).split(b"\t")
    assert shown == raw
    assert b"\\" not in encoded


ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)


@given(st.binary(min_size=1, max_size=30), ANY_TEXT)
def test_any_key_and_any_words_make_one_line_that_reads_back(key, detail):
    written = line(failed(key, detail), RecordKind.FAILED, NOON, UTC)
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")
    assert written.count(b"\t") == 4
    read = parse_failed_line(written)
    assert (read.key, read.code, read.time) == (key, "GET_SRC_OBJ_FAILURE", "2024-01-02 03:04:05")


def test_a_failed_line_reads_back():
    assert parse_failed_line(b"C\tT\ta%2Fb\ta/b\td\n") == FailedLine("C", "T", b"a/b", "d")


@pytest.mark.parametrize(
    "written", [b"", b"a\tb\n", b"C\tT\t\t\td\n", b"C\tT\tk\tk\td\tmore\n", b"\xff\t\tk\t\t"]
)
def test_anything_else_is_no_failed_line(written):
    with pytest.raises(ValueError):
        parse_failed_line(written)


_TEXT = st.text(st.sampled_from("ab \t\n\x00é\udc80"), max_size=4)
_OUTCOMES = st.builds(
    Outcome,
    idx=st.integers(0, 999),
    kind=st.sampled_from(OutcomeKind),
    key=st.one_of(
        st.sampled_from([b"a/b-1.x", b"~", b"a b", b"a\nb", b"\xff", "é".encode()]), st.binary(max_size=6)
    ),
    size=st.integers(-1, 5 << 40),
    etag=st.sampled_from(["", "e"]),
    evidence=st.sampled_from(["", "e2e", "migrate_since"]),
    strength=st.sampled_from(["", "weak", "strong"]),
    code=st.sampled_from(["", "GET_SRC_OBJ_FAILURE"]),
    detail=_TEXT,
    finished_ms=st.integers(0, 4 * NOON),
)
_PLAIN = st.builds(
    Outcome,
    st.just(0),
    st.sampled_from(OutcomeKind),
    st.sampled_from([b"a/b", b"c"]),
    st.sampled_from([-1, 7]),
    st.just("e"),
)


@given(st.one_of(st.lists(_PLAIN, max_size=5), st.lists(_OUTCOMES, max_size=5)), st.sampled_from(RecordKind))
def test_lines_that_are_written_together_are_those_of_each(outcomes, kind):
    zone = timezone(timedelta(hours=8))
    expected = b"".join(line(one, kind, one.finished_ms, zone) for one in outcomes)
    assert lines(decode_columns(encode(outcomes)), kind, zone) == expected


@given(st.lists(st.sampled_from([b"a", b"a/b", b""]), max_size=5))
def test_what_was_left_alone_is_read_as_skipped_outcomes(keys):
    n = len(keys)
    left = Left(range(n), keys, [7] * n, ["e"] * n, ["exists"] * n)
    expected = [
        Outcome(i, OutcomeKind.SKIP, key, 7, "e", "exists", finished_ms=NOON) for i, key in enumerate(keys)
    ]
    assert decode(left.encode(NOON)) == expected
