"""Each cell of Azure's column of the error table has its class and TRF code (clouds.md D1, D2)."""

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
    Unavailable,
)
from connectors.s3 import errors
from connectors.wire import WireAnswer
from engine.failures import Meaning, Operation, Side, trf_code

O, M = Operation, Meaning  # noqa: E741 -- columns of the table
OLD = "Request date header too old: 'Fri, 02 Jan 2026 03:04:05 GMT'"
OVER = "Signature not valid in the specified time frame: Start [x] - Expiry [y] - Current [z]"

ROWS: list[tuple[int, str, str, Operation, type[StoreError], Meaning, str, str]] = [
    (403, "AuthenticationFailed", "", O.LIST, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    (400, "InvalidAuthenticationInfo", "", O.READ, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    (401, "NoAuthenticationInformation", "", O.READ, Fatal, M.BAD_CREDENTIALS, "0151", "0057"),
    (403, "AuthenticationFailed", OLD, O.READ, Fatal, M.CLOCK_SKEW, "0151", "0057"),
    (403, "AuthenticationFailed", OVER, O.READ, Fatal, M.EXPIRED_CREDENTIALS, "0151", "0057"),
    (403, "AuthorizationFailure", "", O.CHECK_BUCKET, Fatal, M.ACCESS_DENIED, "0152", "0051"),
    (403, "AuthorizationPermissionMismatch", "", O.LIST, Fatal, M.ACCESS_DENIED, "0031", "0051"),
    (403, "AuthorizationPermissionMismatch", "", O.HEAD, Denied, M.ACCESS_DENIED, "0153", "0052"),
    (403, "InsufficientAccountPermissions", "", O.READ, Denied, M.ACCESS_DENIED, "0154", "0054"),
    (409, "PublicAccessNotPermitted", "", O.READ, Denied, M.ACCESS_DENIED, "0154", "0054"),
    (404, "ContainerNotFound", "", O.LIST, Fatal, M.NO_BUCKET, "0155", "0058"),
    (409, "ContainerBeingDeleted", "", O.READ, Fatal, M.NO_BUCKET, "0155", "0058"),
    (404, "ResourceNotFound", "", O.LIST, Fatal, M.NO_BUCKET, "0155", "0058"),
    (404, "BlobNotFound", "", O.READ, NotFound, M.NO_KEY, "0156", "0059"),
    (403, "AccountIsDisabled", "", O.LIST, Fatal, M.ACCOUNT_FROZEN, "0152", "0056"),
    (409, "FeatureNotSupportedForAccount", "", O.LIST, Fatal, M.NO_BLOB_SERVICE, "0015", "0002"),
    (503, "ServerBusy", "", O.READ, Throttled, M.THROTTLED, "0159", "0061"),
    (500, "OperationTimedOut", "", O.READ, Unavailable, M.UNAVAILABLE, "0157", "0061"),
    (500, "InternalError", "", O.PUT, Unavailable, M.UNAVAILABLE, "0157", "0061"),
    (409, "BlobArchived", "", O.READ, Archived, M.ARCHIVED, "0160", "0065"),
    (409, "BlobBeingRehydrated", "", O.READ, Archived, M.ARCHIVED, "0160", "0065"),
    (412, "ConditionNotMet", "", O.READ, Changed, M.CHANGED, "0157", "0062"),
    (412, "ConditionNotMet", "", O.PUT, PreconditionFailed, M.PRECONDITION, "0157", "0062"),
    (409, "BlobAlreadyExists", "", O.PUT, PreconditionFailed, M.PRECONDITION, "0157", "0062"),
    (416, "InvalidRange", "", O.READ, Changed, M.CHANGED, "0157", "0062"),
    (400, "Md5Mismatch", "", O.PUT, Corrupted, M.DIGEST_MISMATCH, "0157", "0061"),
    (400, "InvalidMd5", "", O.PUT, Corrupted, M.DIGEST_MISMATCH, "0157", "0061"),
    (400, "InvalidResourceName", "", O.PUT, Rejected, M.BAD_KEY, "0002", "0060"),
    (400, "OutOfRangeInput", "", O.PUT, Rejected, M.BAD_KEY, "0002", "0060"),
    (400, "MetadataTooLarge", "", O.PUT, Rejected, M.METADATA_TOO_BIG, "0002", "0002"),
    (413, "RequestBodyTooLarge", "", O.PUT, Rejected, M.TOO_LARGE, "0002", "0002"),
    (400, "InvalidBlockList", "", O.COMPLETE_UPLOAD, Rejected, M.BAD_PART, "0002", "0061"),
    (412, "LeaseIdMissing", "", O.PUT, Rejected, M.CONFLICT, "0157", "0062"),
    (409, "BlobUsesCustomerSpecifiedEncryption", "", O.READ, Rejected, M.KMS, "0154", "0054"),
    (403, "KeyVaultEncryptionKeyNotFound", "", O.READ, Rejected, M.KMS, "0154", "0054"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1]}-{row[3]}")
@pytest.mark.parametrize("bodiless", [False, True])
def test_a_cell_has_its_class_and_codes(
    row: tuple[int, str, str, Operation, type[StoreError], Meaning, str, str], bodiless: bool
) -> None:
    status, code, detail, operation, kind, meaning, source, destination = row
    if bodiless and detail:
        return  # the detail is told in the body only
    told = f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>" if detail else ""
    body = b"" if bodiless else f"<Error><Code>{code}</Code><Message>m</Message>{told}</Error>".encode()
    answer = WireAnswer(status, {"x-ms-error-code": code}, body)
    error = errors.refused(operation, answer, errors.complaint(answer, "x-ms-"))
    assert (type(error), error.meaning, error.code) == (kind, meaning, code)
    codes = [trf_code(meaning, side, operation) for side in (Side.SOURCE, Side.DESTINATION)]
    assert codes == [f"TRF.{source}", f"TRF.{destination}"]
