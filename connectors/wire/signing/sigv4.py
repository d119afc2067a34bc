"""AWS Signature Version 4 with an unsigned payload. The derived key of a day and region is kept."""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256

from connectors.wire.encoding import Query, encode_value
from engine.values import value

UNSIGNED = "UNSIGNED-PAYLOAD"


@value(frozen=True, slots=True)
class Scope:
    """Whose key signs, for which region; the secret is hidden from repr."""

    access_key: str
    secret_key: str
    region: str
    service: str = "s3"

    def __repr__(self) -> str:
        return f"Scope(region={self.region!r})"


@lru_cache(maxsize=256)
def _signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret_key.encode()
    for word in (date, region, service, "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key


def canonical_query(query: Query) -> str:
    """Encoded pairs in byte order; a bare name gets an empty value."""
    if not query:
        return ""
    return "&".join(
        f"{name}={value}"
        for name, value in sorted((encode_value(name), encode_value(value or "")) for name, value in query)
    )


def authorization(
    method: str,
    raw_path: str,
    query: Query,
    headers: Mapping[str, str],
    scope: Scope,
    instant: str,
) -> str:
    """The Authorization value over all of `headers` (lower-case names, `host` among them).

    `instant` is `YYYYMMDDTHHMMSSZ`; the payload hash is what `x-amz-content-sha256` says.
    """
    names = sorted(headers)
    lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
    signed = ";".join(names)
    payload = headers.get("x-amz-content-sha256", UNSIGNED)
    request = f"{method}\n{raw_path}\n{canonical_query(query)}\n{lines}\n{signed}\n{payload}"
    date = instant[:8]
    where = f"{date}/{scope.region}/{scope.service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{instant}\n{where}\n{sha256(request.encode()).hexdigest()}"
    key = _signing_key(scope.secret_key, date, scope.region, scope.service)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={scope.access_key}/{where}, SignedHeaders={signed}, Signature={signature}"
