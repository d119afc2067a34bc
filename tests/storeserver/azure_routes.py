"""Which operation, account, container and blob a request to Azure names (clouds.md B7)."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from tests.storeserver.config import StoreConfig
from tests.storeserver.message import Request

_SERVICE = {("GET", "list"): "list_buckets"}
_CONTAINER = {
    ("GET", "list"): "list",
    ("GET", ""): "head_bucket",
    ("HEAD", ""): "head_bucket",
    ("PUT", ""): "create_bucket",
    ("DELETE", ""): "delete_bucket",
}
_BLOB = {
    ("GET", ""): "get",
    ("HEAD", ""): "head",
    ("PUT", ""): "put",
    ("DELETE", ""): "delete",
    ("PUT", "block"): "upload_part",
    ("PUT", "blocklist"): "complete",
    ("GET", "blocklist"): "list_parts",
    ("PUT", "tier"): "restore",
}


def route(request: Request, config: StoreConfig) -> None:
    """Fill in account, container, key and operation. The account stands before `base_domain` or first in the path."""
    host = request.headers.get("host", "").rsplit(":", 1)[0].lower()
    path = request.path[1:]
    if config.base_domain and host.endswith(f".{config.base_domain}"):
        request.virtual = True
        request.account = host.removesuffix(f".{config.base_domain}")
    else:
        account, _, path = path.partition(b"/")
        request.account = unquote_to_bytes(account).decode("latin-1")
    container, _, key = path.partition(b"/")
    request.bucket, request.key = unquote_to_bytes(container).decode("latin-1"), unquote_to_bytes(key)
    request.op = _operation(request)


def _operation(request: Request) -> str:
    asked = request.method, request.query.get("comp", b"").decode("latin-1")
    if not request.bucket:
        return _SERVICE.get(asked, "unknown")
    if request.key:
        return _BLOB.get(asked, "unknown")
    if request.query.get("restype") != b"container":
        return "unknown"
    if asked[1] == "list" and b"uncommittedblobs" in request.query.get("include", b""):
        return "list_uploads"
    return _CONTAINER.get(asked, "unknown")
