"""QingStor's signature `QS` (HMAC-SHA256 over the V2 form of a request)."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.wire.encoding import Query, encode_value

# Query names that are part of the signed resource.
_NAMES = """
acl append cname cors delete image lifecycle logging mirror notification part_number policy position replication
response-cache-control response-content-disposition response-content-encoding response-content-language
response-content-type response-expires stats upload_id uploads
"""
SUBRESOURCES = frozenset(_NAMES.split())


@dataclass(frozen=True, slots=True)
class Keys:
    """Whose key signs; the secret is hidden from repr."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return "Keys()"


def authorization(method: str, resource: str, query: Query, headers: Mapping[str, str], keys: Keys) -> str:
    """The Authorization value. `resource` is `/bucket/encoded-key` in either addressing.

    Signed are the date, the two content headers and all `x-qs-*` of `headers` (lower-case names).
    """
    date = "" if "x-qs-date" in headers else headers.get("date", "")
    vendor = "".join(
        f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith("x-qs-")
    )
    text = (
        f"{method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{date}\n"
        f"{vendor}{resource}{_signed_query(query)}"
    )
    signature = b64encode(hmac.digest(keys.secret_key.encode(), text.encode(), "sha256")).decode()
    return f"QS {keys.access_key}:{signature}"


def _signed_query(query: Query) -> str:
    parts = sorted(
        name if value is None else f"{name}={encode_value(value)}"
        for name, value in query
        if name in SUBRESOURCES
    )
    return "?" + "&".join(parts) if parts else ""
