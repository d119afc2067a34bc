"""Changing an object behind its readers' backs."""

from __future__ import annotations

from tests.storeserver.body import Body, Reader, Sink
from tests.storeserver.model import Version
from tests.storeserver.service import Service


def mutate(service: Service, bucket_name: str, key: bytes) -> Version | None:
    """Replace an object by one of equal size whose bytes are all inverted; None when there is none."""
    bucket = service.bucket(bucket_name)
    old = bucket.newest(key)
    if old is None:
        return None
    files = service.storage.files
    reader = Reader(files, old.body, 0, old.size)
    sink = Sink(files, old.size, sha256=False)
    for block in reader.blocks(0, old.size):
        sink.feed(block.translate(_INVERTED))
    reader.close()
    body: Body = sink.finish()
    new = Version(key, body, body.md5, service.now(), old.properties, service.version_id(bucket))
    service.storage.put(bucket, new)
    return new


_INVERTED = bytes(255 - n for n in range(256))
