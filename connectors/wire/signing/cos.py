"""Tencent COS's own signature (HMAC-SHA1 over the decoded path and the chosen headers and parameters)."""

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha1
from urllib.parse import unquote_to_bytes

from connectors.wire.encoding import Query, encode_value
from engine.values import value

_NAMES = """
cache-control content-disposition content-encoding content-length content-md5 content-type expect expires host
if-match if-modified-since if-none-match if-unmodified-since origin range transfer-encoding
"""
_SIGNED = frozenset(_NAMES.split())


@value(frozen=True, slots=True)
class Keys:
    """Whose key signs; the secret is hidden from repr."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return "Keys()"


def authorization(
    method: str, raw_path: str, query: Query, headers: Mapping[str, str], keys: Keys, span: str
) -> str:
    """The Authorization value. `raw_path` is as it is sent; `span` is `begin;end` in seconds since the epoch.

    Signed are all `x-cos-*` and those of the standard headers that COS knows, `host` among them (lower-case names).
    """
    signed = _encoded(
        (name, value) for name, value in headers.items() if name in _SIGNED or name.startswith("x-cos-")
    )
    asked = _encoded(query)
    path = unquote_to_bytes(raw_path)
    text = b"%b\n%b\n%b\n%b\n" % (
        method.lower().encode(),
        path,
        _joined(asked).encode(),
        _joined(signed).encode(),
    )
    key = hmac.digest(keys.secret_key.encode(), span.encode(), "sha1").hex()
    to_sign = f"sha1\n{span}\n{sha1(text, usedforsecurity=False).hexdigest()}\n"
    signature = hmac.digest(key.encode(), to_sign.encode(), "sha1").hex()
    return (
        f"q-sign-algorithm=sha1&q-ak={keys.access_key}&q-sign-time={span}&q-key-time={span}"
        f"&q-header-list={_names(signed)}&q-url-param-list={_names(asked)}&q-signature={signature}"
    )


_Pairs = list[tuple[str, str]]


def _encoded(pairs: Iterable[tuple[str, str | bytes | None]]) -> _Pairs:
    return sorted((encode_value(name).lower(), encode_value(value or "")) for name, value in pairs)


def _joined(pairs: _Pairs) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)


def _names(pairs: _Pairs) -> str:
    return ";".join(name for name, _ in pairs)
