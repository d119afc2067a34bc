"""Digests of sets of objects."""

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.digest import Digest

ENTRY = st.tuples(st.binary(max_size=6), st.integers(-1, 2**62), st.text(max_size=6))
ENTRIES = st.lists(ENTRY, max_size=10)


@given(ENTRIES, st.randoms(), st.integers(0, 10))
def test_order_and_division_do_not_matter(entries, dice, cut):
    mixed = list(entries)
    dice.shuffle(mixed)
    assert Digest.of(mixed[:cut]).merge(Digest.of(mixed[cut:])) == Digest.of(entries)


@given(ENTRIES, ENTRY)
def test_one_object_more_is_another_digest(entries, more):
    with_it = Digest.of([*entries, more])
    assert with_it.exact != Digest.of(entries).exact
    assert with_it.loose != Digest.of(entries).loose


@given(ENTRIES)
def test_32_bytes_hold_it(entries):
    digest = Digest.of(entries)
    assert len(digest.to_bytes()) == 32
    assert Digest.from_bytes(digest.to_bytes()) == digest


def test_only_the_exact_sum_sees_the_etag():
    one, other = Digest.of([(b"k", 1, "a")]), Digest.of([(b"k", 1, "b")])
    assert one.loose == other.loose
    assert one.exact != other.exact


def test_key_size_and_etag_do_not_run_into_each_other():
    assert Digest.of([(b"a", 1, "bc")]) != Digest.of([(b"ab", 1, "c")])
    assert Digest.of([(b"", 0, "")]) != Digest()


def test_the_sum_is_over_length_key_size_and_etag():
    named = b"\0\0\0\x01" + (5).to_bytes(8, "big") + b"k"
    hashes = [blake2b(data, digest_size=16).digest() for data in (named + b"e", named)]
    assert Digest.of([(b"k", 5, "e")]).to_bytes() == b"".join(hashes)


@pytest.mark.parametrize("stored", [b"", b"x" * 31, b"x" * 33])
def test_another_length_is_no_digest(stored):
    with pytest.raises(ValueError, match="digest of"):
        Digest.from_bytes(stored)
