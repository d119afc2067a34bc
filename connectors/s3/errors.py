"""The one place where answers and failures of an S3-compatible store become StoreErrors (clouds.md D1, D2)."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape

from connectors.errors import (
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
from connectors.s3.codes import CODES, Kind
from connectors.wire import WireAnswer, WireFailure
from engine.failures import Meaning, Operation

BUCKET_LEVEL = frozenset(
    {
        Operation.LIST_BUCKETS,
        Operation.FIND_REGION,
        Operation.CHECK_BUCKET,
        Operation.LIST,
        Operation.LIST_UPLOADS,
    }
)
_READING = frozenset({Operation.READ, Operation.HEAD})
_OF_AN_UPLOAD = frozenset(
    {Operation.PUT_PART, Operation.LIST_PARTS, Operation.COMPLETE_UPLOAD, Operation.ABORT_UPLOAD}
)

_SKEW_CODES = frozenset({"RequestTimeTooSkewed", "RequestExpired", "request_expired"})
_DENIED = frozenset(
    [
        "AccessDenied",
        "AllAccessDisabled",
        "Unauthorized",
        "AccessForbidden",
        "RequestPayerDenied",
        "InvalidPayer",
        "AuthorizationFailure",
        "AuthorizationPermissionMismatch",
        "AuthorizationProtocolMismatch",
        "AuthorizationResourceTypeMismatch",
        "AuthorizationServiceMismatch",
        "AuthorizationSourceIPMismatch",
        "InsufficientAccountPermissions",
        "PublicAccessNotPermitted",
        "permission_denied",
    ]
)
_FIELD = re.compile(rb"<(Code|Message|Region|Endpoint|AuthenticationErrorDetail)>([^<]{0,2000})</\1>")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error answer says: the vendor's code, its text, and the region and host it names."""

    code: str = ""
    message: str = ""
    region: str = ""
    endpoint: str = ""
    detail: str = ""

    @property
    def skewed(self) -> bool:
        """The two clocks differ too much."""
        expired = self.code == "AccessDenied" and self.message.startswith("Request has expired")
        return expired or self.code in _SKEW_CODES or self.detail.startswith("Request date header too old")

    @property
    def ended(self) -> bool:
        """A signed query whose span is over, or has not begun."""
        return self.code == "AuthenticationFailed" and "not valid in the specified time frame" in self.detail

    @property
    def misplaced(self) -> bool:
        """The bucket lives on another host, which is named."""
        return self.code == "AccessDenied" and bool(self.endpoint)


def complaint(answer: WireAnswer, prefix: str = "x-amz-") -> Complaint:
    """Read an error answer: its XML or JSON, else the vendor's headers."""
    fields = _fields(answer.document[: 64 << 10] or _body_in_header(answer, prefix))
    return Complaint(
        code=fields.get("Code", "") or answer.header(f"{prefix}error-code"),
        message=fields.get("Message", "")[:300],
        region=answer.header(f"{prefix}bucket-region") or fields.get("Region", ""),
        endpoint=fields.get("Endpoint", ""),
        detail=fields.get("AuthenticationErrorDetail", "")[:300],
    )


def _fields(body: bytes) -> dict[str, str]:
    if body.lstrip()[:1] == b"{":
        return _json_fields(body)
    return {
        name.decode(): unescape(value.decode("utf-8", "replace")).strip()
        for name, value in _FIELD.findall(body)
    }


def _json_fields(body: bytes) -> dict[str, str]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return {name.capitalize(): value for name, value in told.items() if isinstance(value, str)}


def _body_in_header(answer: WireAnswer, prefix: str) -> bytes:
    # An answer to HEAD may carry its XML in a header.
    try:
        return b64decode(answer.header(f"{prefix}err"), validate=True)
    except ValueError:
        return b""


def refused(operation: Operation, answer: WireAnswer, told: Complaint) -> StoreError:
    """The StoreError of an answer that is no success."""
    kind, meaning = _classified(operation, answer.status, told)
    return kind(
        meaning,
        operation,
        status=answer.status,
        code=told.code,
        message=told.message,
        retry_after=_retry_after(answer),
    )


def _classified(operation: Operation, status: int, told: Complaint) -> Kind:
    if told.skewed:
        return Fatal, Meaning.CLOCK_SKEW
    if told.ended:
        return Fatal, Meaning.EXPIRED_CREDENTIALS
    if told.misplaced:
        return Fatal, Meaning.WRONG_REGION
    return classify(operation, status, told.code)


def classify(operation: Operation, status: int, code: str) -> Kind:
    """Error class and meaning of a vendor's code; of the bare status where the code is unknown."""
    if code in _DENIED:
        return _denied(operation)
    if code.startswith(("KMS", "KeyVault")):
        return Rejected, Meaning.KMS
    if code in {"PreconditionFailed", "ConditionNotMet", "precondition_failed"}:
        return _by_status(operation, 412)
    if code in {"InvalidRange", "invalid_range"}:
        return _by_status(operation, 416)
    known = CODES.get(code)
    if known == (NotFound, Meaning.NO_KEY) and operation in BUCKET_LEVEL | _OF_AN_UPLOAD:
        return _missing(operation)
    if known is not None:
        return known
    return _by_status(operation, status)


def _denied(operation: Operation) -> Kind:
    return (Fatal if operation in BUCKET_LEVEL else Denied), Meaning.ACCESS_DENIED


def _missing(operation: Operation) -> Kind:
    if operation in BUCKET_LEVEL:
        return Fatal, Meaning.NO_BUCKET
    return NotFound, Meaning.NO_UPLOAD if operation in _OF_AN_UPLOAD else Meaning.NO_KEY


def _by_status(operation: Operation, status: int) -> Kind:
    match status:
        case 401:
            return Fatal, Meaning.BAD_CREDENTIALS
        case 403:
            return _denied(operation)
        case 404:
            return _missing(operation)
        case 409:
            return Rejected, Meaning.CONFLICT
        case 412:
            if operation in _READING:
                return Changed, Meaning.CHANGED
            return PreconditionFailed, Meaning.PRECONDITION
        case 416:
            return (Changed, Meaning.CHANGED) if operation in _READING else (Rejected, Meaning.BAD_RANGE)
        case 429 | 503 | 573:
            # 573 is Qiniu's.
            return Throttled, Meaning.THROTTLED
        case 451:
            return Fatal, Meaning.ARREARS
        case _:
            return _by_class(operation, status)


def _by_class(operation: Operation, status: int) -> Kind:
    if 300 <= status < 400:
        return Fatal, Meaning.WRONG_REGION
    if status in {408, 425} or status >= 500 or status < 300:
        return Unavailable, Meaning.UNAVAILABLE
    return (Fatal if operation in BUCKET_LEVEL else Rejected), Meaning.REJECTED


def _retry_after(answer: WireAnswer) -> float | None:
    text = answer.header("retry-after")
    return float(text) if text.isascii() and text.isdigit() else None


_WIRE_CLASSES: Mapping[Meaning, type[StoreError]] = {
    Meaning.CUT_SHORT: Corrupted,
    Meaning.BROKEN_ANSWER: Corrupted,
    Meaning.FORBIDDEN_ADDRESS: Fatal,
    Meaning.REJECTED: Rejected,
}
_WRITING = frozenset(
    {Operation.PUT, Operation.PUT_PART, Operation.COMPLETE_UPLOAD, Operation.CREATE_UPLOAD, Operation.DELETE}
)


def unanswered(operation: Operation, failure: WireFailure) -> StoreError:
    """The StoreError of a request without a usable answer; what a write did is then unknown."""
    kind = _WIRE_CLASSES.get(failure.meaning, Unavailable)
    if kind is Corrupted and operation in _WRITING:
        kind = Unavailable
    return kind(failure.meaning, operation, message=failure.message)


def broken(operation: Operation, answer: WireAnswer, message: str) -> StoreError:
    """A success that is not what it must be; a write may have taken effect."""
    kind = Unavailable if operation in _WRITING else Corrupted
    meaning = Meaning.BROKEN_LISTING if operation is Operation.LIST else Meaning.BROKEN_ANSWER
    return kind(meaning, operation, status=answer.status, message=message)
