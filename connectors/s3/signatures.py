"""Puts the headers that say who asks onto a request, in the manner of the store's signature (clouds.md A4)."""

import time
from email.utils import formatdate
from functools import lru_cache
from typing import assert_never

from connectors.s3.dialects import Signature
from connectors.s3.place import Account, Place
from connectors.wire.encoding import Query
from connectors.wire.signing import bce1, cos, oss4, qs, sigv4, v2
from engine.values import value

# A COS signature names the span in which it holds; it begins earlier for a clock that is a little behind.
_COS_EARLIER, _COS_SECONDS = 60, 3600
_TAGS = {Signature.V2: "AWS", Signature.OBS: "OBS", Signature.KSS: "KSS"}


@value(frozen=True, slots=True)
class Asked:
    """What is signed besides the headers: `raw_path` as it is sent, `resource` with the bucket in front."""

    method: str
    raw_path: str
    resource: str
    query: Query


def sign(asked: Asked, headers: dict[str, str], place: Place, account: Account, now: float) -> None:
    """Add token, date and Authorization to `headers` (lower-case names, `host` among them); `now` in seconds."""
    if account.token:
        headers[f"{place.dialect.prefix}security-token"] = account.token
    headers["authorization"] = _authorization(asked, headers, place, account, now)


def _authorization(asked: Asked, headers: dict[str, str], place: Place, account: Account, now: float) -> str:
    match place.signature:
        case Signature.V4:
            return _v4(asked, headers, place, account, now)
        case Signature.V2 | Signature.OBS | Signature.KSS:
            return _v2(asked, headers, place, account, now, tag=_TAGS[place.signature])
        case Signature.OSS4:
            return _oss4(asked, headers, place, account, now)
        case Signature.COS:
            span = f"{int(now) - _COS_EARLIER};{int(now) + _COS_SECONDS}"
            keys = cos.Keys(account.access_key, account.secret_key)
            return cos.authorization(asked.method, asked.raw_path, asked.query, headers, keys, span)
        case Signature.BCE1:
            return _bce1(asked, headers, account, now)
        case Signature.SHARED_KEY:
            raise ValueError("requests to Azure are signed by connectors.azure.channel")
        case Signature.QS:
            headers["date"] = formatdate(now, usegmt=True)
            pair = qs.Keys(account.access_key, account.secret_key)
            return qs.authorization(asked.method, asked.resource, asked.query, headers, pair)
        case Signature.BEARER:
            return f"Bearer {account.secret_key}"
        case _:
            assert_never(place.signature)


def _v4(asked: Asked, headers: dict[str, str], place: Place, account: Account, now: float) -> str:
    instant = headers["x-amz-date"] = _instant(int(now))
    headers["x-amz-content-sha256"] = sigv4.UNSIGNED
    scope = sigv4.Scope(account.access_key, account.secret_key, place.region)
    return sigv4.authorization(asked.method, asked.raw_path, asked.query, headers, scope, instant)


def _v2(
    asked: Asked, headers: dict[str, str], place: Place, account: Account, now: float, *, tag: str
) -> str:
    headers["date"] = formatdate(now, usegmt=True)
    pair = v2.KeyPair(account.access_key, account.secret_key, place.dialect.prefix, tag)
    return v2.authorization(asked.method, asked.resource, asked.query, headers, pair)


def _oss4(asked: Asked, headers: dict[str, str], place: Place, account: Account, now: float) -> str:
    instant = headers["x-oss-date"] = _instant(int(now))
    headers["x-oss-content-sha256"] = oss4.UNSIGNED
    scope = oss4.Scope(account.access_key, account.secret_key, place.region.removeprefix("oss-"))
    return oss4.authorization(asked.method, asked.resource, asked.query, headers, scope, instant)


def _bce1(asked: Asked, headers: dict[str, str], account: Account, now: float) -> str:
    instant = headers["x-bce-date"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(now)))
    keys = bce1.Keys(account.access_key, account.secret_key)
    return bce1.authorization(asked.method, asked.raw_path, asked.query, headers, keys, instant)


@lru_cache(maxsize=8)
def _instant(second: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
