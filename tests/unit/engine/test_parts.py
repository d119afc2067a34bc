"""How objects are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.parts import (
    MIB,
    MIN_PIECE,
    SINGLE_MAX,
    TooLarge,
    parts_of_etag,
    pieces,
    plan_parts,
    quarter_second_piece,
    spans_to_share,
    stream_part,
)

S3 = {"min_part": 5 * MIB, "max_part": 5 << 30, "max_parts": 10_000}
TIB = 1 << 40


@given(st.integers(0, 48 * TIB))
def test_a_plan_covers_the_object_exactly_within_the_limits_of_s3(size):
    plan = plan_parts(size, **S3)
    assert 1 <= plan.count <= 10_000
    assert 5 * MIB <= plan.part_size <= 5 << 30
    assert plan.part_size % MIB == 0
    assert plan.range(1)[0] == 0
    start, length = plan.range(plan.count)
    assert start + length == size
    assert (plan.count - 1) * plan.part_size == start
    assert size == 0 or 0 < length <= plan.part_size


LIMITS = st.tuples(st.integers(1, 64), st.integers(64, 512), st.integers(1, 200))


@given(LIMITS, st.integers(0, 60_000 * MIB))
def test_whatever_the_store_allows_is_kept_or_the_object_is_too_large(limits, size):
    least, most, parts = limits
    try:
        plan = plan_parts(size, min_part=least * MIB, max_part=most * MIB, max_parts=parts)
    except TooLarge:
        assert size > parts * most * MIB
        return
    assert least * MIB <= plan.part_size <= most * MIB
    assert plan.count <= parts
    ranges = [plan.range(number) for number in range(1, plan.count + 1)]
    assert sum(length for _, length in ranges) == size
    assert all(left[0] + left[1] == right[0] for left, right in pairwise(ranges))


@pytest.mark.check(35)
@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        (SINGLE_MAX - 1, [SINGLE_MAX - 1]),
        (SINGLE_MAX, [SINGLE_MAX]),
        (SINGLE_MAX + 1, [SINGLE_MAX, 1]),
        (2 * SINGLE_MAX, [SINGLE_MAX, SINGLE_MAX]),
    ],
)
def test_parts_are_16_mib_while_that_is_enough(size, lengths):
    plan = plan_parts(size, **S3)
    assert [plan.range(number)[1] for number in range(1, plan.count + 1)] == lengths


def test_parts_grow_with_the_object():
    assert plan_parts(9000 * SINGLE_MAX, **S3).part_size == 16 * MIB
    assert plan_parts(9000 * SINGLE_MAX + 1, **S3).part_size == 17 * MIB


@given(st.integers(SINGLE_MAX + 1, 5 << 30), st.sampled_from([8, 16]))
def test_what_was_uploaded_in_parts_of_a_usual_size_is_cut_so_again(size, mib):
    count = -(-size // (mib * MIB))
    plan = plan_parts(size, uploaded=count, **S3)
    assert plan.count == count
    assert plan.part_size == mib * MIB or plan.part_size == 8 * MIB
    assert plan_parts(size, uploaded=9999, **S3).part_size == 16 * MIB


@pytest.mark.parametrize(
    ("etag", "parts"),
    [
        ("a" * 32, 0),
        ("a" * 32 + "-17", 17),
        ("a" * 32 + "-0", 0),
        ("a" * 31 + "-3", 0),
        ("0x8D1-2", 0),
        ("", 0),
    ],
)
def test_an_etag_of_parts_tells_how_many(etag, parts):
    assert parts_of_etag(etag) == parts


def test_what_no_plan_holds_is_too_large():
    with pytest.raises(TooLarge):
        plan_parts(10_000 * (5 << 30) + 1, **S3)
    with pytest.raises(ValueError, match="size -1"):
        plan_parts(-1, **S3)


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_part_outside_the_plan_is_an_error(number):
    with pytest.raises(IndexError):
        plan_parts(SINGLE_MAX + 1, **S3).range(number)


@pytest.mark.parametrize(("rate", "piece"), [(1_048_576, 262_144), (209_715_200, 52_428_800), (1, MIN_PIECE)])
def test_a_piece_is_a_quarter_second_of_the_rate(rate, piece):
    assert quarter_second_piece(rate) == piece


@given(st.integers(0, 10_000), st.integers(1, 999))
def test_pieces_make_up_the_whole(length, piece):
    found = list(pieces(length, piece))
    assert b"".join(b"x" * size for _, size in found) == b"x" * length
    assert [start for start, _ in found] == [index * piece for index in range(len(found))]
    assert all(0 < size <= piece for _, size in found)


def test_a_piece_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="piece 0"):
        pieces(1, 0)


def test_parts_of_an_unknown_length_grow_and_end():
    bounds = {"min_part": 5 * MIB, "max_part": 5 << 30, "max_parts": 10_000}
    sizes = [stream_part(number, **bounds) for number in range(1, 10_001)]
    assert (sizes[0], sizes[999], sizes[1000], sizes[-1]) == (16 * MIB, 16 * MIB, 64 * MIB, 64 * MIB)
    assert sum(sizes) > 578 << 30
    with pytest.raises(TooLarge):
        stream_part(10_001, **bounds)
    assert stream_part(1, min_part=32 * MIB, max_part=5 << 30, max_parts=10) == 32 * MIB
    assert stream_part(1, min_part=1, max_part=8 * MIB, max_parts=10) == 8 * MIB


@pytest.mark.parametrize(
    ("missing", "count", "spans"),
    [
        (range(1, 11), 10, ((4, 6), (7, 9), (10, 10))),
        (range(5, 11), 10, ((7, 9), (10, 10))),
        ((2, 9), 10, ((7, 9),)),
        ((1, 2, 3), 10, ()),
        ((), 10, ()),
    ],
)
def test_all_but_the_first_span_with_missing_parts_is_shared(missing, count, spans):
    assert spans_to_share(missing, count, 3) == spans


@given(st.sets(st.integers(1, 200)), st.sets(st.integers(1, 200)), st.integers(1, 20))
def test_spans_that_are_offered_twice_are_the_same_or_apart(one, other, per_span):
    both = {*spans_to_share(one, 200, per_span), *spans_to_share(other, 200, per_span)}
    numbers = [number for first, last in both for number in range(first, last + 1)]
    assert len(numbers) == len(set(numbers))
