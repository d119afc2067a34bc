"""Each cell of the vendors' error table has its class and TRF codes by the rule table (clouds.md D1, D2)."""

import json
from base64 import b64encode
from dataclasses import dataclass

import pytest

from connectors.errors import (
    Archived,
    Changed,
    Corrupted,
    Denied,
    Fatal,
    NotFound,
    PreconditionFailed,
    Rejected,
    StoreError,
    Throttled,
    Transient,
    Unavailable,
)
from connectors.s3 import errors
from connectors.s3.dialects import DIALECTS
from connectors.wire import WireAnswer
from engine.failures import Meaning, Operation, Side, trf_code

O, M = Operation, Meaning  # noqa: E741 -- columns of the table
ALL = "aws obs oss cos ks3 bos"


@dataclass(frozen=True, slots=True)
class Row:
    """One answer of one or more vendors, and what it means. The codes are TRF's of the source and the destination."""

    vendors: str
    status: int
    code: str
    operation: Operation
    kind: type[StoreError]
    meaning: Meaning
    source: str
    destination: str
    message: str = ""
    endpoint: str = ""


ROWS = [
    # bad access key, bad signature
    Row(ALL, 403, "InvalidAccessKeyId", O.LIST, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    Row(ALL, 403, "SignatureDoesNotMatch", O.READ, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    Row("bos", 400, "SignatureDoesNotMatch", O.READ, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    # clock skew
    Row("aws obs oss cos ks3", 403, "RequestTimeTooSkewed", O.LIST, Fatal, M.CLOCK_SKEW, "0151", "0057"),
    Row("cos", 403, "AccessDenied", O.LIST, Fatal, M.CLOCK_SKEW, "0151", "0057", "Request has expired"),
    Row("bos", 400, "RequestExpired", O.LIST, Fatal, M.CLOCK_SKEW, "0151", "0057"),
    # token expired
    Row("oss", 403, "SecurityTokenExpired", O.READ, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row("oss", 403, "InvalidSecurityToken", O.READ, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row("cos", 400, "ExpiredToken", O.READ, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row("cos ks3", 403, "ExpiredToken", O.READ, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row("aws", 400, "ExpiredToken", O.READ, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row("aws", 400, "ExpiredToken", O.PUT_PART, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row("aws", 400, "InvalidToken", O.READ, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row("obs", 403, "ExpiredToken", O.PUT, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row("obs", 401, "InvalidToken", O.PUT, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row("obs", 400, "TooManyWrongSignature", O.LIST, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    Row(ALL, 401, "", O.READ, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    # access denied, by what was asked for
    Row("aws obs", 403, "AllAccessDisabled", O.LIST, Fatal, M.ACCESS_DENIED, "0031", "0051"),
    Row("aws obs", 403, "AllAccessDisabled", O.READ, Denied, M.ACCESS_DENIED, "0154", "0054"),
    Row("obs", 403, "Unauthorized", O.HEAD, Denied, M.ACCESS_DENIED, "0153", "0052"),
    Row("obs", 403, "RequestPayerDenied", O.READ, Denied, M.ACCESS_DENIED, "0154", "0054"),
    Row(ALL, 403, "AccessDenied", O.CREATE_UPLOAD, Denied, M.ACCESS_DENIED, "0154", "0054"),
    Row(ALL, 403, "AccessDenied", O.PUT_PART, Denied, M.ACCESS_DENIED, "0154", "0054"),
    Row(ALL, 403, "AccessDenied", O.CHECK_BUCKET, Fatal, M.ACCESS_DENIED, "0152", "0051"),
    Row(ALL, 403, "AccessDenied", O.LIST, Fatal, M.ACCESS_DENIED, "0031", "0051"),
    Row(ALL, 403, "AccessDenied", O.HEAD, Denied, M.ACCESS_DENIED, "0153", "0052"),
    Row(ALL, 403, "AccessDenied", O.READ, Denied, M.ACCESS_DENIED, "0154", "0054"),
    Row(ALL, 403, "AccessDenied", O.PUT, Denied, M.ACCESS_DENIED, "0154", "0054"),
    Row(ALL, 403, "AccessDenied", O.RESTORE, Denied, M.ACCESS_DENIED, "0201", "0054"),
    # no bucket, no key, no upload
    Row(ALL, 404, "NoSuchBucket", O.LIST, Fatal, M.NO_BUCKET, "0155", "0058"),
    Row(ALL, 404, "NoSuchBucket", O.READ, Fatal, M.NO_BUCKET, "0155", "0058"),
    Row(ALL, 404, "NoSuchKey", O.READ, NotFound, M.NO_KEY, "0156", "0059"),
    Row("cos", 404, "NoSuchResource", O.READ, NotFound, M.NO_KEY, "0156", "0059"),
    Row("ks3", 404, "NotFound", O.READ, NotFound, M.NO_KEY, "0156", "0059"),
    Row("ks3", 404, "NotFound", O.CHECK_BUCKET, Fatal, M.NO_BUCKET, "0155", "0058"),
    Row(ALL, 404, "NoSuchUpload", O.COMPLETE_UPLOAD, NotFound, M.NO_UPLOAD, "0156", "0059"),
    # wrong region or host, when there is nowhere to go
    Row(
        "oss",
        403,
        "AccessDenied",
        O.READ,
        Fatal,
        M.WRONG_REGION,
        "0155",
        "0058",
        endpoint="oss-cn-x.aliyuncs.com",
    ),
    Row("cos", 400, "InvalidRegionName", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("cos", 301, "PermanentRedirect", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("cos ks3", 307, "TemporaryRedirect", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("bos", 301, "", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("aws obs", 301, "PermanentRedirect", O.READ, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("aws obs", 307, "TemporaryRedirect", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("aws", 400, "AuthorizationHeaderMalformed", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("aws", 400, "IllegalLocationConstraint", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("obs", 403, "VirtualHostDomainRequired", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    # arrears, frozen
    Row("aws obs", 403, "AccountProblem", O.READ, Fatal, M.ACCOUNT_CLOSED, "0152", "0053"),
    Row("aws obs", 403, "NotSignedUp", O.READ, Fatal, M.ACCOUNT_CLOSED, "0152", "0053"),
    Row("aws", 403, "OptInRequired", O.LIST, Fatal, M.ACCOUNT_CLOSED, "0152", "0053"),
    Row("obs", 403, "FrozenUserId", O.PUT, Fatal, M.ACCOUNT_FROZEN, "0152", "0056"),
    Row("obs", 403, "DeregisterUserId", O.PUT, Fatal, M.ACCOUNT_CLOSED, "0152", "0053"),
    Row("obs", 403, "InArrearOrInsufficientBalance", O.PUT, Fatal, M.ARREARS, "0152", "0063"),
    Row("oss", 403, "UserDisable", O.READ, Fatal, M.ACCOUNT_FROZEN, "0152", "0056"),
    Row("cos", 451, "UnavailableForLegalReasons", O.READ, Fatal, M.ARREARS, "0152", "0063"),
    Row("cos", 451, "", O.READ, Fatal, M.ARREARS, "0152", "0063"),
    Row("cos", 403, "AccountFrozen", O.READ, Fatal, M.ACCOUNT_FROZEN, "0152", "0056"),
    Row("ks3", 403, "AccountProblem", O.READ, Fatal, M.ACCOUNT_CLOSED, "0152", "0053"),
    Row("bos", 403, "AccountOverdue", O.READ, Fatal, M.ARREARS, "0152", "0063"),
    # throttled
    Row("oss", 503, "QpsLimitExceeded", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row("oss", 503, "TotalQpsLimitExceeded", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row("oss", 503, "DownloadTrafficRateLimitExceeded", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row("oss", 503, "UploadTrafficRateLimitExceeded", O.PUT, Throttled, M.THROTTLED, "0159", "0061"),
    Row("cos ks3", 503, "SlowDown", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row("cos", 503, "RequestLimitExceeded", O.LIST, Throttled, M.THROTTLED, "0159", "0061"),
    Row("bos", 503, "RequestRateLimitExceeded", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row("bos", 400, "RequestRateLimitExceeded", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row(ALL, 429, "", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row("aws obs", 503, "SlowDown", O.PUT, Throttled, M.THROTTLED, "0159", "0061"),
    Row("aws obs", 503, "ServiceUnavailable", O.LIST, Throttled, M.THROTTLED, "0159", "0061"),
    Row("aws", 503, "RequestLimitExceeded", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row("obs", 429, "TooManyRequests", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row(ALL, 503, "", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    # archived, and restores that are refused
    Row("aws obs", 403, "InvalidObjectState", O.HEAD, Archived, M.ARCHIVED, "0202", "0065"),
    Row("aws", 503, "GlacierExpeditedRetrievalNotAvailable", O.RESTORE, Rejected, M.REJECTED, "0201", "0002"),
    Row("aws obs", 501, "NotImplemented", O.RESTORE, Rejected, M.REJECTED, "0201", "0002"),
    Row("obs", 409, "ObjectHasAlreadyRestored", O.RESTORE, Rejected, M.CONFLICT, "0201", "0062"),
    Row("aws obs oss cos ks3", 403, "InvalidObjectState", O.READ, Archived, M.ARCHIVED, "0160", "0065"),
    Row("aws obs cos ks3", 403, "InvalidObjectState", O.RESTORE, Archived, M.ARCHIVED, "0201", "0065"),
    Row("oss", 400, "OperationNotSupported", O.RESTORE, Rejected, M.REJECTED, "0201", "0002"),
    Row(
        "aws obs oss cos ks3",
        409,
        "RestoreAlreadyInProgress",
        O.RESTORE,
        Rejected,
        M.CONFLICT,
        "0201",
        "0062",
    ),
    # conditions and ranges
    Row(ALL, 412, "PreconditionFailed", O.READ, Changed, M.CHANGED, "0157", "0062"),
    Row(ALL, 412, "PreconditionFailed", O.PUT, PreconditionFailed, M.PRECONDITION, "0157", "0062"),
    Row(ALL, 416, "InvalidRange", O.READ, Changed, M.CHANGED, "0157", "0062"),
    # digests
    Row("aws obs oss cos ks3", 400, "InvalidDigest", O.PUT, Corrupted, M.DIGEST_MISMATCH, "0157", "0061"),
    Row("aws obs cos ks3 bos", 400, "BadDigest", O.PUT, Corrupted, M.DIGEST_MISMATCH, "0157", "0061"),
    Row("aws", 400, "XAmzContentSHA256Mismatch", O.PUT, Corrupted, M.DIGEST_MISMATCH, "0157", "0061"),
    Row(
        ALL, 412, "PreconditionFailed", O.COMPLETE_UPLOAD, PreconditionFailed, M.PRECONDITION, "0157", "0062"
    ),
    # keys, metadata, sizes, space
    Row("aws obs", 400, "KeyTooLongError", O.PUT, Rejected, M.BAD_KEY, "0002", "0060"),
    Row("obs", 400, "InvalidURI", O.PUT, Rejected, M.BAD_KEY, "0002", "0060"),
    Row("aws obs", 400, "MetadataTooLarge", O.PUT, Rejected, M.METADATA_TOO_BIG, "0002", "0002"),
    Row("obs", 403, "InsufficientStorageSpace", O.PUT, Fatal, M.NO_SPACE, "0002", "0055"),
    Row("oss", 400, "InvalidObjectName", O.PUT, Rejected, M.BAD_KEY, "0002", "0060"),
    Row("cos", 400, "KeyTooLong", O.PUT, Rejected, M.BAD_KEY, "0002", "0060"),
    Row("ks3", 400, "InvalidKey", O.PUT, Rejected, M.BAD_KEY, "0002", "0060"),
    Row("ks3", 400, "URITooLong", O.PUT, Rejected, M.BAD_KEY, "0002", "0060"),
    Row("oss cos", 400, "InvalidArgument", O.PUT, Rejected, M.REJECTED, "0002", "0002"),
    Row("cos", 400, "MetaTooLarge", O.PUT, Rejected, M.METADATA_TOO_BIG, "0002", "0002"),
    Row("bos", 400, "MetadataTooLarge", O.PUT, Rejected, M.METADATA_TOO_BIG, "0002", "0002"),
    Row(ALL, 400, "EntityTooLarge", O.PUT, Rejected, M.TOO_LARGE, "0002", "0002"),
    # what is there already
    Row("oss", 409, "FileImmutable", O.PUT, Rejected, M.CONFLICT, "0157", "0062"),
    Row("oss", 409, "FileAlreadyExists", O.PUT, Rejected, M.CONFLICT, "0157", "0062"),
    Row("cos", 409, "PathConflict", O.PUT, Rejected, M.CONFLICT, "0157", "0062"),
    Row("bos", 409, "ObjectAlreadyExists", O.PUT, Rejected, M.CONFLICT, "0157", "0062"),
    Row("aws obs", 409, "OperationAborted", O.PUT, Unavailable, M.CONFLICT, "0157", "0062"),
    Row("aws", 409, "ConditionalRequestConflict", O.PUT, Unavailable, M.CONFLICT, "0157", "0062"),
    # encryption
    Row("aws obs", 400, "KMS.DisabledException", O.PUT, Rejected, M.KMS, "0154", "0054"),
    Row("aws obs", 400, "KMS.NotFoundException", O.READ, Rejected, M.KMS, "0154", "0054"),
    Row("oss", 403, "KMSServiceNotEnabled", O.PUT, Rejected, M.KMS, "0154", "0054"),
    Row("oss", 400, "InvalidEncryptionAlgorithmError", O.PUT, Rejected, M.KMS, "0154", "0054"),
    # the service itself
    Row(ALL, 500, "InternalError", O.READ, Unavailable, M.UNAVAILABLE, "0157", "0061"),
    Row(ALL, 502, "", O.READ, Unavailable, M.UNAVAILABLE, "0157", "0061"),
    Row(ALL, 400, "SomethingNew", O.READ, Rejected, M.REJECTED, "0002", "0002"),
]
# QingStor has words of its own (its manual, "error information").
ROWS += [
    Row("qingstor", 401, "invalid_access_key_id", O.LIST, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    Row("qingstor", 401, "signature_not_matched", O.READ, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    Row("qingstor", 403, "request_expired", O.LIST, Fatal, M.CLOCK_SKEW, "0151", "0057"),
    Row("qingstor", 403, "permission_denied", O.CHECK_BUCKET, Fatal, M.ACCESS_DENIED, "0152", "0051"),
    Row("qingstor", 403, "permission_denied", O.LIST, Fatal, M.ACCESS_DENIED, "0031", "0051"),
    Row("qingstor", 403, "permission_denied", O.READ, Denied, M.ACCESS_DENIED, "0154", "0054"),
    Row("qingstor", 404, "bucket_not_exists", O.LIST, Fatal, M.NO_BUCKET, "0155", "0058"),
    Row("qingstor", 400, "invalid_bucket_name", O.LIST, Fatal, M.NO_BUCKET, "0155", "0058"),
    Row("qingstor", 404, "object_not_exists", O.READ, NotFound, M.NO_KEY, "0156", "0059"),
    Row("qingstor", 404, "object_not_exists", O.COMPLETE_UPLOAD, NotFound, M.NO_UPLOAD, "0156", "0059"),
    Row("qingstor", 404, "", O.PUT_PART, NotFound, M.NO_UPLOAD, "0156", "0059"),
    Row("qingstor", 400, "invalid_location", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("qingstor", 301, "", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row("qingstor", 403, "bucket_not_active", O.READ, Fatal, M.ACCOUNT_FROZEN, "0152", "0056"),
    Row("qingstor", 403, "lease_not_ready", O.READ, Unavailable, M.UNAVAILABLE, "0157", "0061"),
    Row("qingstor", 400, "max_requests_exceeded", O.LIST, Throttled, M.THROTTLED, "0159", "0061"),
    Row("qingstor", 412, "precondition_failed", O.READ, Changed, M.CHANGED, "0157", "0062"),
    Row("qingstor", 416, "invalid_range", O.READ, Changed, M.CHANGED, "0157", "0062"),
    Row("qingstor", 400, "bad_digest", O.PUT, Corrupted, M.DIGEST_MISMATCH, "0157", "0061"),
    Row("qingstor", 400, "invalid_object_name", O.PUT, Rejected, M.BAD_KEY, "0002", "0060"),
    Row("qingstor", 400, "entity_too_large", O.PUT, Rejected, M.TOO_LARGE, "0002", "0002"),
    Row("qingstor", 400, "entity_too_small", O.COMPLETE_UPLOAD, Rejected, M.BAD_PART, "0002", "0061"),
    Row("qingstor", 400, "invalid_object_state", O.READ, Rejected, M.REJECTED, "0002", "0002"),
    Row("qingstor", 400, "invalid_argument", O.PUT, Rejected, M.REJECTED, "0002", "0002"),
    Row("qingstor", 500, "internal_error", O.READ, Unavailable, M.UNAVAILABLE, "0157", "0061"),
    Row("qingstor", 503, "", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
]
# The S3 gateways of Qiniu and UCloud have Amazon's words.
GATEWAYS = "kodo us3"
ROWS += [
    Row(GATEWAYS, 403, "InvalidAccessKeyId", O.LIST, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    Row(GATEWAYS, 403, "SignatureDoesNotMatch", O.READ, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    Row(GATEWAYS, 403, "RequestTimeTooSkewed", O.LIST, Fatal, M.CLOCK_SKEW, "0151", "0057"),
    Row(GATEWAYS, 400, "ExpiredToken", O.READ, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    Row(GATEWAYS, 403, "AccessDenied", O.CHECK_BUCKET, Fatal, M.ACCESS_DENIED, "0152", "0051"),
    Row(GATEWAYS, 403, "AccessDenied", O.LIST, Fatal, M.ACCESS_DENIED, "0031", "0051"),
    Row(GATEWAYS, 403, "AccessDenied", O.READ, Denied, M.ACCESS_DENIED, "0154", "0054"),
    Row(GATEWAYS, 404, "NoSuchBucket", O.LIST, Fatal, M.NO_BUCKET, "0155", "0058"),
    Row(GATEWAYS, 404, "NoSuchKey", O.READ, NotFound, M.NO_KEY, "0156", "0059"),
    Row(GATEWAYS, 301, "PermanentRedirect", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row(GATEWAYS, 307, "", O.LIST, Fatal, M.WRONG_REGION, "0155", "0058"),
    Row(GATEWAYS, 503, "SlowDown", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row("kodo", 573, "", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    Row(GATEWAYS, 403, "InvalidObjectState", O.READ, Archived, M.ARCHIVED, "0160", "0065"),
    Row(GATEWAYS, 403, "InvalidObjectState", O.RESTORE, Archived, M.ARCHIVED, "0201", "0065"),
    Row(GATEWAYS, 409, "RestoreAlreadyInProgress", O.RESTORE, Rejected, M.CONFLICT, "0201", "0062"),
    Row(GATEWAYS, 412, "PreconditionFailed", O.READ, Changed, M.CHANGED, "0157", "0062"),
    Row(GATEWAYS, 416, "InvalidRange", O.READ, Changed, M.CHANGED, "0157", "0062"),
    Row(GATEWAYS, 500, "InternalError", O.READ, Unavailable, M.UNAVAILABLE, "0157", "0061"),
    Row(GATEWAYS, 400, "SomethingNew", O.READ, Rejected, M.REJECTED, "0002", "0002"),
]
CASES = [(vendor, row) for row in ROWS for vendor in row.vendors.split()]


def _answer(vendor: str, row: Row) -> WireAnswer:
    return WireAnswer(row.status, {}, _document(vendor, row) if row.code else b"")


def _document(vendor: str, row: Row) -> bytes:
    message = row.message or "some text"
    if vendor in {"bos", "qingstor"}:
        return json.dumps({"code": row.code, "message": message, "requestId": "r"}).encode()
    endpoint = f"<Endpoint>{row.endpoint}</Endpoint>" if row.endpoint else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n  <Code>{row.code}</Code>\n'
        f"  <Message>{message}</Message>\n  <RequestId>r</RequestId>{endpoint}\n</Error>"
    ).encode()


def _refused(vendor: str, row: Row, answer: WireAnswer) -> StoreError:
    told = errors.complaint(answer, DIALECTS[vendor].prefix)
    return errors.refused(row.operation, answer, told)


def test_the_table_is_large() -> None:
    assert len(CASES) >= 150
    assert {vendor for vendor, _ in CASES} == {*ALL.split(), "qingstor", *GATEWAYS.split()}


@pytest.mark.parametrize(
    ("vendor", "row"),
    CASES,
    ids=lambda one: one if isinstance(one, str) else f"{one.status}-{one.code}-{one.operation}",
)
def test_a_refusal_has_its_class_and_codes(vendor: str, row: Row) -> None:
    error = _refused(vendor, row, _answer(vendor, row))
    assert (type(error), error.meaning) == (row.kind, row.meaning)
    assert (error.code, error.status) == (row.code, row.status)
    assert trf_code(error.meaning, Side.SOURCE, row.operation) == f"TRF.{row.source}"
    assert trf_code(error.meaning, Side.DESTINATION, row.operation) == f"TRF.{row.destination}"
    again = row.kind in {Throttled, Unavailable, Corrupted}
    assert isinstance(error, Transient) is again


@pytest.mark.parametrize("vendor", ALL.split())
@pytest.mark.parametrize(
    ("status", "kind", "meaning"),
    [
        (404, NotFound, Meaning.NO_KEY),
        (403, Denied, Meaning.ACCESS_DENIED),
        (412, Changed, Meaning.CHANGED),
        (503, Throttled, Meaning.THROTTLED),
    ],
)
def test_a_bodiless_answer_to_head_is_told_by_its_status(
    vendor: str, status: int, kind: type[StoreError], meaning: Meaning
) -> None:
    answer = WireAnswer(status, {}, b"")
    error = errors.refused(Operation.HEAD, answer, errors.complaint(answer, DIALECTS[vendor].prefix))
    assert (type(error), error.meaning, error.code) == (kind, meaning, "")


def test_oss_tells_its_error_in_a_header_of_head() -> None:
    row = Row("oss", 403, "InvalidAccessKeyId", O.HEAD, Fatal, M.BAD_CREDENTIALS, "0151", "0057")
    answer = WireAnswer(403, {"x-oss-err": b64encode(_document("oss", row)).decode()}, b"")
    error = _refused("oss", row, answer)
    assert (type(error), error.meaning, error.code) == (Fatal, Meaning.BAD_CREDENTIALS, "InvalidAccessKeyId")


@pytest.mark.parametrize("header", ["%%%", "bm8gZXJyb3I=", "é"])
def test_a_broken_header_leaves_the_status(header: str) -> None:
    answer = WireAnswer(403, {"x-oss-err": header}, b"")
    error = errors.refused(Operation.HEAD, answer, errors.complaint(answer, "x-oss-"))
    assert (type(error), error.code) == (Denied, "")


@pytest.mark.parametrize(
    "body",
    [b"{", b"{}", b'{"code": 5}', b'{"code": null, "message": []}', b'{"code"', b"[]", b'"x"', b"{" * 50_000],
)
def test_a_broken_document_leaves_the_status(body: bytes) -> None:
    answer = WireAnswer(503, {}, body)
    error = errors.refused(Operation.READ, answer, errors.complaint(answer, "x-bce-"))
    assert (type(error), error.code) == (Throttled, "")
