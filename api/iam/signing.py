"""Checks of AK/SK signatures: SDK-HMAC-SHA256 and its derived form V11-HMAC-SHA256 (oms-behaviour 7.2)."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

ALGORITHM = "SDK-HMAC-SHA256"
DERIVED_ALGORITHM = "V11-HMAC-SHA256"
WINDOW = timedelta(minutes=15)
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()

_FIELD = re.compile(r"(Access|Credential|SignedHeaders|Signature)=([^,\s]+)\Z")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class BadSignature(Exception):
    """The signature does not prove who sends; the text is for the log, never for the client."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came over the wire: raw path and query, headers by lower-case name, each name once."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """An `Authorization` header taken apart. `info` is the derived form's scope, "" for the plain one."""

    access_key: str
    info: str
    signed_headers: tuple[str, ...]
    signature: str


def parse_authorization(value: str) -> Claim:
    """Takes the header apart; raises BadSignature on every other scheme or form."""
    algorithm, _, rest = value.strip().partition(" ")
    if algorithm not in (ALGORITHM, DERIVED_ALGORITHM):
        raise BadSignature("unknown algorithm")
    fields = dict(_field(part) for part in rest.split(","))
    names = tuple(fields.get("SignedHeaders", "").lower().split(";"))
    access_key, _, info = _identity(algorithm, fields).partition("/")
    signature = fields.get("Signature", "")
    if not access_key or not all(names) or not _HEX_DIGEST.match(signature):
        raise BadSignature("incomplete authorization header")
    return Claim(access_key, info, names, signature)


def check_claim(claim: Claim, request: SignedRequest, now: datetime) -> None:
    """What must hold before any key is looked at: time window, the headers that must be signed, the body's hash."""
    if not {"host", "x-sdk-date"} <= set(claim.signed_headers):
        raise BadSignature("host and x-sdk-date must be signed")
    if len(set(claim.signed_headers)) != len(claim.signed_headers):
        raise BadSignature("a header is signed twice")
    missing = [name for name in claim.signed_headers if name not in request.headers]
    if missing:
        raise BadSignature("a signed header is missing")
    if abs(now - _sent_at(request.headers["x-sdk-date"])) > WINDOW:
        raise BadSignature("outside the time window")
    _check_body(claim, request)


def expected_signature(claim: Claim, request: SignedRequest, secret_key: str) -> str:
    """The signature that the holder of the secret key would have sent with this claim."""
    digest = hashlib.sha256(canonical_request(claim, request).encode()).hexdigest()
    date = request.headers["x-sdk-date"]
    if not claim.info:
        return _hmac(secret_key.encode(), f"{ALGORITHM}\n{date}\n{digest}").hex()
    pseudo_random = _hmac(claim.access_key.encode(), secret_key)
    output = hmac.digest(pseudo_random, claim.info.encode() + b"\x01", "sha256").hex()
    return _hmac(output.encode(), f"{DERIVED_ALGORITHM}\n{date}\n{claim.info}\n{digest}").hex()


def matches(claim: Claim, request: SignedRequest, secret_key: str) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(expected_signature(claim, request, secret_key), claim.signature)


def canonical_request(claim: Claim, request: SignedRequest) -> str:
    """The text that is hashed and signed."""
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in claim.signed_headers)
    return "\n".join(
        (
            request.method,
            canonical_path(request.path),
            canonical_query(request.query),
            headers,
            ";".join(claim.signed_headers),
            _body_hash(request),
        )
    )


def canonical_path(path: str) -> str:
    """Decodes, encodes each segment again and ends with a slash: `%2F` becomes a real one."""
    encoded = "/".join(quote(segment, safe="~") for segment in unquote(path).split("/"))
    return encoded if encoded.endswith("/") else encoded + "/"


def canonical_query(query: str) -> str:
    """Pairs sorted by key and value, percent-encoded."""
    pairs = [part.partition("=") for part in query.split("&") if part]
    decoded = sorted((unquote(name), unquote(value)) for name, _, value in pairs)
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in decoded)


def _field(part: str) -> tuple[str, str]:
    found = _FIELD.match(part.strip())
    if found is None:
        raise BadSignature("malformed authorization header")
    return found[1], found[2]


def _identity(algorithm: str, fields: Mapping[str, str]) -> str:
    if algorithm == ALGORITHM:
        access_key = fields.get("Access", "")
        if "/" in access_key:
            raise BadSignature("malformed access key")
        return access_key
    credential = fields.get("Credential", "")
    if credential.count("/") != 3:
        raise BadSignature("malformed credential scope")
    return credential


def _sent_at(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadSignature("malformed x-sdk-date") from error


def _check_body(claim: Claim, request: SignedRequest) -> None:
    stated = request.headers.get("x-sdk-content-sha256")
    if stated is None or not request.body:
        return
    if stated == UNSIGNED:
        if "x-sdk-content-sha256" not in claim.signed_headers:
            raise BadSignature("UNSIGNED-PAYLOAD must be signed itself")
    elif not hmac.compare_digest(stated.encode(), hashlib.sha256(request.body).hexdigest().encode()):
        raise BadSignature("the body is not the one that was hashed")


def _body_hash(request: SignedRequest) -> str:
    if not request.body:
        return EMPTY_HASH
    return request.headers.get("x-sdk-content-sha256") or hashlib.sha256(request.body).hexdigest()


def _hmac(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), "sha256")
