"""The one encoder of keys and query values: everything but RFC 3986 unreserved characters becomes %XX
(clouds.md A4).
"""

import re
from urllib.parse import quote_from_bytes

_KEY_SAFE = "/-_.~"
_VALUE_SAFE = "-_.~"
_PLAIN_KEY = re.compile(rb"[0-9A-Za-z/._~-]*")

Query = tuple[tuple[str, str | bytes | None], ...]


def encode_key(key: bytes) -> str:
    """A key as it stands in a path; dots and slashes stay as they are."""
    if _PLAIN_KEY.fullmatch(key):
        return key.decode("ascii")
    return quote_from_bytes(key, safe=_KEY_SAFE)


def encode_value(value: str | bytes) -> str:
    """A query name or value."""
    return quote_from_bytes(value.encode() if isinstance(value, str) else value, safe=_VALUE_SAFE)


def raw_query(query: Query) -> str:
    """The query as it is sent; a value of None is a bare name such as `uploads`."""
    return "&".join(
        encode_value(name) if value is None else f"{encode_value(name)}={encode_value(value)}"
        for name, value in query
    )
