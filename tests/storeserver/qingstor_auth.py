"""Verifies the signature of QingStor from the raw request alone (clouds.md B9)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

from tests.storeserver.config import StoreConfig
from tests.storeserver.message import Request, S3Error, parse_date

_NAMES = """
    acl cors delete mirror part_number policy stats upload_id uploads image notification response-expires
    response-cache-control response-content-type response-content-language response-content-encoding
    response-content-disposition lifecycle logging replication append position cname
    """
_SIGNED = frozenset(_NAMES.encode().split())


def verify(request: Request, config: StoreConfig, header: str) -> str:
    """The access key that signed the request; raises S3Error."""
    scheme, _, rest = header.partition(" ")
    access_key, _, signature = rest.rpartition(":")
    if scheme != "QS" or not access_key:
        raise S3Error(403, "InvalidArgument", "The authorization header is malformed.")
    account = config.keys.get(access_key)
    if account is None or account.token is not None:
        # The vendor has no temporary keys.
        raise S3Error(401, "InvalidAccessKeyId", "The access key is wrong or does not exist.")
    headers = request.headers
    sent = parse_date(headers.get("x-qs-date") or headers.get("date", ""))
    if sent is None or abs(time.time() - sent) > config.skew_seconds:
        raise S3Error(403, "RequestTimeTooSkewed", "The request's time and the server's differ too much.")
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", "")]
    lines.append("" if "x-qs-date" in headers else headers.get("date", ""))
    lines += [f"{name}:{headers[name].strip()}" for name in sorted(headers) if name.startswith("x-qs-")]
    resource = f"/{request.bucket}".encode() + request.path if request.virtual else request.path
    signed = sorted(one for one in request.raw_query.split(b"&") if one.partition(b"=")[0] in _SIGNED)
    to_sign = (
        "\n".join(lines).encode("latin-1") + b"\n" + resource + (b"?" + b"&".join(signed) if signed else b"")
    )
    expected = base64.b64encode(hmac.new(account.secret.encode(), to_sign, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(expected.encode(), signature.encode("latin-1")):
        raise S3Error(401, "SignatureDoesNotMatch", "The signature that we calculated is another one.")
    return access_key
