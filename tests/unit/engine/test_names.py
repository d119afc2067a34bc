"""Names and numbers of tasks (oms-behaviour 4.4; check 46)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.names import MAX_TASK_ID, task_id, task_name

NOW = datetime(2016, 10, 27, 21, 16, 37, 786_999, tzinfo=UTC)


def test_a_task_is_named_after_its_buckets_and_the_time():
    assert task_name("bucket3", "bucket3", NOW, 544) == "bucket3-bucket3-20161027211637786_544"


def test_the_time_is_that_of_the_zone():
    there = NOW.astimezone(ZoneInfo("Asia/Shanghai"))
    assert task_name("a", "b", there, 1) == "a-b-20161028051637786_1"


def test_milliseconds_have_three_digits():
    assert task_name("a", "b", NOW.replace(microsecond=7_999), 1) == "a-b-20161027211637007_1"


def test_a_list_of_urls_has_no_source_bucket():
    assert task_name("", "b", NOW, 1) == "url-b-20161027211637786_1"


@given(st.integers(10**9, 10**10 - 1), st.integers(0, 10**12))
def test_an_id_has_15_digits(now_s, counter):
    assert len(str(task_id(now_s, counter))) == 15
    assert task_id(now_s, counter) <= MAX_TASK_ID


def test_ids_rise_with_the_time_and_differ_within_a_second():
    ids = [task_id(1_700_000_000 + second, counter) for second in range(2) for counter in range(1000)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("now_s", [0, 10**9 - 1, 10**10])
def test_a_second_without_ten_digits_is_an_error(now_s):
    with pytest.raises(ValueError, match="second"):
        task_id(now_s, 0)
