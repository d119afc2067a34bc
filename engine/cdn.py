"""Addresses of objects behind a CDN, signed for one request: the eleven types of OMS (oms-behaviour 10)."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Final, assert_never
from urllib.parse import quote, quote_from_bytes, quote_plus, unquote_to_bytes


class CdnAuthentication(StrEnum):
    """How requests to a CDN prove themselves (OMS table 5-44)."""

    NONE = "NONE"
    QINIU_PRIVATE_AUTHENTICATION = "QINIU_PRIVATE_AUTHENTICATION"
    ALIYUN_OSS_A = "ALIYUN_OSS_A"
    ALIYUN_OSS_B = "ALIYUN_OSS_B"
    ALIYUN_OSS_C = "ALIYUN_OSS_C"
    KSYUN_PRIVATE_AUTHENTICATION = "KSYUN_PRIVATE_AUTHENTICATION"
    AZURE_SAS_TOKEN = "AZURE_SAS_TOKEN"
    TENCENT_COS_A = "TENCENT_COS_A"
    TENCENT_COS_B = "TENCENT_COS_B"
    TENCENT_COS_C = "TENCENT_COS_C"
    TENCENT_COS_D = "TENCENT_COS_D"


# Public, or signed with the source's own keys: no authentication_key (OMS table 5-44).
KEYLESS: Final = frozenset(
    {
        CdnAuthentication.NONE,
        CdnAuthentication.QINIU_PRIVATE_AUTHENTICATION,
        CdnAuthentication.KSYUN_PRIVATE_AUTHENTICATION,
    }
)
_SIGNED_PATHS: Final = frozenset(
    kind for kind in CdnAuthentication if kind.value.startswith(("ALIYUN_", "TENCENT_"))
)
_TWO_READINGS: Final = frozenset({CdnAuthentication.TENCENT_COS_C, CdnAuthentication.TENCENT_COS_D})
_BEIJING: Final = timezone(timedelta(hours=8))
_LIFETIME_S: Final = 3600
_SLOWEST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class CdnAccess:
    """How one CDN is opened. `origin` is `scheme://host[:port]`; `key` is the authentication_key.

    `access_key`, `secret_key` and `bucket` are the source's own, for the types that sign with them.
    """

    origin: str
    kind: CdnAuthentication
    key: str = field(default="", repr=False)
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    bucket: str = ""


@dataclass(frozen=True, slots=True)
class CdnForm:
    """Which reading of the vendors' contradicting pages. `decoded` hashes the plain path, not the encoded one;
    `second` takes the other order or base of the time (Tencent C and D).
    """

    decoded: bool = False
    second: bool = False


@dataclass(frozen=True, slots=True)
class CdnGet:
    """One request to sign: the object, its size in bytes, the second it is signed in, and a random word."""

    key: bytes
    size: int
    now_s: int
    nonce: str = "0"
    method: str = "GET"


def forms(kind: CdnAuthentication, key: bytes) -> tuple[CdnForm, ...]:
    """The readings to try one after the other while a CDN answers 403; each gives another address."""
    seconds = (False, True) if kind in _TWO_READINGS else (False,)
    decodings = (False, True) if kind in _SIGNED_PATHS and "%" in _path(key) else (False,)
    return tuple(CdnForm(decoded, second) for decoded in decodings for second in seconds)


def signed_target(access: CdnAccess, get: CdnGet, form: CdnForm = CdnForm()) -> str:
    """The encoded path and query to ask the CDN for, good for this one request."""
    path = _path(get.key)
    match access.kind:
        case CdnAuthentication.NONE:
            return path
        case CdnAuthentication.AZURE_SAS_TOKEN:
            return f"{path}?{access.key.removeprefix('?')}"
        case CdnAuthentication.QINIU_PRIVATE_AUTHENTICATION:
            return _qiniu(access, path, _deadline(get))
        case CdnAuthentication.KSYUN_PRIVATE_AUTHENTICATION:
            return _ksyun(access, path, get)
        case CdnAuthentication.ALIYUN_OSS_A | CdnAuthentication.TENCENT_COS_A:
            return _type_a(access, path, get, form)
        case CdnAuthentication.ALIYUN_OSS_B | CdnAuthentication.TENCENT_COS_B:
            return _type_b(access.key, path, get, form)
        case CdnAuthentication.ALIYUN_OSS_C | CdnAuthentication.TENCENT_COS_C:
            return _type_c(access, path, get, form)
        case CdnAuthentication.TENCENT_COS_D:
            stamp = f"{get.now_s:x}" if form.second else str(get.now_s)
            return f"{path}?sign={_md5(access.key, _hashed(path, form), stamp)}&t={stamp}"
        case _:
            assert_never(access.kind)


def _type_a(access: CdnAccess, path: str, get: CdnGet, form: CdnForm) -> str:
    name = "auth_key" if access.kind is CdnAuthentication.ALIYUN_OSS_A else "sign"
    stamp = f"{get.now_s}-{get.nonce}-0"
    return f"{path}?{name}={stamp}-{_md5(_hashed(path, form), f'-{stamp}-{access.key}')}"


def _type_b(secret: str, path: str, get: CdnGet, form: CdnForm) -> str:
    stamp = datetime.fromtimestamp(get.now_s, UTC).astimezone(_BEIJING).strftime("%Y%m%d%H%M")
    return f"/{stamp}/{_md5(secret, stamp, _hashed(path, form))}{path}"


def _type_c(access: CdnAccess, path: str, get: CdnGet, form: CdnForm) -> str:
    if form.second:
        return f"/{_md5(access.key, str(get.now_s), _hashed(path, form))}/{get.now_s}{path}"
    stamp = f"{get.now_s:X}" if access.kind is CdnAuthentication.ALIYUN_OSS_C else f"{get.now_s:x}"
    return f"/{_md5(access.key, _hashed(path, form), stamp)}/{stamp}{path}"


def _qiniu(access: CdnAccess, path: str, deadline: int) -> str:
    target = f"{path}?e={deadline}"
    digest = _hmac_sha1(access.secret_key, f"{access.origin}{target}")
    return f"{target}&token={access.access_key}:{base64.urlsafe_b64encode(digest).decode()}"


def _ksyun(access: CdnAccess, path: str, get: CdnGet) -> str:
    deadline = _deadline(get)
    resource = f"/{access.bucket}/{quote_plus(get.key, safe='*~/')}".replace("//", "/%2F")
    digest = _hmac_sha1(access.secret_key, f"{get.method}\n\n\n{deadline}\n{resource}")
    signature = quote(base64.b64encode(digest).decode(), safe="")
    return (
        f"{path}?Signature={signature}&Expires={deadline}&KSSAccessKeyId={quote(access.access_key, safe='')}"
    )


def _path(key: bytes) -> str:
    return "/" + quote_from_bytes(key, safe="/")


def _hashed(path: str, form: CdnForm) -> str | bytes:
    return unquote_to_bytes(path) if form.decoded else path


def _deadline(get: CdnGet) -> int:
    return get.now_s + _LIFETIME_S + get.size // _SLOWEST


def _md5(*parts: str | bytes) -> str:
    text = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _hmac_sha1(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
