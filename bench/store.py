"""`python -m bench.store FILE`: a store server in memory with its contents made at the start, until stdin ends."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop

from bench.flat import Flat, FlatDispatcher
from bench.zeros import zeros
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.model import Properties, Version
from tests.storeserver.server import serve
from tests.storeserver.service import Service

# As AWS's own tools upload what is larger.
UPLOADED_PART = 8 << 20


@dataclass(frozen=True, slots=True)
class Objects:
    """So many equal objects of `size` bytes, spread over folders."""

    count: int
    size: int
    folders: int = 20

    def key(self, number: int) -> bytes:
        """Of an object by its number."""
        return b"d%02d/%08d.bin" % (number % self.folders, number)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a server is started with; port 0 takes a free one."""

    access_key: str
    secret_key: str
    port: int = 0
    latency_ms: float = 0
    empty: tuple[str, ...] = ()
    objects: dict[str, Objects] = field(default_factory=dict)
    flat: dict[str, Flat] = field(default_factory=dict)

    def to_json(self) -> str:
        """The form that `from_json` reads."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Contents:
        """The counterpart of `to_json`."""
        values = json.loads(text)
        values["objects"] = {name: Objects(**one) for name, one in values["objects"].items()}
        values["flat"] = {name: Flat(**one) for name, one in values["flat"].items()}
        return Contents(**values)


def _fill(service: Service, bucket: str, objects: Objects) -> None:
    body, now = zeros(objects.size), service.now()
    target = service.storage.buckets[bucket]
    etag = body.md5 if objects.size <= UPLOADED_PART else _etag_of_parts(objects.size)
    for number in range(objects.count):
        service.storage.put(target, Version(objects.key(number), body, etag, now, Properties(), ""))


def _etag_of_parts(size: int) -> str:
    """Of zeros that were uploaded in parts."""
    lengths = [min(UPLOADED_PART, size - start) for start in range(0, size, UPLOADED_PART)]
    md5s = b"".join(hashlib.md5(bytes(length)).digest() for length in lengths)  # noqa: S324
    return f"{hashlib.md5(md5s).hexdigest()}-{len(lengths)}"  # noqa: S324


async def _serve(contents: Contents) -> None:
    config = StoreConfig(
        port=contents.port,
        latency_ms=contents.latency_ms,
        keys={contents.access_key: Account(contents.secret_key)},
        buckets=[*contents.empty, *contents.objects],
    )

    def answering(service: Service) -> FlatDispatcher:
        for bucket, objects in contents.objects.items():
            _fill(service, bucket, objects)
        return FlatDispatcher(service, contents.flat)

    await serve(config, answering)


if __name__ == "__main__":
    uvloop.run(_serve(Contents.from_json(Path(sys.argv[1]).read_text())))
