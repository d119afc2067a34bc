"""Which operation, bucket and key a raw request names."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from tests.storeserver import azure_routes, google_routing
from tests.storeserver.config import StoreConfig
from tests.storeserver.flavors import VENDORS
from tests.storeserver.message import Request, S3Error, parse_query

_SLASHES = re.compile(rb"/{2,}")
_SUB_BUCKET = {
    "GET": ("location", "uploads", "versioning", "requestPayment", "encryption", "versions"),
    "PUT": ("versioning", "requestPayment", "encryption"),
    "POST": ("delete",),
}
_OPS_WITH_BUCKET = {
    ("GET", "location"): "location",
    ("GET", "uploads"): "list_uploads",
    ("GET", "versioning"): "get_versioning",
    ("GET", "encryption"): "get_encryption",
    ("GET", "requestPayment"): "get_payer",
    ("PUT", "versioning"): "put_versioning",
}
_PLAIN_BUCKET = {"GET": "list", "HEAD": "head_bucket", "PUT": "create_bucket", "DELETE": "delete_bucket"}
_PLAIN_OBJECT = {"GET": "get", "HEAD": "head", "PUT": "put", "DELETE": "delete"}
_UNKNOWN_SUB = ("acl", "tagging", "policy", "lifecycle", "cors", "website", "logging", "torrent", "append")

POLICY_CLASS = {
    "get": "read", "put": "write", "copy": "write", "initiate": "multipart", "upload_part": "multipart",
    "complete": "multipart", "abort": "multipart", "list_parts": "multipart", "list_uploads": "multipart",
}  # fmt: skip


def route(request: Request, config: StoreConfig) -> None:
    """Fill in dialect, bucket, key and operation; an operation that is not offered is "unknown"."""
    headers = request.headers
    if config.dialect in VENDORS:
        request.vendor = VENDORS[config.dialect]
        request.prefix = request.vendor.prefix
    elif headers.get("authorization", "").startswith("OBS ") or any(n.startswith("x-obs-") for n in headers):
        request.prefix = "x-obs-"
    if request.raw_query:
        names = request.flavor.query_names
        request.query = parse_query(request.raw_query)
        if names:
            request.query = {names.get(name, name): value for name, value in request.query.items()}
    if request.flavor.name == "azure":
        azure_routes.route(request, config)
        return
    if config.dialect == "google" and google_routing.route(request):
        return
    _address(request, config)
    request.op = _operation(request)


def _address(request: Request, config: StoreConfig) -> None:
    host = request.headers.get("host", "").rsplit(":", 1)[0].lower()
    path = request.path
    if request.flavor.merges_slashes:
        path = _SLASHES.sub(b"/", path)
    if host in config.domains:
        request.virtual = True
        request.bucket, request.key = config.domains[host], unquote_to_bytes(path[1:])
        return
    place = _virtual(host, config.base_domain)
    if place is not None:
        request.host_region = place.groupdict().get("region") or ""
        if place["bucket"]:
            request.virtual = True
            request.bucket = place["bucket"]
            request.key = unquote_to_bytes(path[1:])
            return
    bucket, _, key = path[1:].partition(b"/")
    request.bucket = unquote_to_bytes(bucket).decode("latin-1")
    request.key = unquote_to_bytes(key) if b"%" in key else key


def _virtual(host: str, domain: str) -> re.Match[str] | None:
    if not domain:
        return None
    pattern = re.escape(domain).replace(r"\{region\}", "(?P<region>[a-z0-9-]+)")
    return re.fullmatch(rf"(?:(?P<bucket>.+)\.)?{pattern}", host)


def _operation(request: Request) -> str:
    if not request.bucket:
        return "list_buckets" if request.method == "GET" else "unknown"
    if not request.key:
        return _bucket_operation(request)
    return _object_operation(request)


def _bucket_operation(request: Request) -> str:
    for name in _SUB_BUCKET.get(request.method, ()):
        if name in request.query:
            return _OPS_WITH_BUCKET.get((request.method, name), "unknown")
    if any(name in request.query for name in _UNKNOWN_SUB):
        return "unknown"
    return _PLAIN_BUCKET.get(request.method, "unknown")


def _object_operation(request: Request) -> str:
    query, method = request.query, request.method
    if not query:
        op = _PLAIN_OBJECT.get(method, "unknown")
    elif "uploadId" in query:
        with_id = {"PUT": "upload_part", "GET": "list_parts", "POST": "complete", "DELETE": "abort"}
        op = with_id.get(method, "unknown")
    elif method == "POST":
        op = "initiate" if "uploads" in query else "restore" if "restore" in query else "unknown"
    elif method == "GET" and "tagging" in query:
        op = "get_tags"
    elif any(name in query for name in _UNKNOWN_SUB):
        op = "unknown"
    else:
        op = _PLAIN_OBJECT.get(method, "unknown")
    if op == "put" and request.own("copy-source") is not None:
        return "copy"
    return op


def check_allowed(request: Request, config: StoreConfig) -> None:
    """Raise AccessDenied when a policy denies the access key this operation here."""
    rules = config.policies.get(request.access_key)
    if not rules:
        return
    wanted = POLICY_CLASS.get(request.op, request.op)
    subject = request.query.get("prefix", b"") if request.op == "list" else request.key
    for rule in rules:
        here = rule.bucket in ("", request.bucket) and subject.startswith(rule.prefix.encode())
        if here and rule.op in ("*", wanted):
            raise S3Error(403, "AccessDenied", "Access Denied")
