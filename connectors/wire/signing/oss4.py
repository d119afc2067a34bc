"""Aliyun OSS Signature Version 4 with an unsigned payload. The derived key of a day and region is kept."""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256

from connectors.wire.encoding import Query, encode_value
from engine.values import value

UNSIGNED = "UNSIGNED-PAYLOAD"
_ALWAYS = frozenset({"content-type", "content-md5"})


@value(frozen=True, slots=True)
class Scope:
    """Whose key signs, for which region (without the prefix `oss-`); the secret is hidden from repr."""

    access_key: str
    secret_key: str
    region: str

    def __repr__(self) -> str:
        return f"Scope(region={self.region!r})"


@lru_cache(maxsize=256)
def _signing_key(secret_key: str, date: str, region: str) -> bytes:
    key = b"aliyun_v4" + secret_key.encode()
    for word in (date, region, "oss", "aliyun_v4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key


def authorization(
    method: str, resource: str, query: Query, headers: Mapping[str, str], scope: Scope, instant: str
) -> str:
    """The Authorization value; `resource` is `/bucket/encoded-key` in either addressing, `/` without a bucket.

    Signed are `content-type`, `content-md5` and all `x-oss-*` of `headers` (lower-case names); `instant` is
    `YYYYMMDDTHHMMSSZ`.
    """
    lines = "".join(
        f"{name}:{headers[name]}\n"
        for name in sorted(headers)
        if name.startswith("x-oss-") or name in _ALWAYS
    )
    request = f"{method}\n{resource}\n{_canonical_query(query)}\n{lines}\n\n{UNSIGNED}"
    date = instant[:8]
    where = f"{date}/{scope.region}/oss/aliyun_v4_request"
    text = f"OSS4-HMAC-SHA256\n{instant}\n{where}\n{sha256(request.encode()).hexdigest()}"
    key = _signing_key(scope.secret_key, date, scope.region)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"OSS4-HMAC-SHA256 Credential={scope.access_key}/{where}, Signature={signature}"


def _canonical_query(query: Query) -> str:
    """Encoded pairs in order of their names; an empty value leaves the bare name."""
    return "&".join(
        f"{name}={value}" if value else name
        for name, value in sorted((encode_value(name), encode_value(value or "")) for name, value in query)
    )
