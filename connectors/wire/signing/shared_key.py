"""Azure Storage's Shared Key signature (HMAC-SHA256 over the fixed headers, all `x-ms-*`, and the resource)."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.wire.encoding import Query

_FIXED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The account and its key in base64; the key is hidden from repr."""

    account: str
    key: str = field(repr=False)


def authorization(method: str, raw_path: str, query: Query, headers: Mapping[str, str], keys: Keys) -> str:
    """The Authorization value. `raw_path` is as it is sent; `headers` have lower-case names and name their length.

    Raises ValueError for a key that is not base64.
    """
    fixed = "".join(f"{_value(headers, name)}\n" for name in _FIXED)
    own = "".join(
        f"{name}:{headers[name].strip()}\n"
        for name in sorted((name for name in headers if name.startswith("x-ms-")), key=_weight)
    )
    text = f"{method}\n{fixed}{own}/{keys.account}{raw_path}{_signed_query(query)}"
    digest = hmac.digest(
        b64decode(keys.key, validate=True), text.encode("utf-8", "surrogateescape"), "sha256"
    )
    return f"SharedKey {keys.account}:{b64encode(digest).decode()}"


def _value(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    return "" if name == "content-length" and value == "0" else value


def _weight(name: str) -> tuple[str, str]:
    # The service sorts as people do: hyphens count only between names that are else equal, `_` is before digits.
    return name.replace("-", "").replace("_", " "), name


def _signed_query(query: Query) -> str:
    pairs = [
        (name.lower(), value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value or "")
        for name, value in query
    ]
    return "".join(f"\n{name}:{value}" for name, value in sorted(pairs))
