"""`python -m tests.scale.store JSON`: a store that holds neither what it serves nor what it takes, until stdin ends.

Listings and large objects are made as they are asked for. Of a part its size and MD5 stay, of a
list the number of lines.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import uvloop

from bench.flat import Flat, FlatBucket, FlatDispatcher, listed_text
from tests.scale.pattern import Pattern
from tests.storeserver.body import Body, Files, Sink
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.message import Request, Response
from tests.storeserver.model import Bucket, Properties, Version
from tests.storeserver.server import serve
from tests.storeserver.service import Service

LARGE_KEY = b"large.bin"
LISTS = b"oms/task/"
OURS = b"oms/"


@dataclass(frozen=True, slots=True)
class Made:
    """What a store is started with: a bucket with an object of so many bytes, or with so many keys."""

    access_key: str
    secret_key: str
    bucket: str
    large: int = 0
    etag: str = ""
    keys: int = 0

    def to_json(self) -> str:
        """The form that the command takes."""
        return json.dumps(asdict(self))


class Forgetting(Sink):
    """Keeps the size and MD5 of a body, and counts its lines."""

    __slots__ = ("lines",)

    def __init__(self, request: Request) -> None:
        super().__init__(Files(None), 0, sha256=bool(request.content_sha256))
        self.lines = 0

    def feed(self, chunk: bytes) -> None:
        """See `Sink`."""
        super().feed(chunk)
        self.lines += chunk.count(b"\n")
        self._chunks.clear()

    def finish(self) -> Body:
        """See `Sink`."""
        return Body((), self.size, self._md5.hexdigest())


class CountedBucket(FlatBucket):
    """Keys that are counted, with nothing kept of them."""

    __slots__ = ("_count",)

    def __init__(self, name: str, count: int) -> None:
        super().__init__(name, Flat(1))
        self._count = count

    def newest(self, key: bytes) -> Version | None:
        """See `Bucket`."""
        number = self._first(key)
        return self._object(key) if number < self._count and _key(number) == key else Bucket.newest(self, key)

    def seek(self, start: bytes, *, exclusive: bool = False) -> Iterator[Version]:
        """See `Bucket`."""
        for number in range(self._first(start, exclusive=exclusive), self._count):
            yield self._object(_key(number))
        yield from Bucket.seek(self, start, exclusive=exclusive)

    def page(self, after: bytes, limit: int) -> tuple[bytes, bytes] | None:
        """See `FlatBucket`."""
        first = self._first(after, exclusive=True) if after else 0
        last = min(first + limit, self._count)
        if first >= last:
            return None
        more = last < self._count or bool(self.versions)
        text = listed_text(map(_key, range(first, last)), self._body.md5)
        return text, _key(last - 1) if more else b""

    def _first(self, key: bytes, *, exclusive: bool = False) -> int:
        """The number of the first key at or after this one."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            found = _key(middle)
            if found < key or (exclusive and found == key):
                low = middle + 1
            else:
                high = middle
        return low


def _key(number: int) -> bytes:
    return b"obj-%08d" % number


@dataclass(slots=True)
class Written:
    """What came of one list: requests with its bytes, the bytes, and the lines."""

    requests: int = 0
    bytes: int = 0
    lines: int = 0


class Dispatcher(FlatDispatcher):
    """Takes parts and lists without keeping them, and tells at `/-/scale` what came."""

    def __init__(self, service: Service, made: Made) -> None:
        super().__init__(service, {})
        self._begun: Counter[int] = Counter()
        self._unhashed = 0
        self._landed: list[tuple[int, int, str]] = []
        self._lists: defaultdict[str, Written] = defaultdict(Written)
        if made.keys:
            service.storage.buckets[made.bucket] = CountedBucket(made.bucket, made.keys)
        if made.large:
            body = Body(Pattern(made.large).segments(), made.large)
            version = Version(LARGE_KEY, body, made.etag, service.now(), Properties(), "")
            service.storage.put(service.storage.buckets[made.bucket], version)

    def open(self, request: Request, expected: int) -> None:
        """See `Dispatcher` of the store server."""
        super().open(request, expected)
        if request.refusal is not None or request.op not in ("put", "upload_part"):
            return
        self._unhashed += "content-md5" not in request.headers
        if request.key.startswith(LISTS):
            request.sink = Forgetting(request)
        elif request.op == "upload_part" and not request.key.startswith(OURS):
            self._begun[int(request.query.get("partNumber", b"0"))] += 1
            request.sink = Forgetting(request)

    def respond(self, request: Request) -> Response:
        """See `Dispatcher` of the store server."""
        if request.path == b"/-/scale":
            return self._tell()
        if request.refusal is None and request.op == "complete" and not request.key.startswith(OURS):
            return self._completed(request)
        response, sink = super().respond(request), request.sink
        if isinstance(sink, Forgetting) and request.key.startswith(LISTS) and response.status == 200:
            written = self._lists[request.key.decode()]
            written.requests += 1
            written.bytes += sink.size
            written.lines += sink.lines
        return response

    def _completed(self, request: Request) -> Response:
        upload = self.service.storage.buckets[request.bucket].uploads.get(request.query["uploadId"].decode())
        parts = sorted(upload.parts.values(), key=lambda part: part.number) if upload else []
        response = super().respond(request)
        if response.status == 200:
            self._landed = [(part.number, part.body.size, part.body.md5) for part in parts]
        return response

    def _tell(self) -> Response:
        told = {
            "numbers": len(self._begun),
            "again": self._begun.total() - len(self._begun),
            "unhashed": self._unhashed,
            "landed": self._landed,
            "lists": {key: asdict(written) for key, written in self._lists.items()},
        }
        return Response(200, [("Content-Type", "application/json")], json.dumps(told).encode())


async def _serve(made: Made) -> None:
    config = StoreConfig(keys={made.access_key: Account(made.secret_key)}, buckets=[made.bucket])
    await serve(config, lambda service: Dispatcher(service, made))


if __name__ == "__main__":
    uvloop.run(_serve(Made(**json.loads(sys.argv[1]))))
