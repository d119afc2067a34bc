"""The one place where answers of Google Cloud Storage become StoreErrors (clouds.md D1, D2)."""

import json
from collections.abc import Mapping
from typing import Any

from connectors.errors import (
    Corrupted,
    Denied,
    Fatal,
    Rejected,
    StoreError,
    Throttled,
    Unavailable,
)
from connectors.s3 import errors as s3
from connectors.s3.codes import Kind
from connectors.s3.errors import BUCKET_LEVEL, Complaint
from connectors.wire import WireAnswer
from engine.failures import Meaning, Operation

_ROWS: tuple[tuple[type[StoreError], Meaning, str], ...] = (
    (Fatal, Meaning.BAD_CREDENTIALS, "authError AuthenticationRequired"),
    (Fatal, Meaning.ACCOUNT_FROZEN, "accountDisabled"),
    (Fatal, Meaning.ARREARS, "UserProjectAccountProblem userProjectAccountProblem"),
    (
        Throttled,
        Meaning.THROTTLED,
        "rateLimitExceeded userRateLimitExceeded dailyLimitExceeded TooManyRequests",
    ),
    (Fatal, Meaning.NO_SPACE, "quotaExceeded"),
    (Unavailable, Meaning.UNAVAILABLE, "backendError internalError BackendError"),
    (
        Rejected,
        Meaning.CONFLICT,
        "conflict retentionPolicyNotMet objectUnderActiveHold ObjectUnderActiveHold",
    ),
    (Rejected, Meaning.TOO_LARGE, "uploadTooLarge tooLarge"),
    (
        Rejected,
        Meaning.KMS,
        (
            "resourceIsEncryptedWithCustomerEncryptionKey ResourceIsEncryptedWithCustomerEncryptionKey "
            "customerEncryptionKeyIsIncorrect CustomerEncryptionKeyIsIncorrect customerEncryptionKeyFormatIsInvalid"
        ),
    ),
    (Rejected, Meaning.BAD_KEY, "InvalidObjectName"),
)
_REASONS: Mapping[str, Kind] = {
    reason: (kind, meaning) for kind, meaning, reasons in _ROWS for reason in reasons.split()
}
_DENIED = frozenset(
    {
        "forbidden",
        "insufficientPermissions",
        "required",
        "UserProjectMissing",
        "userProjectMissing",
        "InvalidScope",
    }
)
# 400 `invalid` is told apart by its text alone.
_OF_THE_NAME = ("object name", "maximum object length", "name with")
_OF_THE_DIGEST = ("MD5 hash", "CRC32C", "doesn't match")


def refused(operation: Operation, answer: WireAnswer) -> StoreError:
    """The StoreError of an answer that is no success, in either interface's form."""
    told = _json(answer) or s3.complaint(answer, "x-goog-")
    known = s3.refused(operation, answer, told)
    kind, meaning = _classified(operation, answer.status, told) or (type(known), known.meaning)
    return kind(
        meaning,
        operation,
        status=answer.status,
        code=told.code,
        message=told.message,
        retry_after=known.retry_after,
    )


def _json(answer: WireAnswer) -> Complaint | None:
    """The complaint of a JSON answer, whose reason is its code; None for other answers."""
    if answer.document.lstrip()[:1] != b"{":
        return None
    try:
        told = json.loads(answer.document[: 64 << 10])["error"]
        return Complaint(code=_reason(told), message=str(told.get("message", ""))[:300])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Complaint()


def _reason(told: Mapping[str, Any]) -> str:
    reasons = [one["reason"] for one in told.get("errors", []) if isinstance(one.get("reason"), str)]
    return reasons[0][:64] if reasons else ""


def _classified(operation: Operation, status: int, told: Complaint) -> Kind | None:
    """What this vendor's reasons mean; None where they mean what they mean elsewhere."""
    code, text = told.code, told.message
    if code == "accountDisabled" and "billing" in text:
        return Fatal, Meaning.ARREARS
    if code in _DENIED and status in {400, 401, 403}:
        if status == 401:
            return Fatal, Meaning.BAD_CREDENTIALS
        return (Fatal if operation in BUCKET_LEVEL else Denied), Meaning.ACCESS_DENIED
    if code == "notFound" and "bucket" in text.partition(":")[0].lower():
        return Fatal, Meaning.NO_BUCKET
    if code == "invalid" and status == 400:
        return _invalid(text)
    return _REASONS.get(code)


def _invalid(text: str) -> Kind | None:
    if any(part in text for part in _OF_THE_DIGEST):
        return Corrupted, Meaning.DIGEST_MISMATCH
    if any(part in text for part in _OF_THE_NAME):
        return Rejected, Meaning.BAD_KEY
    return None
