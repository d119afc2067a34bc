"""Verifies who sent a request: AWS V4 and V2 and OBS native signatures, from the raw request alone."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
import time
from urllib.parse import quote, unquote_to_bytes

from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.message import Request, S3Error, decode_form, parse_date

_SUBRESOURCE_NAMES = """
    acl append backtosource bucketstatus cors customdomain delete deletebucket directcoldaccess
    dispolicy encryption fileinterface inventory length lifecycle location logging metadata
    mirrorbacktosource modify name notification object-lock obsalias obsbucketalias obscompresspolicy
    obsworkflowtriggerpolicy orchestration partnumber policy policystatus position publicaccessblock
    quota rename replication requestpayment response-cache-control response-content-disposition
    response-content-encoding response-content-language response-content-type response-expires restore
    retention select storageclass storageinfo storagepolicy tagging torrent truncate uploadid uploads
    versionid versioning versions website x-image-process x-image-save-bucket x-image-save-object
    x-obs-security-token x-oss-process
    """
_SUBRESOURCES = frozenset(_SUBRESOURCE_NAMES.split())
# What a server of one dialect takes; the others are told by what comes.
_WANTED = {
    "s3": ("AWS", "AWS4-HMAC-SHA256"),
    "obs": ("OBS",),
    "kodo": ("AWS4-HMAC-SHA256",),
    "us3": ("AWS4-HMAC-SHA256",),
}
_V4 = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]{64})$"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLANKS = re.compile(r" {2,}")


def authenticate(request: Request, config: StoreConfig) -> str:
    """The access key that signed the request; raises S3Error as the vendors do (clouds.md D1)."""
    header = request.headers.get("authorization", "")
    if not header:
        if config.anonymous:
            return ""
        raise S3Error(403, "AccessDenied", "Anonymous access is forbidden.")
    scheme = header.split(" ", 1)[0]
    wanted = _WANTED.get(config.dialect)
    if wanted is not None and scheme not in wanted:
        raise S3Error(400, "InvalidArgument", "Unsupported Authorization Type")
    match scheme:
        case "AWS4-HMAC-SHA256":
            return _verify_v4(request, config, header)
        case "AWS":
            return _verify_v2(request, config, header, "x-amz-")
        case "OBS":
            return _verify_v2(request, config, header, "x-obs-")
    raise S3Error(400, "InvalidArgument", "Unsupported Authorization Type")


def _account(request: Request, config: StoreConfig, access_key: str) -> Account:
    account = config.keys.get(access_key)
    token = request.own("security-token")
    if account is None or (account.token is not None and token is None):
        raise S3Error(
            403, "InvalidAccessKeyId", "The access key ID you provided does not exist in our records.",
            AWSAccessKeyId=access_key,
        )  # fmt: skip
    if token is not None and token != account.token:
        raise S3Error(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    return account


def _check_skew(sent: float | None, config: StoreConfig) -> None:
    if sent is None:
        raise S3Error(403, "AccessDenied", "A request needs a valid Date or x-amz-date header.")
    if abs(time.time() - sent) > config.skew_seconds:
        raise S3Error(
            403, "RequestTimeTooSkewed",
            "The difference between the request time and the server's time is too large.",
        )  # fmt: skip


def _mismatch(access_key: str, string_to_sign: bytes) -> S3Error:
    return S3Error(
        403, "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided.",
        AWSAccessKeyId=access_key, StringToSign=string_to_sign.decode("latin-1"),
    )  # fmt: skip


# --- AWS Signature Version 4 ---------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def _v4_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for step in (date, region, service, "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def _verify_v4(request: Request, config: StoreConfig, header: str) -> str:
    fields = _V4.match(header)
    scope = fields[1].rsplit("/", 4) if fields else []
    if fields is None or len(scope) != 5 or scope[4] != "aws4_request" or scope[3] != "s3":
        raise S3Error(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
    access_key, date, region, service, _ = scope
    account = _account(request, config, access_key)
    if config.strict_region and region != config.region:
        raise S3Error(
            400, "AuthorizationHeaderMalformed",
            f"The region '{region}' is wrong; expecting '{config.region}'", Region=config.region,
        )  # fmt: skip
    sent = parse_date(request.headers.get("x-amz-date") or request.headers.get("date") or "")
    _check_skew(sent, config)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(sent))
    if not stamp.startswith(date):
        raise S3Error(400, "AuthorizationHeaderMalformed", "The credential's date is not the request's.")
    payload = _payload(request)
    canonical = _canonical_v4(request, fields[2].split(";"), payload)
    scope_text = "/".join(scope[1:])
    digest = hashlib.sha256(canonical).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope_text}\n{digest}".encode()
    expected = hmac.digest(_v4_key(account.secret, date, region, service), to_sign, "sha256").hex()
    if not hmac.compare_digest(expected, fields[3]):
        raise _mismatch(access_key, to_sign)
    return access_key


def _payload(request: Request) -> str:
    payload = request.headers.get("x-amz-content-sha256", "")
    if not payload:
        raise S3Error(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if payload.startswith("STREAMING-"):
        raise S3Error(501, "NotImplemented", "aws-chunked bodies are not taken here.")
    if _SHA256.fullmatch(payload):
        request.content_sha256 = payload
    elif payload != "UNSIGNED-PAYLOAD":
        raise S3Error(400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a SHA-256.")
    return payload


def _canonical_v4(request: Request, signed: list[str], payload: str) -> bytes:
    headers = request.headers
    unsigned = [n for n in headers if n.startswith("x-amz-") and n not in signed]
    if unsigned or "host" not in signed:
        raise S3Error(
            403, "AccessDenied", "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(unsigned or ["host"]),
        )  # fmt: skip
    lines = [request.method.encode(), request.path, _canonical_query(request.raw_query)]
    for name in signed:
        if name not in headers:
            raise S3Error(403, "SignatureDoesNotMatch", f"The signed header {name} is missing.")
        lines.append(f"{name}:{_fold(headers[name])}".encode("latin-1"))
    lines += [b"", ";".join(signed).encode(), payload.encode()]
    return b"\n".join(lines)


def _fold(value: str) -> str:
    return _BLANKS.sub(" ", value) if "  " in value else value


def _canonical_query(raw: bytes) -> bytes:
    if not raw:
        return b""
    pairs = []
    for pair in raw.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            pairs.append((_encode(name), _encode(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs)).encode()


def _encode(raw: bytes) -> str:
    return quote(unquote_to_bytes(raw), safe="-_.~")


# --- AWS Signature Version 2 and OBS native --------------------------------------------------------------


def _verify_v2(request: Request, config: StoreConfig, header: str, prefix: str) -> str:
    access_key, colon, signature = header.split(" ", 1)[1].strip().rpartition(":")
    if not colon:
        raise S3Error(400, "InvalidArgument", "The authorization header is malformed.")
    account = _account(request, config, access_key)
    _check_skew(parse_date(request.headers.get(prefix + "date") or request.headers.get("date") or ""), config)
    candidates = [_string_to_sign_v2(request, prefix, resource) for resource in _resources(request)]
    digests = (base64.b64encode(hmac.digest(account.secret.encode(), text, "sha1")) for text in candidates)
    if not any(hmac.compare_digest(digest, signature.encode("latin-1")) for digest in digests):
        raise _mismatch(access_key, candidates[0])
    sha = request.headers.get("x-amz-content-sha256", "")
    if _SHA256.fullmatch(sha):
        request.content_sha256 = sha
    return access_key


def _resources(request: Request) -> list[bytes]:
    """The resource as sent; the vendors take a bucket with and without a slash behind it (botocore and
    esdk-obs differ there)."""
    if request.virtual:
        return [b"/" + request.bucket.encode() + request.path]
    if request.key or not request.bucket:
        return [request.path]
    bare = request.path.rstrip(b"/")
    return [bare, bare + b"/"]


def _string_to_sign_v2(request: Request, prefix: str, resource: bytes) -> bytes:
    headers = request.headers
    date = "" if prefix + "date" in headers else headers.get("date", "")
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date]
    lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith(prefix)]
    return "\n".join(lines).encode("latin-1") + b"\n" + resource + _subresources(request.raw_query, prefix)


def _subresources(raw: bytes, prefix: str) -> bytes:
    found = []
    for pair in raw.split(b"&"):
        name, _, value = pair.partition(b"=")
        decoded = decode_form(name).decode("latin-1")
        if decoded.lower() in _SUBRESOURCES or decoded.lower().startswith(prefix):
            found.append((decoded, b"=" + decode_form(value) if value else b""))
    found.sort()
    return b"?" + b"&".join(n.encode("latin-1") + v for n, v in found) if found else b""
