"""Which keys a batch takes, what a month is, how wide buckets are."""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sync_batches import Batch, Event, event_key, gather
from engine.sync_time import HOUR_MS, Interval, SpanRefused, interval_of, month_of

FIVE_MINUTES = 300_000


@pytest.mark.check(75)
@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("test%2F001.txt", b"test/001.txt"),
        ("test%2B001.txt", b"test+001.txt"),
        ("test+001.txt", b"test+001.txt"),
        ("%E5%9B%BE", "图".encode()),
        ("图", "图".encode()),
        ("50%", b"50%"),
        ("a%zz", b"a%zz"),
        ("%ff", b"\xff"),
    ],
)
def test_keys_are_percent_decoded_and_nothing_else(encoded: str, key: bytes) -> None:
    assert event_key(encoded) == key


def test_equal_keys_are_copied_once_and_all_counted_where_they_arrived() -> None:
    events = [
        Event(1, 10, (b"a", b"b", b"a")),
        Event(2, FIVE_MINUTES + 1, (b"b", b"c")),
    ]
    assert gather(events, frozenset()) == Batch(
        (b"a", b"b", b"c"), {1: (), 2: ()}, {0: 3, FIVE_MINUTES: 2}, 2
    )


def test_a_key_that_is_being_copied_waits_and_answers_for_its_equals() -> None:
    events = [Event(1, 0, (b"a", b"b")), Event(2, 0, (b"a",)), Event(3, 0, (b"a", b"c"))]
    assert gather(events, {b"a"}) == Batch((b"b", b"c"), {1: (b"a",), 2: (), 3: ()}, {0: 4}, 2)


def test_a_full_batch_leaves_the_rest_where_it_is() -> None:
    events = [Event(1, 0, (b"a",)), Event(2, 0, (b"b", b"c", b"c")), Event(3, 0, (b"d",))]
    assert gather(events, frozenset(), most=2) == Batch((b"a", b"b"), {1: (), 2: (b"c",)}, {0: 3}, 1)


KEYS = st.sampled_from([b"a", b"b", b"c", b"d", b"e"])


@given(
    st.lists(st.lists(KEYS, min_size=1, max_size=6), max_size=8),
    st.frozensets(KEYS),
    st.integers(min_value=1, max_value=4),
)
def test_every_request_is_answered_or_still_waits(
    calls: list[list[bytes]], in_flight: frozenset[bytes], most: int
) -> None:
    events = [Event(number, 0, tuple(keys)) for number, keys in enumerate(calls)]
    batch = gather(events, in_flight, most)
    left = [key for event in events for key in batch.rest.get(event.id, event.keys)]
    asked = sum(len(event.keys) for event in events)
    assert len(batch.keys) == len(set(batch.keys)) <= most
    assert not in_flight & set(batch.keys)
    assert sum(batch.requested.values()) == len(batch.keys) + batch.coalesced
    assert asked == len(batch.keys) + batch.coalesced + len(left)
    assert set(left) | set(batch.keys) == {key for event in events for key in event.keys}
    assert all(number >= 0 for number in Counter(left).values())


def test_a_month_is_one_of_the_regions_calendar() -> None:
    noon = int(datetime(2026, 12, 31, 20, tzinfo=UTC).timestamp() * 1000)
    shanghai = [datetime.fromtimestamp(one / 1000, UTC) for one in month_of(noon, ZoneInfo("Asia/Shanghai"))]
    assert shanghai == [datetime(2026, 12, 31, 16, tzinfo=UTC), datetime(2027, 1, 31, 16, tzinfo=UTC)]
    assert month_of(noon, UTC)[1] == int(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000)
    berlin = month_of(int(datetime(2026, 3, 15, tzinfo=UTC).timestamp() * 1000), ZoneInfo("Europe/Berlin"))
    assert berlin[1] - berlin[0] == (31 * 24 - 1) * HOUR_MS
    with pytest.raises(SpanRefused):
        month_of(10**18, UTC)


@pytest.mark.parametrize(
    ("hours", "interval"),
    [(1, Interval.FIVE_MINUTES), (24, Interval.FIVE_MINUTES), (25, Interval.ONE_HOUR), (1000, Interval.ONE_HOUR)],
)  # fmt: skip
def test_long_spans_have_wide_buckets(hours: int, interval: Interval) -> None:
    assert interval_of(0, hours * HOUR_MS) is interval


@pytest.mark.parametrize("end", [0, -1, 1000 * HOUR_MS + 1])
def test_spans_that_end_before_they_begin_or_never_are_refused(end: int) -> None:
    with pytest.raises(SpanRefused):
        interval_of(0, end)
