"""Baidu Cloud's signature `bce-auth-v1` (HMAC-SHA256 over chosen headers)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.wire.encoding import Query, encode_value

_SIGNED = frozenset({"host", "content-md5", "content-length", "content-type"})


@dataclass(frozen=True, slots=True)
class Keys:
    """Whose key signs, valid for how many seconds; the secret is hidden from repr."""

    access_key: str
    secret_key: str
    seconds: int = 1800

    def __repr__(self) -> str:
        return "Keys()"


def authorization(
    method: str, raw_path: str, query: Query, headers: Mapping[str, str], keys: Keys, instant: str
) -> str:
    """The Authorization value. `raw_path` is as it is sent, `instant` `YYYY-MM-DDTHH:MM:SSZ`.

    Signed are `host`, the content headers and all `x-bce-*` of `headers` (lower-case names) that are not empty.
    """
    signed = {
        name: value.strip()
        for name, value in headers.items()
        if (name in _SIGNED or name.startswith("x-bce-")) and value.strip()
    }
    lines = "\n".join(sorted(f"{encode_value(name)}:{encode_value(value)}" for name, value in signed.items()))
    text = f"{method}\n{raw_path}\n{_canonical_query(query)}\n{lines}"
    prefix = f"bce-auth-v1/{keys.access_key}/{instant}/{keys.seconds}"
    key = hmac.digest(keys.secret_key.encode(), prefix.encode(), "sha256").hex()
    signature = hmac.digest(key.encode(), text.encode(), "sha256").hex()
    return f"{prefix}/{';'.join(sorted(signed))}/{signature}"


def _canonical_query(query: Query) -> str:
    return "&".join(
        sorted(
            f"{encode_value(name)}={encode_value(value or '')}"
            for name, value in query
            if name.lower() != "authorization"
        )
    )
