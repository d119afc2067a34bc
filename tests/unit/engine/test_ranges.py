"""Cutting the key space: nothing lost, nothing double."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ranges import KeyRange, probe_points, split

KEY = st.text(alphabet="ab/é\0", min_size=1, max_size=4).map(str.encode)
KEYS = st.sets(KEY, max_size=20)
WIDE = st.text(max_size=6).map(str.encode)


@st.composite
def ranges(draw):
    lo, hi = sorted((draw(KEY), draw(KEY)))
    whole = KeyRange(lo, draw(st.sampled_from([hi + b"z", None])))
    inside = [key for key in draw(KEYS) if key in whole]
    return KeyRange(whole.lo, whole.hi, b"", draw(st.sampled_from([None, *inside])))


@given(ranges(), KEYS, KEY)
def test_a_split_loses_no_key_and_doubles_none(whole, keys, probe):
    try:
        left, right = split(whole, probe)
    except ValueError:
        assert probe not in whole or probe < whole.next_lo or whole.hi == probe + b"\0"
        return
    for key in keys:
        assert (key in left) + (key in right) == (key in whole)
        if key in whole:
            todo = (key >= left.next_lo and key in left) + (key >= right.next_lo and key in right)
            assert todo == (key >= whole.next_lo)
    assert probe in left
    assert (left.lo, left.cursor, right.hi) == (whole.lo, whole.cursor, whole.hi)
    assert right.cursor is None


def test_the_right_half_begins_right_after_the_probe():
    left, right = split(KeyRange(b"p/", b"p0", b"p/", b"p/b"), b"p/k")
    assert left == KeyRange(b"p/", b"p/k\0", b"p/", b"p/b")
    assert right == KeyRange(b"p/k\0", b"p0", b"p/", None)
    assert (left.after, right.after) == (b"p/b", b"p/k")
    assert KeyRange(b"p/", b"p0", b"p/").after == b""


@pytest.mark.parametrize("probe", [b"a", b"b", b"c", b"e", b"f"])
def test_only_keys_that_are_still_to_do_cut(probe):
    with pytest.raises(ValueError, match="does not cut"):
        split(KeyRange(b"b", b"e", b"", b"c"), probe)


def test_a_split_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="does not cut"):
        split(KeyRange(b"", b"k\0"), b"k")


@given(WIDE, WIDE | st.none(), st.lists(WIDE, max_size=5), st.integers(0, 12))
def test_probe_points_lie_strictly_inside_and_can_be_sent(lo, hi, samples, n):
    if hi is not None and hi < lo:
        lo, hi = hi, lo
    points = probe_points(lo, hi, samples, n)
    assert len(points) <= n
    assert points == sorted(set(points))
    for point in points:
        assert lo < point
        assert hi is None or point < hi
        assert len(point) <= 1024
        assert all(ord(char) >= 0x20 and not 0x7F <= ord(char) < 0xA0 for char in point.decode())


@given(st.binary(max_size=6), st.binary(max_size=6), st.lists(st.binary(max_size=6), max_size=4))
def test_bounds_of_any_bytes_do_no_harm(lo, hi, samples):
    for point in probe_points(lo, hi, samples, 5):
        point.decode()
        assert lo < point < hi


def test_an_empty_key_space_is_divided_evenly():
    points = probe_points(b"", None, [], 15)
    assert len(points) == 15
    firsts = [point[0] for point in points]
    assert firsts[0] < ord("0")
    assert firsts[-1] > ord("r")


def test_points_are_found_below_a_common_stem():
    points = probe_points(b"logs/2024/", b"logs/20240", [b"logs/2024/01/a", b"logs/2024/12/z"], 7)
    assert len(points) == 7
    assert all(point.startswith(b"logs/2024/") for point in points)
    assert any(b"logs/2024/01/a" < point < b"logs/2024/12/z" for point in points)


def test_neighbours_leave_no_room():
    assert probe_points(b"a", b"a\0", [], 3) == []
    assert probe_points(b"a", b"a", [], 3) == []


def test_long_common_stems_stay_within_1024_bytes():
    stem = b"x" * 1023
    for point in probe_points(stem + b"a", stem + b"b", [], 4):
        assert len(point) <= 1024
    assert probe_points(stem[:-1] + b"a", stem[:-1] + b"c", [], 1) == [stem[:-1] + b"b"]
