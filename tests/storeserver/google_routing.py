"""Which operation a request names in the JSON interface of Google Cloud Storage (clouds.md B6)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from tests.storeserver.message import Request

_PATH = re.compile(
    rb"(?P<root>/upload|/download|)/storage/v1/b(?:/(?P<bucket>[^/]+)(?P<objects>/o(?:/(?P<key>[^/]+))?)?)?"
)
_OF_THE_SERVICE = {"GET": "list_buckets"}
_OF_A_BUCKET = {"GET": "location"}
_OF_OBJECTS = {"GET": "list"}
_OF_AN_OBJECT = {"GET": "head", "DELETE": "delete"}


def route(request: Request) -> bool:
    """Fill in bucket, key and operation; False when the request is one of the XML interface."""
    if request.path == b"/token":
        request.rest, request.op = True, "token" if request.method == "POST" else "unknown"
        return True
    place = _PATH.fullmatch(request.path)
    if place is None:
        return False
    request.rest = True
    request.bucket = unquote_to_bytes(place["bucket"] or b"").decode("latin-1")
    request.key = unquote_to_bytes(place["key"] or b"")
    request.op = _operation(request, place).get(request.method, "unknown")
    return True


def _operation(request: Request, place: re.Match[bytes]) -> dict[str, str]:
    root = place["root"]
    if root == b"/upload":
        return {"POST": "put"} if place["objects"] and not place["key"] else {}
    if root == b"/download" or request.query.get("alt") == b"media":
        return {"GET": "get"} if place["key"] else {}
    if not place["bucket"]:
        return _OF_THE_SERVICE
    if not place["objects"]:
        return _OF_A_BUCKET
    return _OF_AN_OBJECT if place["key"] else _OF_OBJECTS
