"""What proves an object, and OMS's own check (design 3.8; oms-behaviour 3.3; checks 32-34)."""

from dataclasses import replace
from hashlib import md5

import pytest

from engine.evidence import (
    Landed,
    Level,
    Proof,
    consistency_problem,
    contradicted,
    judge,
    multipart_etag,
)
from engine.policy import UNKNOWN
from engine.spec import ConsistencyCheck

MD5 = md5(b"hello").hexdigest()
OTHER = md5(b"other").hexdigest()
PARTS = [md5(b"a").digest(), md5(b"b").digest()]
MULTI = multipart_etag(PARTS)
SINGLE = Proof(MD5, MD5, 7, True)

SIZE, KMS, CRC = (f"COMPARE_SRC_AND_DST_{word}_FAILURE" for word in ("SIZE", "KMS", "CRC64"))


@pytest.mark.parametrize(
    ("proof", "level"),
    [
        (Proof(MD5, MD5), 0),
        (Proof(MD5, MD5, 7, False, "opaque"), 0),
        (SINGLE, 1),
        (replace(SINGLE, destination_etag="opaque"), 1),
        (replace(SINGLE, destination_etag=MD5, encryption="kms"), 1),
        (replace(SINGLE, destination_etag=MD5, encryption="customer_key"), 1),
        (replace(SINGLE, destination_etag="opaque", source_etag=MD5, source_crc64=7), 1),
        (replace(SINGLE, destination_etag=MD5), 2),
        (replace(SINGLE, destination_etag=f'"{MD5.upper()}"'), 2),
        (replace(SINGLE, destination_etag=MD5, encryption="aes256"), 2),
        (replace(SINGLE, destination_crc64=7, encryption="kms"), 2),
        (Proof(MD5, MD5, 0, False, "", 0), 2),
        (replace(SINGLE, destination_etag=MD5, source_etag=OTHER), 2),
        (replace(SINGLE, destination_etag=MD5, source_etag=MD5), 3),
        (replace(SINGLE, destination_crc64=7, source_crc64=7), 3),
        (replace(SINGLE, destination_etag=MD5, source_crc64=7), 3),
        (Proof(MULTI, "", 7, True, MULTI), 2),
        (Proof(MULTI, "", 7, True, MULTI, source_etag=MULTI), 3),
        (Proof(MULTI, MD5, 7, True, MULTI, source_etag=MD5), 3),
        (Proof(MULTI, "", None, True, MULTI, source_etag=MD5), 2),
    ],
)
def test_the_level_is_the_strongest_that_the_answers_prove(proof, level):
    assert judge(proof) == level


def test_nothing_told_proves_nothing():
    assert judge(Proof("", "")) is Level.L0


def test_levels_have_their_words_in_order():
    assert [level.word for level in Level] == ["size", "wire", "provider", "e2e", "readback"]
    assert all(Level.of(level.word) is level for level in Level)
    with pytest.raises(KeyError):
        Level.of("L1")


def test_the_etag_of_parts_is_the_md5_of_their_md5s():
    assert md5(b"".join(PARTS)).hexdigest() + "-2" == MULTI
    assert multipart_etag(PARTS[:1]) == md5(PARTS[0]).hexdigest() + "-1"


@pytest.mark.parametrize(
    ("proof", "denied"),
    [
        (SINGLE, False),
        (replace(SINGLE, destination_etag=MD5), False),
        (replace(SINGLE, destination_etag=OTHER), True),
        (replace(SINGLE, destination_etag=OTHER, encryption="kms"), False),
        (replace(SINGLE, destination_crc64=8), True),
        (replace(SINGLE, source_crc64=8), True),
        (replace(SINGLE, destination_crc64=8, crc64=None), False),
        (replace(SINGLE, destination_crc64=8, source_crc64=9, crc64=None), True),
    ],
)
def test_an_answer_may_deny_the_bytes(proof, denied):
    assert contradicted(proof, etag_is_md5=True) is denied


def test_an_etag_that_is_no_md5_denies_nothing():
    assert not contradicted(replace(SINGLE, destination_etag="opaque"), etag_is_md5=False)


NOON = 1_700_000_000_000
GOOD = Landed(5, 5, NOON, NOON)
BASIC, BY_CRC, NO_CHECK = ConsistencyCheck


@pytest.mark.check(32, 34)
@pytest.mark.parametrize(
    ("landed", "check", "problem"),
    [
        (GOOD, BASIC, None),
        (replace(GOOD, sent_size=4), BASIC, SIZE),
        (replace(GOOD, source_modified_ms=NOON + 1000), BASIC, SIZE),
        (replace(GOOD, source_modified_ms=NOON + 999), BASIC, None),
        (replace(GOOD, answered_ms=0), BASIC, None),
        (replace(GOOD, source_modified_ms=UNKNOWN), BASIC, None),
        (replace(GOOD, source_size=UNKNOWN), BASIC, None),
        (replace(GOOD, source_crc64=1, destination_crc64=1), BY_CRC, None),
        (replace(GOOD, source_crc64=1, destination_crc64=2), BY_CRC, CRC),
        (replace(GOOD, source_crc64=1, destination_crc64=2), BASIC, None),
        (replace(GOOD, source_crc64=0, destination_crc64=1), BY_CRC, CRC),
        (replace(GOOD, source_crc64=1, sent_size=4), BY_CRC, SIZE),
        (replace(GOOD, destination_crc64=1, sent_size=4), BY_CRC, SIZE),
        (replace(GOOD, source_crc64=1, destination_crc64=1, answered_ms=1), BY_CRC, None),
        (replace(GOOD, source_size=UNKNOWN, answered_ms=1), NO_CHECK, None),
        (replace(GOOD, sent_size=4), NO_CHECK, SIZE),
    ],
)
def test_the_check_of_oms(landed, check, problem):
    assert consistency_problem(landed, check, want_kms=False) == problem


@pytest.mark.check(33)
@pytest.mark.parametrize(
    ("encryption", "want_kms", "always_encrypts", "problem"),
    [
        ("none", False, False, None),
        ("kms", True, False, None),
        ("none", True, False, KMS),
        ("aes256", True, False, KMS),
        ("kms", False, False, KMS),
        ("kms", False, True, KMS),
        ("aes256", False, False, KMS),
        ("aes256", False, True, None),
    ],
)
@pytest.mark.parametrize("check", [BASIC, BY_CRC])
def test_an_object_that_is_not_encrypted_as_asked_fails(
    check, encryption, want_kms, always_encrypts, problem
):
    landed = replace(GOOD, encryption=encryption, source_crc64=1, destination_crc64=1)
    found = consistency_problem(landed, check, want_kms=want_kms, always_encrypts=always_encrypts)
    assert found == problem
