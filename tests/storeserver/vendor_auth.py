"""Verifies the signatures of the vendors that have their own, from the raw request alone (clouds.md A4, B2-B9)."""

from __future__ import annotations

import base64
import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from tests.storeserver import google_auth, qingstor_auth
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.message import Request, S3Error, parse_date

_OSS4 = re.compile(
    r"OSS4-HMAC-SHA256 Credential=([^,/]+)/(\d{8})/([^,/]*)/oss/aliyun_v4_request"
    r"(?:, ?AdditionalHeaders=([^,]*))?, ?Signature=([0-9a-f]{64})$"
)
_BCE1 = re.compile(r"bce-auth-v1/([^/]+)/([^/]+)/(\d+)/([^/]*)/([0-9a-f]{64})$")
_COS_SIGNED = re.compile(r"host|content-.*|range|if-.*|expires|cache-control|origin|expect|x-(cos|ci)-.*")
_KSS_NAMES = """
    acl cors location logging partNumber policy requestPayment torrent versioning versionId versions website
    uploads uploadId delete lifecycle tagging restore response-content-type response-content-language
    response-expires response-cache-control response-content-disposition response-content-encoding
    """
_KSS_SIGNED = frozenset(_KSS_NAMES.split())


def verify(request: Request, config: StoreConfig) -> str:
    """The access key that signed the request in the one manner of the server's dialect; raises S3Error."""
    header = request.headers.get("authorization", "")
    if not header and request.flavor.name != "azure":
        raise S3Error(403, "AccessDenied", "Anonymous access is forbidden.")
    return SCHEMES[request.flavor.name](request, config, header)


def _account(request: Request, config: StoreConfig, access_key: str) -> Account:
    account = config.keys.get(access_key)
    token = request.own("security-token")
    if account is None or (account.token is not None and token is None):
        raise S3Error(403, "InvalidAccessKeyId", "The access key id that you provided does not exist.")
    if token is not None and token != account.token:
        raise S3Error(*request.flavor.wrong_token, "The token is wrong or has expired.")
    return account


def _agree(expected: str, given: str, to_sign: bytes) -> None:
    if not hmac.compare_digest(expected.encode(), given.encode("latin-1")):
        raise S3Error(
            403, "SignatureDoesNotMatch", "The signature that we calculated is another one.",
            StringToSign=to_sign.decode("latin-1"),
        )  # fmt: skip


def _malformed() -> S3Error:
    return S3Error(403, "InvalidArgument", "The authorization header is malformed.")


def _check_age(sent: float | None, config: StoreConfig, code: str = "RequestTimeTooSkewed") -> None:
    if sent is None:
        raise S3Error(403, "AccessDenied", "A request needs a valid date.")
    if abs(time.time() - sent) > config.skew_seconds:
        raise S3Error(403, code, "The request's time and the server's differ too much.")


def _pairs(request: Request) -> list[tuple[str, str, bool]]:
    """Names, values (latin-1 text) and whether there was a `=`, percent-decoded."""
    found = []
    for piece in request.raw_query.split(b"&") if request.raw_query else ():
        name, mark, value = piece.partition(b"=")
        decoded = [unquote_to_bytes(part).decode("latin-1") for part in (name, value)]
        found.append((decoded[0], decoded[1], bool(mark)))
    return found


def _escape(text: str) -> str:
    return quote(text.encode("latin-1"), safe="")


# --- Aliyun OSS ----------------------------------------------------------------------------------------


def _oss(request: Request, config: StoreConfig, header: str) -> str:
    found = _OSS4.match(header)
    if found is None:
        raise _malformed()
    access_key, day, region, additional, signature = found.groups()
    account = _account(request, config, access_key)
    stamp = request.headers.get("x-oss-date", "")
    _check_age(parse_date(stamp), config)
    if not stamp.startswith(day) or (request.virtual and config.strict_region and region != config.region):
        raise S3Error(403, "SignatureDoesNotMatch", "The scope is not that of this request.")
    if request.headers.get("x-oss-content-sha256") != "UNSIGNED-PAYLOAD":
        raise S3Error(400, "InvalidArgument", "x-oss-content-sha256 must be UNSIGNED-PAYLOAD.")
    more = [name for name in (additional or "").split(";") if name]
    canonical = "\n".join(
        [
            request.method,
            _oss_path(request),
            "&".join(
                _escape(name) + (f"={_escape(value)}" if value else "")
                for name, value, _ in sorted(_pairs(request), key=lambda one: _escape(one[0]))
            ),
            _oss_headers(request, more),
            ";".join(more),
            "UNSIGNED-PAYLOAD",
        ]
    )
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    to_sign = f"OSS4-HMAC-SHA256\n{stamp}\n{day}/{region}/oss/aliyun_v4_request\n{digest}".encode()
    key = f"aliyun_v4{account.secret}".encode()
    for step in (day, region, "oss", "aliyun_v4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    _agree(hmac.new(key, to_sign, hashlib.sha256).hexdigest(), signature, to_sign)
    return access_key


def _oss_path(request: Request) -> str:
    """The resource is signed decoded and encoded anew, with its bucket in either addressing."""
    if not request.bucket:
        return "/"
    return quote(f"/{request.bucket}/".encode() + request.key, safe="/~-_.")


def _oss_headers(request: Request, more: list[str]) -> str:
    signed = [
        name
        for name in sorted(request.headers)
        if name.startswith("x-oss-") or name in ("content-type", "content-md5") or name in more
    ]
    return "".join(f"{name}:{request.headers[name]}\n" for name in signed)


# --- Tencent COS ---------------------------------------------------------------------------------------


def _cos(request: Request, config: StoreConfig, header: str) -> str:
    fields = dict(parse_qsl(header, keep_blank_values=True))
    names = ("q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list")
    if any(name not in fields for name in (*names, "q-signature")) or fields["q-sign-algorithm"] != "sha1":
        raise _malformed()
    account = _account(request, config, fields["q-ak"])
    span = fields["q-sign-time"]
    begin, _, end = span.partition(";")
    if not (begin.isdigit() and end.isdigit()):
        raise _malformed()
    if not int(begin) - config.skew_seconds <= time.time() <= int(end):
        raise S3Error(403, "AccessDenied", "Request has expired")
    headers = fields["q-header-list"].split(";")
    if any(name not in headers for name in request.headers if name.startswith("x-cos-")):
        raise S3Error(403, "AccessDenied", "A header x-cos- is not signed.")
    asked = sorted((_escape(name).lower(), _escape(value)) for name, value, _ in _pairs(request))
    signed_parameters = [name for name in fields["q-url-param-list"].split(";") if name]
    if [name for name, _ in asked] != signed_parameters:
        raise S3Error(403, "SignatureDoesNotMatch", "Other parameters came than were signed.")
    key = hmac.new(account.secret.encode(), fields["q-key-time"].encode(), hashlib.sha1).hexdigest()
    wanted = []
    for host in _hosts(request):
        text = b"%b\n%b\n%b\n%b\n" % (
            request.method.lower().encode(),
            unquote_to_bytes(request.path),
            "&".join(f"{name}={value}" for name, value in asked).encode(),
            _cos_headers(request, headers, host).encode(),
        )
        to_sign = f"sha1\n{span}\n{hashlib.sha1(text).hexdigest()}\n".encode()
        wanted.append(hmac.new(key.encode(), to_sign, hashlib.sha1).hexdigest())
    if fields["q-signature"] not in wanted:
        _agree(wanted[0], fields["q-signature"], to_sign)
    return fields["q-ak"]


def _hosts(request: Request) -> tuple[str, str]:
    """The host as it was sent, and without its port: the vendor's SDK leaves the port out."""
    host = request.headers.get("host", "")
    return host, host.rsplit(":", 1)[0]


def _cos_headers(request: Request, names: list[str], host: str) -> str:
    if "host" not in names or any(not _COS_SIGNED.fullmatch(name) for name in names):
        raise S3Error(403, "AccessDenied", "These headers cannot be signed.")
    values = {**request.headers, "host": host}
    if any(name not in values for name in names):
        raise S3Error(403, "SignatureDoesNotMatch", "A signed header is missing.")
    return "&".join(f"{_escape(name).lower()}={_escape(values[name])}" for name in sorted(names))


# --- KingsoftCloud KS3 ---------------------------------------------------------------------------------


def _kss(request: Request, config: StoreConfig, header: str) -> str:
    scheme, _, rest = header.partition(" ")
    access_key, _, signature = rest.rpartition(":")
    if scheme != "KSS" or not access_key:
        raise _malformed()
    account = _account(request, config, access_key)
    _check_age(parse_date(request.headers.get("x-kss-date") or request.headers.get("date", "")), config)
    to_sign = _kss_text(request)
    expected = base64.b64encode(hmac.new(account.secret.encode(), to_sign, hashlib.sha1).digest()).decode()
    _agree(expected, signature, to_sign)
    return access_key


def _kss_text(request: Request) -> bytes:
    headers = request.headers
    date = "" if "x-kss-date" in headers else headers.get("date", "")
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date]
    lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-kss-")]
    resource = f"/{request.bucket}".encode() + request.path if request.virtual else request.path
    if not request.key and request.bucket and not resource.endswith(b"/"):
        resource += b"/"
    signed = [
        f"{name}={value}" if value else name for name, value, _ in _pairs(request) if name in _KSS_SIGNED
    ]
    query = "?" + "&".join(sorted(signed)) if signed else ""
    return "\n".join(lines).encode("latin-1") + b"\n" + resource + query.encode("latin-1")


# --- Baidu BOS -----------------------------------------------------------------------------------------


def _bce(request: Request, config: StoreConfig, header: str) -> str:
    found = _BCE1.match(header)
    if found is None:
        raise _malformed()
    access_key, instant, seconds, names, signature = found.groups()
    account = _account(request, config, access_key)
    sent = _instant(instant)
    if sent is not None and time.time() > sent + int(seconds):
        raise S3Error(400, "RequestExpired", "The request has expired.")
    _check_age(sent, config, "RequestExpired")
    lines = "\n".join(
        sorted(
            f"{quote(name)}:{_escape(request.headers[name].strip())}" for name in _bce_names(request, names)
        )
    )
    query = "&".join(sorted(f"{_escape(name)}={_escape(value)}" for name, value, _ in _pairs(request)))
    to_sign = b"%b\n%b\n%b\n%b" % (request.method.encode(), request.path, query.encode(), lines.encode())
    prefix = f"bce-auth-v1/{access_key}/{instant}/{seconds}"
    key = hmac.new(account.secret.encode(), prefix.encode(), hashlib.sha256).hexdigest()
    _agree(hmac.new(key.encode(), to_sign, hashlib.sha256).hexdigest(), signature, to_sign)
    return access_key


def _bce_names(request: Request, listed: str) -> list[str]:
    """Which headers are signed: those of the list, else the four of the manual and all `x-bce-`."""
    present = [name for name, value in request.headers.items() if value.strip()]
    own = [name for name in present if name.startswith("x-bce-")]
    if not listed:
        return [n for n in ("host", "content-md5", "content-length", "content-type") if n in present] + own
    names = listed.split(";")
    if "host" not in names or any(name not in names for name in own) or any(n not in present for n in names):
        raise S3Error(403, "AccessDenied", "host and all x-bce- must be signed, and be there.")
    return names


def _instant(text: str) -> float | None:
    try:
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return None


# --- Azure ---------------------------------------------------------------------------------------------

_AZURE_FIXED = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip


def _azure(request: Request, config: StoreConfig, header: str) -> str:
    found = re.fullmatch(r"SharedKey ([^:]+):([A-Za-z0-9+/=]+)", header)
    if found is None or "x-ms-version" not in request.headers:
        raise S3Error(400, "InvalidAuthenticationInfo", "The authorization header or the version is missing.")
    name, signature = found.groups()
    account = config.keys.get(name)
    if account is None or name != request.account:
        raise S3Error(403, "AuthenticationFailed", "Server failed to authenticate the request.")
    sent = parse_date(request.headers.get("x-ms-date") or request.headers.get("date", ""))
    if sent is None or abs(time.time() - sent) > config.skew_seconds:
        raise S3Error(
            403, "AuthenticationFailed", "Server failed to authenticate the request.",
            AuthenticationErrorDetail=f"Request date header too old: '{request.headers.get('x-ms-date', '')}'",
        )  # fmt: skip
    to_sign = _azure_text(request, name)
    key = base64.b64decode(account.secret)
    expected = base64.b64encode(hmac.new(key, to_sign, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise S3Error(
            403, "AuthenticationFailed", "Server failed to authenticate the request.",
            AuthenticationErrorDetail=f"The MAC signature found is not the same as any computed: {to_sign!r}",
        )  # fmt: skip
    return name


def _azure_text(request: Request, account: str) -> bytes:
    headers = request.headers
    values = [headers.get(name, "") for name in _AZURE_FIXED]
    values[2] = "" if values[2] == "0" else values[2]
    own = sorted((name for name in headers if name.startswith("x-ms-")), key=_azure_weight)
    lines = [request.method, *values, *(f"{name}:{headers[name].strip()}" for name in own)]
    resource = b"/" + account.encode() + request.path
    query = "".join(f"\n{name.lower()}:{value}" for name, value, _ in sorted(_pairs(request)))
    return "\n".join(lines).encode("latin-1") + b"\n" + resource + query.encode("latin-1")


def _azure_weight(name: str) -> list[tuple[int, str]]:
    """Hyphens do not count; an underscore is before digits, digits are before letters."""
    return [(0 if one == "_" else 1 if one.isdigit() else 2, one) for one in name if one != "-"]


SCHEMES: dict[str, Callable[[Request, StoreConfig, str], str]] = {
    "oss": _oss,
    "cos": _cos,
    "ks3": _kss,
    "bos": _bce,
    "azure": _azure,
    "qingstor": qingstor_auth.verify,
    "google": google_auth.verify,
}
