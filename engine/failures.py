"""What went wrong with a store, in the engine's words and in those of OMS 6.2, for either side."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """Which end of a task a store is."""

    SOURCE = "source"
    DESTINATION = "destination"


class Operation(StrEnum):
    """What was asked of a store; also the label of its request counters."""

    LIST_BUCKETS = "list_buckets"
    FIND_REGION = "find_region"
    CHECK_BUCKET = "check_bucket"
    LIST = "list"
    HEAD = "head"
    READ = "read"
    PUT = "put"
    CREATE_UPLOAD = "create_upload"
    PUT_PART = "put_part"
    LIST_PARTS = "list_parts"
    COMPLETE_UPLOAD = "complete_upload"
    ABORT_UPLOAD = "abort_upload"
    LIST_UPLOADS = "list_uploads"
    RESTORE = "restore"
    COPY = "copy"
    DELETE = "delete"


class Meaning(StrEnum):
    """The rows of the vendors' error table (clouds.md D1) and what the wire itself notices."""

    BAD_CREDENTIALS = "bad_credentials"
    EXPIRED_CREDENTIALS = "expired_credentials"
    CLOCK_SKEW = "clock_skew"
    ACCESS_DENIED = "access_denied"
    NO_BUCKET = "no_bucket"
    NO_KEY = "no_key"
    NO_UPLOAD = "no_upload"
    WRONG_REGION = "wrong_region"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_CLOSED = "account_closed"
    ARREARS = "arrears"
    THROTTLED = "throttled"
    ARCHIVED = "archived"
    PRECONDITION = "precondition"
    BAD_RANGE = "bad_range"
    DIGEST_MISMATCH = "digest_mismatch"
    BAD_KEY = "bad_key"
    NO_SPACE = "no_space"
    METADATA_TOO_BIG = "metadata_too_big"
    CONFLICT = "conflict"
    KMS = "kms"
    TOO_LARGE = "too_large"
    BAD_PART = "bad_part"
    UNAVAILABLE = "unavailable"
    CUT_SHORT = "cut_short"
    BROKEN_ANSWER = "broken_answer"
    BROKEN_LISTING = "broken_listing"
    CHANGED = "changed"
    FORBIDDEN_ADDRESS = "forbidden_address"
    NO_BLOB_SERVICE = "no_blob_service"
    BAD_CONNECTION_STRING = "bad_connection_string"
    FORBIDDEN_HOST = "forbidden_host"
    CDN_DIFFERS = "cdn_differs"
    CDN_DENIED = "cdn_denied"
    TLS = "tls"
    REJECTED = "rejected"


UNKNOWN_REASON: Final = "TRF.0002"
SOME_OBJECTS_FAILED: Final = "TRF.0004"
WAITED_TOO_LONG: Final = "TRF.0003"
NOTHING_SELECTED: Final = "TRF.0012"
NOT_ENCRYPTED: Final = "TRF.0064"

COMPARE_SIZE: Final = "COMPARE_SRC_AND_DST_SIZE_FAILURE"
COMPARE_CRC64: Final = "COMPARE_SRC_AND_DST_CRC64_FAILURE"
COMPARE_KMS: Final = "COMPARE_SRC_AND_DST_KMS_FAILURE"
UNVERIFIABLE: Final = "EVIDENCE_BELOW_MINIMUM"

_M = Meaning

_SOURCE: Final[Mapping[Meaning, str]] = {
    **dict.fromkeys((_M.BAD_CREDENTIALS, _M.EXPIRED_CREDENTIALS, _M.CLOCK_SKEW), "TRF.0151"),
    **dict.fromkeys((_M.ACCOUNT_FROZEN, _M.ACCOUNT_CLOSED, _M.ARREARS), "TRF.0152"),
    **dict.fromkeys((_M.NO_BUCKET, _M.WRONG_REGION), "TRF.0155"),
    **dict.fromkeys((_M.NO_KEY, _M.NO_UPLOAD), "TRF.0156"),
    _M.NO_BLOB_SERVICE: "TRF.0015",
    _M.BAD_CONNECTION_STRING: "TRF.0161",
    **dict.fromkeys((_M.KMS, _M.CDN_DENIED), "TRF.0154"),
    _M.THROTTLED: "TRF.0159",
    _M.BROKEN_LISTING: "TRF.0031",
    **dict.fromkeys(
        (
            _M.UNAVAILABLE,
            _M.CUT_SHORT,
            _M.BROKEN_ANSWER,
            _M.DIGEST_MISMATCH,
            _M.BAD_RANGE,
            _M.CHANGED,
            _M.PRECONDITION,
            _M.CONFLICT,
            _M.TLS,
            _M.FORBIDDEN_ADDRESS,
            _M.FORBIDDEN_HOST,
            _M.CDN_DIFFERS,
        ),
        "TRF.0157",
    ),
}

_DESTINATION: Final[Mapping[Meaning, str]] = {
    **dict.fromkeys((_M.BAD_CREDENTIALS, _M.EXPIRED_CREDENTIALS, _M.CLOCK_SKEW), "TRF.0057"),
    _M.ACCOUNT_FROZEN: "TRF.0056",
    _M.ACCOUNT_CLOSED: "TRF.0053",
    _M.ARREARS: "TRF.0063",
    **dict.fromkeys((_M.NO_BUCKET, _M.WRONG_REGION), "TRF.0058"),
    **dict.fromkeys((_M.NO_KEY, _M.NO_UPLOAD), "TRF.0059"),
    _M.ARCHIVED: "TRF.0065",
    _M.BAD_KEY: "TRF.0060",
    _M.NO_SPACE: "TRF.0055",
    _M.KMS: "TRF.0054",
    **dict.fromkeys((_M.CONFLICT, _M.PRECONDITION, _M.CHANGED), "TRF.0062"),
    **dict.fromkeys(
        (
            _M.THROTTLED,
            _M.UNAVAILABLE,
            _M.CUT_SHORT,
            _M.BROKEN_ANSWER,
            _M.BROKEN_LISTING,
            _M.DIGEST_MISMATCH,
            _M.BAD_PART,
            _M.TLS,
            _M.FORBIDDEN_ADDRESS,
            _M.FORBIDDEN_HOST,
        ),
        "TRF.0061",
    ),
}

_BUCKET_CALLS: Final = frozenset({Operation.LIST_BUCKETS, Operation.FIND_REGION, Operation.CHECK_BUCKET})
# What a refused restore says nothing of its own about: the account and the bucket come first.
_ABOUT_THE_OBJECT: Final = frozenset({_M.ACCESS_DENIED, _M.ARCHIVED, _M.CONFLICT, _M.REJECTED})


def trf_code(meaning: Meaning, side: Side, operation: Operation, *, under_workspace: bool = False) -> str:
    """The TRF code of a task that ends for this reason; TRF.0002 where the reference has no word.

    `under_workspace`: the call was about a key below `oms/` of the destination.
    """
    if side is Side.SOURCE:
        return _source_code(meaning, operation)
    if meaning is Meaning.ACCESS_DENIED:
        return "TRF.0020" if under_workspace else _denied(operation, "TRF.0051", "TRF.0052", "TRF.0054")
    return _DESTINATION.get(meaning, UNKNOWN_REASON)


def _source_code(meaning: Meaning, operation: Operation) -> str:
    if operation is Operation.RESTORE and meaning in _ABOUT_THE_OBJECT:
        return "TRF.0201"
    if meaning is Meaning.ARCHIVED:
        return "TRF.0160" if operation is Operation.READ else "TRF.0202"
    if meaning is Meaning.ACCESS_DENIED:
        if operation is Operation.LIST:
            return "TRF.0031"
        return _denied(operation, "TRF.0152", "TRF.0153", "TRF.0154")
    return _SOURCE.get(meaning, UNKNOWN_REASON)


def _denied(operation: Operation, bucket: str, metadata: str, content: str) -> str:
    if operation in _BUCKET_CALLS or operation is Operation.LIST:
        return bucket
    return metadata if operation is Operation.HEAD else content


_SOURCE_WORDS: Final[Mapping[Meaning, str]] = {
    _M.NO_KEY: "SRC_OBJ_NOT_FOUND",
    _M.ARCHIVED: "SRC_OBJ_ARCHIVED",
    _M.CHANGED: "SRC_OBJ_CHANGED",
    _M.PRECONDITION: "SRC_OBJ_CHANGED",
    _M.ACCESS_DENIED: "SRC_OBJ_ACCESS_DENIED",
    _M.FORBIDDEN_ADDRESS: "URL_LIST_IP_FORBIDDEN",
    _M.FORBIDDEN_HOST: "URL_LIST_DOMAIN_FORBIDDEN",
    _M.CDN_DIFFERS: "COMPARE_SRC_AND_CDN_FAILURE",
    # OMS lists what a CDN refuses under the bare status (oms-behaviour 2.2).
    _M.CDN_DENIED: "403",
}

_DESTINATION_WORDS: Final[Mapping[Meaning, str]] = {
    _M.BAD_KEY: "DST_OBJ_KEY_INVALID",
    _M.ARCHIVED: "DST_OBJ_ARCHIVED",
    _M.PRECONDITION: "DST_OBJ_CHANGED",
    _M.CHANGED: "DST_OBJ_CHANGED",
    _M.TOO_LARGE: "DST_OBJ_TOO_LARGE",
    _M.METADATA_TOO_BIG: "DST_OBJ_METADATA_TOO_BIG",
}

_SOURCE_CALLS: Final[Mapping[Operation, str]] = {
    Operation.HEAD: "HEAD_SRC_OBJ_FAILURE",
    Operation.RESTORE: "RESTORE_SRC_OBJ_FAILURE",
    Operation.LIST: "LIST_SRC_OBJ_FAILURE",
}

_DESTINATION_CALLS: Final[Mapping[Operation, str]] = {
    Operation.HEAD: "HEAD_DST_OBJ_FAILURE",
    Operation.CREATE_UPLOAD: "INIT_DST_OBJ_MULTIPART_FAILURE",
    Operation.COMPLETE_UPLOAD: "COMPLETE_DST_OBJ_MULTIPART_FAILURE",
}


def object_code(meaning: Meaning, side: Side, operation: Operation) -> str:
    """The failed list's word for one object (oms-behaviour 2.2); words that OMS does not name are ours."""
    if side is Side.SOURCE:
        return _SOURCE_WORDS.get(meaning) or _SOURCE_CALLS.get(operation, "GET_SRC_OBJ_FAILURE")
    return _DESTINATION_WORDS.get(meaning) or _DESTINATION_CALLS.get(operation, "UPLOAD_DST_OBJ_FAILURE")
