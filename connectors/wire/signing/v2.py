"""AWS Signature Version 2 and its twin with another prefix and tag: Huawei OBS (`x-obs-`, `OBS`)."""

import hmac
from base64 import b64encode
from collections.abc import Mapping

from connectors.wire.encoding import Query
from engine.values import value

# Query names that are part of the signed resource.
_NAMES = """
acl append backtosource cors customdomain delete deletebucket directcoldaccess encryption inventory length
lifecycle location logging metadata mirrorBackToSource modify name notification obscompresspolicy
orchestration partNumber policy position quota rename replication requestPayment response-cache-control
response-content-disposition response-content-encoding response-content-language response-content-type
response-expires restore select storageClass storagePolicy storageinfo tagging torrent truncate uploadId
uploads versionId versioning versions website x-image-process x-obs-security-token
"""
SUBRESOURCES = frozenset(_NAMES.split())


@value(frozen=True, slots=True)
class KeyPair:
    """Whose key signs, in which vendor's manner; the secret is hidden from repr."""

    access_key: str
    secret_key: str
    prefix: str = "x-amz-"
    tag: str = "AWS"

    def __repr__(self) -> str:
        return f"KeyPair(tag={self.tag!r})"


def authorization(method: str, resource: str, query: Query, headers: Mapping[str, str], pair: KeyPair) -> str:
    """The Authorization value. `resource` is `/bucket/encoded-key` in either addressing."""
    date = "" if f"{pair.prefix}date" in headers else headers.get("date", "")
    vendor = "".join(
        f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith(pair.prefix)
    )
    text = (
        f"{method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{date}\n"
        f"{vendor}{resource}{_signed_query(query)}"
    )
    signature = b64encode(hmac.digest(pair.secret_key.encode(), text.encode(), "sha1")).decode()
    return f"{pair.tag} {pair.access_key}:{signature}"


def _signed_query(query: Query) -> str:
    parts = [
        name if value is None else f"{name}={value.decode() if isinstance(value, bytes) else value}"
        for name, value in sorted(query, key=lambda pair: pair[0])
        if name in SUBRESOURCES
    ]
    return "?" + "&".join(parts) if parts else ""
