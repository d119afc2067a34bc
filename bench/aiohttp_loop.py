"""`python -m bench.aiohttp_loop SOURCE DESTINATION`: aiohttp on uvloop in a plain loop; of the product
only its signatures.

GET, MD5 beside the listed ETag, PUT with Content-MD5, the ETag that comes back. Objects of one part only.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import quote

import aiohttp
import uvloop
import yarl

from bench.stores import ACCESS_KEY, FROM, INTO, REGIONS, SECRET_KEY
from connectors.wire.signing import sigv4, v2
from connectors.wire.signing.sigv4 import Scope
from connectors.wire.signing.v2 import KeyPair

_KEY, _ETAG = re.compile(r"<Key>([^<]+)</Key>"), re.compile(r"<ETag>(?:&quot;|\")([0-9a-f]{32})")
_NEXT = re.compile(r"<NextContinuationToken>([^<]+)<")
_AHEAD = 4000


@lru_cache(maxsize=8)
def _instant(second: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))


@lru_cache(maxsize=8)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


class Bucket:
    """One bucket behind aiohttp's connection pool; signed as the product signs at the same store."""

    def __init__(self, session: aiohttp.ClientSession, url: str, name: str, region: str = "") -> None:
        """A `region` for S3's fourth signature; without one it is that of OBS."""
        self._session, self._url, self._name = session, url, name
        self._host = url.partition("//")[2]
        self._scope = Scope(ACCESS_KEY, SECRET_KEY, region)
        self._pair = KeyPair(ACCESS_KEY, SECRET_KEY, "x-obs-", "OBS")

    async def call(
        self, method: str, key: str = "", query: Mapping[str, str] | None = None, data: bytes = b"",
        **headers: str,
    ) -> tuple[bytes, Mapping[str, str]]:  # fmt: skip
        """The body and headers of a signed request's answer. Raises RuntimeError for any status but 200."""
        path = f"/{self._name}/{quote(key)}" if key else f"/{self._name}"
        pairs = sorted((query or {}).items())
        signed = {name.replace("_", "-"): value for name, value in headers.items()}
        signed["host"] = self._host
        self._sign(method, path, pairs, signed)
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
        url = yarl.URL(self._url + path + (f"?{asked}" if asked else ""), encoded=True)
        async with self._session.request(method, url, data=data or None, headers=signed) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{method} {path}: {answer.status} {body[:200]!r}")
            return body, answer.headers

    def _sign(
        self, method: str, path: str, pairs: Sequence[tuple[str, str]], headers: dict[str, str]
    ) -> None:
        second = int(time.time())
        if self._scope.region:
            headers |= {"x-amz-date": _instant(second), "x-amz-content-sha256": sigv4.UNSIGNED}
            told = sigv4.authorization(method, path, pairs, headers, self._scope, _instant(second))
        else:
            headers["date"] = _date(second)
            told = v2.authorization(method, path, pairs, headers, self._pair)
        headers["authorization"] = told

    async def listed(self) -> AsyncIterator[tuple[str, str]]:
        """Keys and ETags."""
        query = {"list-type": "2", "max-keys": "1000"}
        while True:
            text = (await self.call("GET", query=query))[0].decode()
            for found in zip(_KEY.findall(text), _ETAG.findall(text), strict=True):
                yield found
            following = _NEXT.search(text)
            if following is None:
                return
            query["continuation-token"] = following[1]


async def _lane(queue: asyncio.Queue[tuple[str, str] | None], source: Bucket, into: Bucket) -> int:
    done = 0
    while (one := await queue.get()) is not None:
        key, etag = one
        data, told = await source.call("GET", key, if_match=f'"{etag}"')
        found = hashlib.md5(data, usedforsecurity=False).digest()
        if found.hex() != etag:
            raise RuntimeError("the source sent other bytes")
        kind = told.get("content-type", "binary/octet-stream")
        md5 = base64.b64encode(found).decode()
        _, told = await into.call("PUT", key, data=data, content_md5=md5, content_type=kind)
        if told["ETag"].strip('"') != etag:
            raise RuntimeError("the destination holds other bytes")
        done += 1
    return done


async def _copy(source_url: str, into_url: str, lanes: int) -> int:
    queue: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue(_AHEAD)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        source, into = Bucket(session, source_url, FROM, REGIONS[0]), Bucket(session, into_url, INTO)
        async with asyncio.TaskGroup() as group:
            working = [group.create_task(_lane(queue, source, into)) for _ in range(lanes)]
            async for one in source.listed():
                await queue.put(one)
            for _ in working:
                await queue.put(None)
    return sum(one.result() for one in working)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.aiohttp_loop", description=__doc__)
    parser.add_argument("source")
    parser.add_argument("destination")
    parser.add_argument("--lanes", type=int, default=64, help="objects in the air")
    parser.add_argument("--expect", type=int, default=None, help="fail unless it is so many objects")
    chosen = parser.parse_args()
    count = uvloop.run(_copy(chosen.source, chosen.destination, chosen.lanes))
    if chosen.expect not in (None, count):
        raise SystemExit(f"{count} objects instead of {chosen.expect}")
    print(count)
