"""Bandwidth policies (oms-behaviour 4.6; check 57)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.windows import BandwidthWindow, PolicyRefused, parse_policy, policy_json, rate_at

RATE = 1_048_576


def window(start, end, rate=RATE):
    return {"start": start, "end": end, "max_bandwidth": rate}


def hours(count):
    return [window(f"{hour:02}:00", f"{hour:02}:30") for hour in range(count)]


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (hours(6), "OMS.0083"),
        ([window("01:00", "02:00", 1_048_575)], "OMS.0084"),
        ([window("01:00", "02:00", 209_715_201)], "OMS.0084"),
        ([window("01:00", "02:00", 1_048_576.5)], "OMS.0084"),
        ([window("01:00", "02:00", True)], "OMS.0084"),
        ([window("01:00", "02:00", "1048576")], "OMS.0084"),
        ([window("01:00", "02:00", None)], "OMS.0084"),
        ([window("01:00", "02:00", float("nan"))], "OMS.0084"),
        ([window("01:00", "02:00", float("inf"))], "OMS.0084"),
        ([window("01:00", "02:00"), window("01:59", "03:00")], "OMS.0085"),
        ([window("05:00", "06:00"), window("00:00", "23:59")], "OMS.0085"),
        ([window("01:00", "02:00"), window("01:00", "02:00")], "OMS.0085"),
        ([window("02:00", "02:00")], "OMS.0087"),
        ([window("22:00", "06:00")], "OMS.0087"),
        ([window("00:00", "24:00")], "OMS.0087"),
        ([window("0:5", "02:00")], "OMS.0087"),
        ([window("01:60", "02:00")], "OMS.0087"),
        ([window("01:00\n", "02:00")], "OMS.0087"),
        ([window("٠١:00", "02:00")], "OMS.0087"),
        ([window(None, "02:00")], "OMS.0087"),
        ([{}], "OMS.0087"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused_with_its_code(policy, code):
    with pytest.raises(PolicyRefused) as refused:
        parse_policy(policy)
    assert refused.value.code == code
    assert refused.value.message


def test_adjacent_windows_do_not_overlap():
    policy = parse_policy([window("16:00", "17:00", 2 * RATE), window("15:00", "16:00")])
    assert [rate_at(policy, 60 * 15 + minute) for minute in (-1, 0, 59, 60, 119, 120)] == [
        None,
        RATE,
        RATE,
        2 * RATE,
        2 * RATE,
        None,
    ]


def test_2359_is_the_end_of_the_day():
    policy = parse_policy([window("23:00", "23:59")])
    assert rate_at(policy, 23 * 60 + 59) == RATE
    assert policy_json(policy)[0]["end"] == "23:59"


@pytest.mark.parametrize("rate", [1048576.0, 1048577, 209_715_200.0, 2e8])
def test_integral_floats_and_the_ends_of_the_range_are_rates(rate):
    (found,) = parse_policy([window("01:00", "02:00", rate)])
    assert found == BandwidthWindow(60, 120, int(rate))
    assert type(found.rate) is int


def test_no_policy_is_no_limit():
    assert parse_policy([]) == ()
    assert rate_at((), 0) is None
    assert len(parse_policy(hours(5))) == 5


@given(st.sets(st.integers(0, 24 * 60 - 1), min_size=2, max_size=10), st.integers(RATE, 209_715_200))
def test_a_policy_is_shown_as_it_was_given(minutes, rate):
    ends = sorted(minutes)
    policy = [
        window(f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}", rate)
        for start, end in zip(ends[::2], ends[1::2], strict=False)
    ]
    assert policy_json(parse_policy(policy)) == policy
