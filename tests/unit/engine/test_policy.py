"""The truth table of the overwrite modes (oms-behaviour 3.2; checks 25-30)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.failures import Side
from engine.policy import UNKNOWN, Candidate, Copy, Existing, NeedHead, Reason, Rule, Skip, decide
from engine.spec import OverwriteMode

NO, DEFAULT, CRC, FULL = (
    OverwriteMode.NO_OVERWRITE,
    OverwriteMode.SIZE_LAST_MODIFIED,
    OverwriteMode.CRC64,
    OverwriteMode.FULL_OVERWRITE,
)
NOON = 1_700_000_000_000
EXISTS, SAME, SAME_CRC = Skip(Rule.EXISTS), Skip(Rule.SIZE_LAST_MODIFIED), Skip(Rule.CRC64)
ABSENT, ALL, SIZE, NEWER, OTHER_CRC = map(
    Copy, (Reason.ABSENT, Reason.FULL_OVERWRITE, Reason.SIZE, Reason.NEWER, Reason.CRC64)
)
SOURCE, DESTINATION = NeedHead(Side.SOURCE), NeedHead(Side.DESTINATION)

# Rows: what the destination has. `older`, `equal`, `newer`: the source, compared with it.
#  destination           NO      DEFAULT FULL
TABLE = [
    (None, None, ABSENT, ABSENT, ABSENT),
    ("same size", "older", EXISTS, SAME, ALL),
    ("same size", "equal", EXISTS, SAME, ALL),
    ("same size", "newer", EXISTS, NEWER, ALL),
    ("other size", "older", EXISTS, SIZE, ALL),
    ("other size", "equal", EXISTS, SIZE, ALL),
    ("other size", "newer", EXISTS, SIZE, ALL),
]
AGE = {"older": -1000, "equal": 0, "newer": 1000}


def pair(size, age, *, here=None, there=None, headed=True):
    source = Candidate(5, NOON + AGE[age], "s", here, headed=headed)
    existing = Existing(5 if size == "same size" else 6, NOON, "d", there, "none", headed=headed)
    return source, existing


@pytest.mark.check(25, 26, 27, 28, 29)
@pytest.mark.parametrize(("size", "age", "no", "default", "full"), TABLE)
def test_the_modes_that_need_no_checksum(size, age, no, default, full):
    source, existing = pair(size, age) if size else (Candidate(5, NOON), None)
    for mode, expected in ((NO, no), (DEFAULT, default), (FULL, full)):
        assert decide(source, existing, mode, want_kms=False) == expected


@pytest.mark.check(30)
@pytest.mark.parametrize(("size", "age", "no", "default", "full"), TABLE)
@pytest.mark.parametrize("crcs", [(None, None), (1, None), (None, 1)])
def test_without_both_checksums_crc64_is_the_default_mode(size, age, no, default, full, crcs):
    here, there = crcs
    source, existing = pair(size, age, here=here, there=there) if size else (Candidate(5, NOON), None)
    assert decide(source, existing, CRC, want_kms=False) == default


@pytest.mark.parametrize(("age", "verdict"), [("older", SAME), ("equal", NEWER), ("newer", NEWER)])
def test_who_is_said_to_have_changed_is_newer_in_the_same_second(age, verdict):
    source, existing = pair("same size", age)
    assert decide(source, existing, DEFAULT, want_kms=False, changed=True) == verdict
    same = Candidate(5, source.modified_ms, "d", headed=True)
    assert decide(same, existing, DEFAULT, want_kms=False, changed=True) == (
        NEWER if age == "newer" else SAME
    )


@pytest.mark.check(30)
@pytest.mark.parametrize("age", AGE)
def test_with_both_checksums_only_they_count(age):
    assert decide(*pair("same size", age, here=7, there=7), CRC, want_kms=False) == SAME_CRC
    assert decide(*pair("same size", age, here=7, there=8), CRC, want_kms=False) == OTHER_CRC
    assert decide(*pair("other size", age, here=7, there=8), CRC, want_kms=False) == SIZE


def test_a_checksum_of_zero_is_a_checksum():
    assert decide(*pair("same size", "newer", here=0, there=0), CRC, want_kms=False) == SAME_CRC


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [(None, None, DESTINATION), (1, None, DESTINATION), (None, 1, SOURCE), (1, 1, SAME_CRC)],
)
def test_an_unknown_checksum_is_asked_for_where_it_is_needed(here, there, expected):
    found = decide(*pair("same size", "older", here=here, there=there, headed=False), CRC, want_kms=False)
    assert found == expected


def test_another_size_needs_no_checksum():
    assert decide(*pair("other size", "older", headed=False), CRC, want_kms=False) == SIZE


@pytest.mark.check(26)
@pytest.mark.parametrize(
    ("source_ms", "existing_ms", "expected"),
    [
        (NOON + 999, NOON, SAME),
        (NOON + 1000, NOON + 999, NEWER),
        (NOON, NOON + 999, SAME),
        (UNKNOWN, NOON, SAME),
    ],
)
def test_times_are_compared_in_whole_seconds(source_ms, existing_ms, expected):
    existing = Existing(5, existing_ms, encryption="none")
    assert decide(Candidate(5, source_ms), existing, DEFAULT, want_kms=False) == expected


@pytest.mark.check(34)
def test_an_unknown_size_is_asked_for_once_and_then_copied():
    existing = Existing(5, NOON)
    assert decide(Candidate(UNKNOWN, UNKNOWN), existing, DEFAULT, want_kms=False) == SOURCE
    assert decide(Candidate(UNKNOWN, UNKNOWN, headed=True), existing, DEFAULT, want_kms=False) == SIZE
    assert decide(Candidate(UNKNOWN, UNKNOWN), None, DEFAULT, want_kms=False) == ABSENT


@pytest.mark.parametrize(
    ("encryption", "want_kms", "always", "same"),
    [
        ("none", False, False, True),
        ("aes256", False, False, False),
        ("aes256", False, True, True),
        ("kms", False, True, False),
        ("customer_key", False, True, False),
        ("kms", True, False, True),
        ("none", True, False, False),
        ("aes256", True, True, False),
        (None, True, False, False),
    ],
)
@pytest.mark.parametrize("mode", [DEFAULT, CRC])
def test_an_object_that_is_encrypted_otherwise_is_copied_again(mode, encryption, want_kms, always, same):
    source = Candidate(5, NOON, crc64=1, headed=True)
    existing = Existing(5, NOON, "", 1, encryption, headed=True)
    verdict = decide(source, existing, mode, want_kms=want_kms, always_encrypts=always)
    assert isinstance(verdict, Skip) if same else verdict == Copy(Reason.ENCRYPTION)


@pytest.mark.parametrize(
    ("want_kms", "check", "expected"),
    [(True, False, DESTINATION), (False, True, DESTINATION), (False, False, SAME)],
)
def test_encryption_is_asked_for_only_where_a_rule_needs_it(want_kms, check, expected):
    existing = Existing(5, NOON)
    found = decide(Candidate(5, NOON), existing, DEFAULT, want_kms=want_kms, check_encryption=check)
    assert found == expected


@pytest.mark.parametrize("mode", [NO, FULL])
def test_modes_without_comparison_ask_for_nothing(mode):
    verdict = decide(Candidate(UNKNOWN, UNKNOWN), Existing(5, NOON), mode, want_kms=True)
    assert not isinstance(verdict, NeedHead)


MAYBE_CRC = st.none() | st.integers(0, 2)
CANDIDATES = st.builds(
    Candidate,
    size=st.sampled_from([UNKNOWN, 0, 5]),
    modified_ms=st.sampled_from([UNKNOWN, NOON, NOON + 5000]),
    crc64=MAYBE_CRC,
    headed=st.booleans(),
)
EXISTINGS = st.none() | st.builds(
    Existing,
    size=st.sampled_from([0, 5]),
    modified_ms=st.just(NOON),
    crc64=MAYBE_CRC,
    encryption=st.sampled_from([None, "none", "kms"]),
    headed=st.booleans(),
)


@given(CANDIDATES, EXISTINGS, st.sampled_from(OverwriteMode), st.booleans(), st.booleans())
def test_every_case_has_an_answer_after_at_most_one_head_of_each_side(source, existing, mode, kms, check):
    asked = []
    for _ in range(3):
        verdict = decide(source, existing, mode, want_kms=kms, check_encryption=check)
        if not isinstance(verdict, NeedHead):
            break
        asked.append(verdict.side)
        if verdict.side is Side.SOURCE:
            source = Candidate(source.size, source.modified_ms, "", source.crc64, headed=True)
        else:
            existing = Existing(5, NOON, "", existing.crc64, existing.encryption, headed=True)
    assert not isinstance(verdict, NeedHead)
    assert len(asked) == len(set(asked))


@pytest.mark.check(28)
@given(EXISTINGS, st.booleans())
def test_no_overwrite_never_overwrites(existing, kms):
    verdicts = {
        decide(Candidate(size, when, headed=headed), existing, NO, want_kms=kms)
        for size, when, headed in itertools.product((UNKNOWN, 5, 6), (NOON, NOON + 9000), (True, False))
    }
    assert verdicts == {ABSENT if existing is None else EXISTS}
