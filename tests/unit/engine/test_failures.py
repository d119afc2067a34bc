"""Failures in the words of OMS (clouds.md D2, oms-behaviour 2.2)."""

import itertools

import pytest

from engine import codes
from engine.failures import Meaning, Operation, Side, object_code, trf_code

S, D = Side.SOURCE, Side.DESTINATION
ROWS = [
    # meaning, operation, source, destination
    ("bad_credentials", "check_bucket", "0151", "0057"),
    ("expired_credentials", "read", "0151", "0057"),
    ("clock_skew", "list", "0151", "0057"),
    ("account_frozen", "read", "0152", "0056"),
    ("account_closed", "read", "0152", "0053"),
    ("arrears", "put", "0152", "0063"),
    ("no_bucket", "check_bucket", "0155", "0058"),
    ("wrong_region", "list", "0155", "0058"),
    ("access_denied", "check_bucket", "0152", "0051"),
    ("access_denied", "list", "0031", "0051"),
    ("access_denied", "head", "0153", "0052"),
    ("access_denied", "read", "0154", "0054"),
    ("access_denied", "put", "0154", "0054"),
    ("access_denied", "put_part", "0154", "0054"),
    ("access_denied", "create_upload", "0154", "0054"),
    ("access_denied", "restore", "0201", "0054"),
    ("no_key", "read", "0156", "0059"),
    ("no_upload", "put_part", "0156", "0059"),
    ("archived", "read", "0160", "0065"),
    ("archived", "head", "0202", "0065"),
    ("archived", "restore", "0201", "0065"),
    ("bad_credentials", "restore", "0151", "0057"),
    ("throttled", "read", "0159", "0061"),
    ("unavailable", "read", "0157", "0061"),
    ("tls", "read", "0157", "0061"),
    ("cut_short", "read", "0157", "0061"),
    ("broken_answer", "complete_upload", "0157", "0061"),
    ("broken_listing", "list", "0031", "0061"),
    ("bad_key", "put", "0002", "0060"),
    ("no_space", "put", "0002", "0055"),
    ("conflict", "put", "0157", "0062"),
    ("precondition", "put", "0157", "0062"),
    ("changed", "read", "0157", "0062"),
    ("digest_mismatch", "put", "0157", "0061"),
    ("kms", "put", "0154", "0054"),
    ("rejected", "put", "0002", "0002"),
    ("metadata_too_big", "put", "0002", "0002"),
]


@pytest.mark.parametrize(("meaning", "operation", "source", "destination"), ROWS)
def test_each_failure_has_its_trf_code_on_either_side(meaning, operation, source, destination):
    found = [trf_code(Meaning(meaning), side, Operation(operation)) for side in (S, D)]
    assert found == [f"TRF.{source}", f"TRF.{destination}"]


@pytest.mark.parametrize("operation", [Operation.PUT, Operation.READ, Operation.LIST])
def test_below_oms_a_denied_call_is_0020(operation):
    denied = Meaning.ACCESS_DENIED
    assert trf_code(denied, D, operation, under_workspace=True) == "TRF.0020"
    assert trf_code(Meaning.NO_SPACE, D, operation, under_workspace=True) == "TRF.0055"


def test_every_combination_has_a_code_that_has_words():
    for case in itertools.product(Meaning, Side, Operation):
        assert codes.message(trf_code(*case))
        word = object_code(*case)
        assert word == word.upper()
        assert word.replace("_", "").isalnum()


@pytest.mark.parametrize(
    ("meaning", "side", "operation", "word"),
    [
        ("unavailable", D, "put", "UPLOAD_DST_OBJ_FAILURE"),
        ("digest_mismatch", D, "put_part", "UPLOAD_DST_OBJ_FAILURE"),
        ("rejected", D, "create_upload", "INIT_DST_OBJ_MULTIPART_FAILURE"),
        ("no_upload", D, "complete_upload", "COMPLETE_DST_OBJ_MULTIPART_FAILURE"),
        ("precondition", D, "complete_upload", "DST_OBJ_CHANGED"),
        ("bad_key", D, "put", "DST_OBJ_KEY_INVALID"),
        ("unavailable", S, "read", "GET_SRC_OBJ_FAILURE"),
        ("unavailable", S, "head", "HEAD_SRC_OBJ_FAILURE"),
        ("no_key", S, "head", "SRC_OBJ_NOT_FOUND"),
        ("archived", S, "read", "SRC_OBJ_ARCHIVED"),
        ("precondition", S, "read", "SRC_OBJ_CHANGED"),
        ("access_denied", S, "read", "SRC_OBJ_ACCESS_DENIED"),
        ("rejected", S, "restore", "RESTORE_SRC_OBJ_FAILURE"),
    ],
)
def test_the_failed_list_names_what_failed(meaning, side, operation, word):
    assert object_code(Meaning(meaning), side, Operation(operation)) == word
