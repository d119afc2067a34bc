"""A bucket of very many keys without slashes, whose pages are cut from one text made beforehand."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.zeros import ZeroSink, zeros
from tests.storeserver.config import BucketFlags
from tests.storeserver.dispatch import Dispatcher
from tests.storeserver.listing import MAX_KEYS, max_keys
from tests.storeserver.message import Request, Response
from tests.storeserver.model import Bucket, Properties, Version
from tests.storeserver.service import Service

SIZE = 64 << 10
_AT = 1_704_067_200.0
_ENTRY = (
    b"<Contents><Key>%b</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;%b&quot;</ETag>"
    b"<Size>%d</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
_HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>%b</Name><Prefix></Prefix>'
    b"<MaxKeys>%d</MaxKeys><IsTruncated>%b</IsTruncated>"
)


def listed_text(keys: Iterable[bytes], etag: str) -> bytes:
    """The entries of a page."""
    return b"".join([_ENTRY % (key, etag.encode(), SIZE) for key in keys])


@dataclass(frozen=True, slots=True)
class Flat:
    """So many keys, all of one length: counted (`obj-00000000`), or hashes, which no compression shortens."""

    count: int
    random: bool = False

    def keys(self) -> list[bytes]:
        """In order."""
        if self.random:
            return sorted(hashlib.md5(b"%d" % n).hexdigest()[:24].encode() for n in range(self.count))  # noqa: S324
        return [b"obj-%08d" % n for n in range(self.count)]


class FlatBucket(Bucket):
    """The flat objects, zeros all of them, and after them whatever is put below `oms/`."""

    __slots__ = ("_body", "_flat", "_text", "_width")

    def __init__(self, name: str, flat: Flat) -> None:
        super().__init__(name, _AT, BucketFlags())
        self._body = zeros(SIZE)
        self._flat = flat.keys()
        self._text = listed_text(self._flat, self._body.md5)
        self._width = len(self._text) // len(self._flat)

    def newest(self, key: bytes) -> Version | None:
        """See `Bucket`."""
        at = bisect_left(self._flat, key)
        if at < len(self._flat) and self._flat[at] == key:
            return self._object(key)
        return super().newest(key)

    def seek(self, start: bytes, *, exclusive: bool = False) -> Iterator[Version]:
        """See `Bucket`."""
        for key in self._flat[(bisect_right if exclusive else bisect_left)(self._flat, start) :]:
            yield self._object(key)
        yield from super().seek(start, exclusive=exclusive)

    def page(self, after: bytes, limit: int) -> tuple[bytes, bytes] | None:
        """The entries after a key, and the last key when more follow; None when no flat key is left."""
        first = bisect_right(self._flat, after) if after else 0
        last = min(first + limit, len(self._flat))
        if first >= last:
            return None
        more = last < len(self._flat) or bool(self.versions)
        return self._text[first * self._width : last * self._width], self._flat[last - 1] if more else b""

    def _object(self, key: bytes) -> Version:
        return Version(key, self._body, self._body.md5, _AT, Properties())


class FlatDispatcher(Dispatcher):
    """Answers listings of flat buckets without looking at single objects, and keeps no zeros."""

    sink = ZeroSink

    def __init__(self, service: Service, flat: dict[str, Flat]) -> None:
        super().__init__(service)
        for name, rule in flat.items():
            service.storage.buckets[name] = FlatBucket(name, rule)

    def respond(self, request: Request) -> Response:
        """See `Dispatcher`."""
        if request.op == "list" and request.refusal is None:
            bucket = self.service.storage.buckets.get(request.bucket)
            if isinstance(bucket, FlatBucket) and not request.query.get("prefix"):
                return _listed(request, bucket) or super().respond(request)
        return super().respond(request)


def _listed(request: Request, bucket: FlatBucket) -> Response | None:
    """A token is the key that it stands behind, after its mark."""
    query = request.query
    token = query.get("continuation-token", b"")
    after = bytes.fromhex(token[1:].decode()) if token[:1] == b"x" else b""
    if token and not after:
        return None
    limit = min(max_keys(request), MAX_KEYS)
    found = bucket.page(after or query.get("start-after", b"") or query.get("marker", b""), limit)
    if found is None:
        if token:
            query["start-after"] = after
            del query["continuation-token"]
        return None
    entries, last = found
    head = _HEAD % (request.bucket.encode(), limit, b"true" if last else b"false")
    way = b""
    if last:
        way = b"<NextContinuationToken>x%b</NextContinuationToken><NextMarker>%b</NextMarker>" % (
            last.hex().encode(), last,
        )  # fmt: skip
    body = b"%b%b%b</ListBucketResult>" % (head, way, entries)
    return Response(200, [("Content-Type", "application/xml")], body)
