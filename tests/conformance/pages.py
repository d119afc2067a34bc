"""The page that the promises of URLs are tried on."""

import hashlib

from connectors.capabilities import ReadStream
from connectors.objects import ByteRange, Guard
from tests.website import Site

DATA = bytes(range(256)) * 20
ETAG = hashlib.md5(DATA).hexdigest()
GUARD = Guard(ETAG, len(DATA))
MIB = 1 << 20
PARTS = [
    None,
    ByteRange(0, 1),
    ByteRange(100, 2000),
    ByteRange(5119, 1),
    ByteRange(1, 5119),
    ByteRange(0, 5120),
]


def put(site: Site, body: bytes = DATA, target: str = "/a", **more: object) -> bytes:
    """A page; the key of its object."""
    return site.put(target, body, **more).encode()


async def drained(stream: ReadStream) -> bytes:
    """All that is left."""
    found = bytearray()
    try:
        while data := await stream.read(1000):
            found += data
    finally:
        stream.close()
    return bytes(found)
