"""Segments and manifests: what is stored is what comes back."""

import os
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import manifest
from engine._columns import Damaged, Reader, Writer
from engine.manifest import MAX_ENTRIES, Entry
from engine.outcomes import Outcome, OutcomeKind, Tally, decode, encode, tally

TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=12)
NUMBER = st.integers(-(2**62), 2**62)
KEY = st.binary(max_size=12)
OUTCOMES = st.lists(
    st.builds(
        Outcome,
        idx=st.integers(0, 1 << 31),
        kind=st.sampled_from(OutcomeKind),
        key=KEY,
        size=NUMBER,
        etag=TEXT,
        evidence=TEXT,
        strength=TEXT,
        code=TEXT,
        detail=TEXT,
        finished_ms=NUMBER,
        dst_etag=TEXT,
        url=TEXT,
    ),
    max_size=8,
)
ENTRIES = st.lists(
    st.builds(
        Entry,
        key=KEY,
        size=NUMBER,
        modified_ms=NUMBER,
        etag=TEXT,
        storage_class=TEXT,
        decision=st.sampled_from(["absent", "overwrite", "unknown"]),
        dst_etag=TEXT,
        line=st.integers(0, 2**40),
        version=TEXT,
        url=TEXT,
    ),
    max_size=8,
)


@given(OUTCOMES.filter(lambda rows: all(row.dst_etag != "\0" for row in rows)))
def test_a_segment_comes_back_as_it_was(outcomes):
    back = decode(encode(outcomes))
    assert back == outcomes
    assert all(type(outcome.kind) is OutcomeKind for outcome in back)


@given(ENTRIES)
def test_a_manifest_comes_back_as_it_was(entries):
    assert manifest.decode(manifest.encode(entries)) == entries


def test_a_manifest_from_before_there_were_versions_is_read():
    columns = Writer()
    columns.blobs([b"a", b"b"])
    columns.numbers([1, 2])
    columns.numbers([3, 4])
    columns.texts(["e", "f"])
    columns.words(["", ""])
    columns.words(["absent", "unknown"])
    columns.texts(["", ""])
    columns.numbers([0, 7])
    wanted = [Entry(b"a", 1, 3, "e", decision="absent"), Entry(b"b", 2, 4, "f", line=7)]
    assert manifest.decode(columns.sealed()) == wanted


@pytest.mark.parametrize("span", [0, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**63 - 1])
def test_numbers_of_any_span_come_back(span):
    outcomes = [Outcome(0, OutcomeKind.OK, b"k", size, "") for size in (0, span, -1 if span < 2**62 else 0)]
    assert decode(encode(outcomes)) == outcomes
    shifted = [Entry(b"k", size, 7, "") for size in (-3, span - 3)]
    assert manifest.decode(manifest.encode(shifted)) == shifted


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb", "\0", "", "日本"])
def test_any_text_comes_back(text):
    outcomes = [Outcome(0, OutcomeKind.FAIL, b"k", 0, text, detail=text, dst_etag="x")]
    assert decode(encode(outcomes)) == outcomes


def test_lengths_that_do_not_add_up_are_damaged():
    columns = Writer()
    columns.numbers([1, 2])
    columns.blobs([b"abcd"])
    columns.pieces[4:8] = []
    with pytest.raises(Damaged):
        Reader(columns.sealed()).blobs()


def usual(count):
    dice = random.Random(1)
    return [
        Outcome(
            index,
            OutcomeKind.OK,
            b"photos/2024/%06d.jpg" % index,
            dice.randrange(1 << 24),
            dice.randbytes(16).hex(),
            "provider",
            "strong",
            finished_ms=1_760_000_000_000 + 3 * index,
            dst_etag=dice.randbytes(16).hex(),
        )
        for index in range(count)
    ]


def test_random_etags_cost_at_most_60_bytes_an_object():
    assert len(encode(usual(500))) <= 60 * 500


def test_a_manifest_holds_at_most_a_thousand_entries():
    entries = [Entry(b"k", 1, 1, "e")] * MAX_ENTRIES
    assert manifest.decode(manifest.encode(entries)) == entries
    with pytest.raises(ValueError, match="1001 entries"):
        manifest.encode([*entries, entries[0]])


@pytest.mark.parametrize("read", [decode, manifest.decode])
@pytest.mark.parametrize("stored", [b"", b"\x02", b"\x01", b"\x01abc", b"\x01" + zlib.compress(b"\xff" * 40)])
def test_other_bytes_are_damaged(read, stored):
    with pytest.raises(Damaged):
        read(stored)


def test_a_segment_that_was_changed_never_comes_back_quietly():
    outcomes = usual(20)
    stored = encode(outcomes)
    dice = random.Random(2)
    for _ in range(300):
        place = dice.randrange(len(stored))
        broken = stored[:place] + bytes([stored[place] ^ (1 << dice.randrange(8))]) + stored[place + 1 :]
        try:
            assert decode(broken) == outcomes
        except Damaged:
            continue


@given(st.binary(max_size=200))
def test_any_unpacked_bytes_are_a_segment_or_damaged(unpacked):
    for read in (decode, manifest.decode):
        try:
            read(b"\x01" + zlib.compress(unpacked))
        except Damaged:
            continue


def test_a_manifest_is_no_segment():
    with pytest.raises(Damaged):
        decode(manifest.encode([Entry(os.urandom(8), 1, 2, "e")] * 3))


def test_the_tally_counts_objects_and_bytes_by_kind():
    kinds = [OutcomeKind.OK, OutcomeKind.OK, OutcomeKind.SKIP, OutcomeKind.FAIL, OutcomeKind.FAIL]
    outcomes = [
        Outcome(place, kind, b"k", size, "")
        for place, (kind, size) in enumerate(zip(kinds, [1, 2, 4, 8, -1], strict=True))
    ]
    assert tally(outcomes) == Tally(2, 1, 2, 3, 4, 8)
    assert tally([]) == Tally()


@given(OUTCOMES, OUTCOMES)
def test_tallies_add_up(first, second):
    assert tally(first) + tally(second) == tally(first + second)
