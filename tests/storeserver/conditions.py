"""Conditional headers and ranges."""

from __future__ import annotations

import re

from tests.storeserver.message import Request, S3Error, parse_date
from tests.storeserver.model import Bucket, Version
from tests.storeserver.service import no_such_key

_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


def _lists(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags


def _failed(condition: str) -> S3Error:
    message = "At least one of the pre-conditions you specified did not hold"
    return S3Error(412, "PreconditionFailed", message, Condition=condition)


def check_read(request: Request, version: Version, name: str = "") -> bool:
    """Raise PreconditionFailed, or tell whether the answer is 304; `name` prefixes the headers' names."""
    headers = request.headers
    if not any(name + c in headers for c in _READ_CONDITIONS):
        return False
    match = headers.get(name + "if-match")
    if match is not None and not _lists(match, request.flavor.etag(version.etag)):
        raise _failed("If-Match")
    before = parse_date(headers.get(name + "if-unmodified-since", ""))
    if match is None and before is not None and int(version.modified) > before:
        raise _failed("If-Unmodified-Since")
    none_match = headers.get(name + "if-none-match")
    if none_match is not None:
        return _lists(none_match, version.etag)
    since = parse_date(headers.get(name + "if-modified-since", ""))
    return since is not None and int(version.modified) <= since


_READ_CONDITIONS = ("if-match", "if-none-match", "if-unmodified-since", "if-modified-since")


def check_write(request: Request, bucket: Bucket) -> None:
    """Raise PreconditionFailed (or NoSuchKey) when a write's condition does not hold."""
    there = bucket.newest(request.key)
    none_match, match = request.headers.get("if-none-match"), request.headers.get("if-match")
    if none_match is not None:
        if none_match.strip() != "*":
            raise S3Error(
                501, "NotImplemented", "A header you provided implies functionality not implemented."
            )
        if there is not None:
            raise _failed("If-None-Match")
    if match is not None:
        if there is None:
            raise no_such_key(request.key)
        if not _lists(match, request.flavor.etag(there.etag)):
            raise _failed("If-Match")


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes `[start, end)` asked for; None for the whole (also when malformed); raises InvalidRange."""
    found = _RANGE.match(header.strip()) if header else None
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        start, end = max(size - int(last), 0), size
        satisfiable = int(last) > 0 and size > 0
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
        satisfiable = start < size
    if not satisfiable:
        error = S3Error(
            416, "InvalidRange", "The requested range is not satisfiable",
            RangeRequested=header or "", ActualObjectSize=str(size),
        )  # fmt: skip
        error.headers.append(("Content-Range", f"bytes */{size}"))
        raise error
    return start, end
