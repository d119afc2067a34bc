"""URLs as a source: what HEAD tells, names, redirects and manners, of servers that nobody chose (clouds.md B11)."""

import asyncio
import base64
import hashlib

import pytest
from fastcrc import crc64

from connectors.endpoints import parse_endpoints
from connectors.errors import (
    Changed,
    Denied,
    NotFound,
    Rejected,
    StoreError,
    Throttled,
    Unavailable,
)
from connectors.objects import ByteRange, Guard
from connectors.url import UrlStore
from connectors.url.hops import Hosts
from connectors.wire import Counters, Wire, WireRequest
from engine.failures import Meaning
from tests.conformance.pages import DATA, ETAG, GUARD, MIB, drained, put
from tests.website import Site

# ---- HEAD


@pytest.mark.parametrize("size", [0, 1, 5120, 16 * MIB])
async def test_head_tells_the_size(urls: UrlStore, site: Site, size: int) -> None:
    assert (await urls.head(put(site, b"x" * size))).info.size == size


@pytest.mark.parametrize("status", [400, 401, 403, 405, 501])
@pytest.mark.parametrize("ranges", [True, False])
async def test_a_get_tells_what_head_does_not(urls: UrlStore, site: Site, status: int, ranges: bool) -> None:
    head = await urls.head(put(site, head_status=status, ranges=ranges))
    assert (head.info.size, head.info.etag, head.ranged) == (len(DATA), ETAG, ranges)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_a_head_without_a_length_is_asked_otherwise(
    urls: UrlStore, site: Site, framing: str, ranges: bool
) -> None:
    head = await urls.head(put(site, head_length=False, framing=framing, ranges=ranges))
    assert head.info.size == (len(DATA) if ranges or framing == "length" else -1)
    assert [visit.headers.get("range") for visit in site.visits] == [None, "bytes=0-0"]


async def test_an_empty_object_without_a_length_is_empty(urls: UrlStore, site: Site) -> None:
    assert (await urls.head(put(site, b"", head_length=False))).info.size == 0


@pytest.mark.parametrize(
    ("etag", "told", "ranged"),
    [("md5", hashlib.md5(b"x" * (16 * MIB + 1)).hexdigest(), True), ('W/"v"', 'W/"v"', False), ("", "", False),
     ("bare", "bare", True)],
)  # fmt: skip
async def test_a_large_object_has_parts_under_a_strong_etag_only(
    urls: UrlStore, site: Site, etag: str, told: str, ranged: bool
) -> None:
    head = await urls.head(put(site, b"x" * (16 * MIB + 1), etag=etag))
    assert (head.info.etag, head.ranged, head.info.size) == (told, ranged, 16 * MIB + 1)


async def test_a_large_object_of_a_server_without_ranges_has_no_parts(urls: UrlStore, site: Site) -> None:
    assert not (await urls.head(put(site, b"x" * (16 * MIB + 1), ranges=False))).ranged


@pytest.mark.parametrize(
    ("name", "field"),
    [("Content-Type", "content_type"), ("Content-Encoding", "content_encoding"),
     ("Content-Disposition", "content_disposition"), ("Content-Language", "content_language"),
     ("Cache-Control", "cache_control"), ("Expires", "expires")],
)  # fmt: skip
async def test_content_headers_are_told(urls: UrlStore, site: Site, name: str, field: str) -> None:
    key = put(site, headers={name: "value of it"})
    assert getattr((await urls.head(key)).properties, field) == "value of it"
    assert getattr((await urls.read(key, GUARD)).head.properties, field) == "value of it"


@pytest.mark.parametrize(
    ("modified", "told"),
    [("Wed, 01 Jan 2020 00:00:00 GMT", 1_577_836_800_000), ("", -1), ("yesterday", -1), ("0", -1)],
)
async def test_the_time_is_told_or_unknown(urls: UrlStore, site: Site, modified: str, told: int) -> None:
    assert (await urls.head(put(site, modified=modified))).info.modified_ms == told


_MD5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()


@pytest.mark.parametrize(
    ("headers", "md5", "crc"),
    [
        ({"Content-MD5": _MD5}, ETAG, None),
        ({"x-goog-hash": f"crc32c=AAAAAA==,md5={_MD5}"}, ETAG, None),
        ({"x-goog-hash": "crc32c=AAAAAA=="}, "", None),
        ({"Content-MD5": "nonsense"}, "", None),
        ({"Content-MD5": "AAAA"}, "", None),
        ({"x-oss-hash-crc64ecma": str(crc64.xz(DATA))}, "", crc64.xz(DATA)),
        ({"x-cos-hash-crc64ecma": "12345"}, "", 12345),
        ({"x-oss-hash-crc64ecma": "-1"}, "", None),
        ({"x-oss-hash-crc64ecma": str(1 << 64)}, "", None),
    ],
)
async def test_digests_of_the_source_are_told(
    urls: UrlStore, site: Site, headers: dict[str, str], md5: str, crc: int | None
) -> None:
    key = put(site, headers=headers)
    for head in (await urls.head(key), (await urls.read(key, GUARD)).head):
        assert (head.md5.hex() if head.md5 else "", head.crc64) == (md5, crc)


async def test_the_digest_of_a_part_is_none_of_the_whole(urls: UrlStore, site: Site) -> None:
    answer = await urls.read(put(site, headers={"Content-MD5": _MD5}), GUARD, ByteRange(0, 9))
    assert answer.head.md5 is None


STATUSES: list[tuple[int, type[StoreError], Meaning]] = [
    *((status, NotFound, Meaning.NO_KEY) for status in (404, 410)),
    *((status, Denied, Meaning.ACCESS_DENIED) for status in (401, 403)),
    (412, Changed, Meaning.CHANGED),
    (416, Changed, Meaning.CHANGED),
    (429, Throttled, Meaning.THROTTLED),
    *((status, Unavailable, Meaning.UNAVAILABLE) for status in (408, 425, 500, 502, 503, 504)),
    *((status, Rejected, Meaning.REJECTED) for status in (204, 206 + 1, 300, 301, 304, 400, 406, 451)),
]


@pytest.mark.parametrize(("status", "kind", "meaning"), STATUSES)
async def test_a_status_says_what_to_do_next(
    urls: UrlStore, site: Site, status: int, kind: type[StoreError], meaning: Meaning
) -> None:
    key = put(site, status=status)
    for asked in (urls.head(key), urls.read(key, GUARD), urls.stream(key, GUARD)):
        with pytest.raises(kind) as caught:
            await asked
        assert (type(caught.value), caught.value.meaning) == (kind, meaning)


async def test_a_throttle_says_how_long(urls: UrlStore, site: Site) -> None:
    with pytest.raises(Throttled) as caught:
        await urls.head(put(site, status=429, headers={"Retry-After": "7"}))
    assert caught.value.retry_after == 7.0


# ---- names

TARGETS = """
/ /a//b //lead ///three /tail/ /a/../b /a/./b /.. /../../etc/passwd /%2e%2e/x /a%2Fb /a%2fb /a+b /a%20b /a%25b /%zz /%
/%E4%BD%A0%E5%A5%BD /caf%C3%A9 /%FF%FE /%00 /%0A%0D /a;p=1 /a=b@c:d,e /(a)!'*~$& /?q /? /a?x=1&y=%26 /a?x=a/b?c
/a?X-Amz-Signature=ab%2Bc%3D%3D&e=1 /a?redirect=http://127.0.0.1/ /CaSe /a.txt/ /a%3Fb /a%23b /[x]
"""


@pytest.mark.parametrize("target", TARGETS.split())
async def test_a_path_is_asked_as_it_stands(urls: UrlStore, site: Site, target: str) -> None:
    body = target.encode()
    key = put(site, body, target if target != "/?" else "/")
    if target == "/?":
        key += b"?"
    head = await urls.head(key)
    assert (await urls.read(key, Guard(head.info.etag, head.info.size))).data in (body, b"/")
    assert {visit.target for visit in site.visits} == {target if target != "/?" else "/"}


@pytest.mark.parametrize(
    ("written", "asked"),
    [("/a#part", "/a"), ("", "/"), ("?x=1", "/?x=1"), ("/a|b", "/a%7Cb"), ('/"<>^`{}', "/%22%3C%3E%5E%60%7B%7D"),
     ("/a\\b", "/a%5Cb")],
)  # fmt: skip
async def test_what_no_request_can_hold_is_encoded_or_left_out(
    urls: UrlStore, site: Site, written: str, asked: str
) -> None:
    put(site, b"x", asked)
    assert (await urls.head(f"{site.url}{written}".encode())).info.size == 1
    assert {visit.target for visit in site.visits} == {asked}


# ---- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["{url}/end", "/end", "end", "./end", "//127.0.0.1:{port}/end", "/end#x"]
)
async def test_a_redirect_is_followed(urls: UrlStore, site: Site, status: int, location: str) -> None:
    put(site, target="/end")
    key = put(site, status=status, location=location.format(url=site.url, port=site.port))
    assert (await urls.head(key)).info.size == len(DATA)
    assert (await urls.read(key, GUARD, ByteRange(7, 9))).data == DATA[7:16]
    assert await drained(await urls.stream(key, GUARD)) == DATA
    methods = [visit.method for visit in site.visits]
    assert methods == ["HEAD", "HEAD", "GET", "GET", "GET", "GET"]


@pytest.mark.parametrize(
    "location", ["", "http://", "http://a b/", "ftp://127.0.0.1/", "http://127.0.0.1:x/"]
)
async def test_a_redirect_to_nowhere_is_an_error_of_the_object(
    urls: UrlStore, site: Site, location: str
) -> None:
    key = put(site, status=302, location=location)
    for asked in (urls.head(key), urls.read(key, GUARD), urls.stream(key, GUARD)):
        with pytest.raises(Rejected):
            await asked


async def test_a_circle_of_redirects_ends(urls: UrlStore, site: Site) -> None:
    key = put(site, status=302, location="/b")
    put(site, target="/b", status=302, location="/a")
    with pytest.raises(Rejected):
        await urls.head(key)
    assert len(site.visits) == 6


# ---- manners


async def test_a_host_is_asked_a_few_things_at_once(urls: UrlStore, site: Site) -> None:
    keys = [put(site, b"x", f"/{number}", pause=0.05) for number in range(48)]
    await asyncio.gather(*(urls.head(key) for key in keys))
    assert 1 < site.most_at_once <= 16


async def test_a_connection_is_used_again_and_each_request_counted(
    urls: UrlStore, site: Site, meter: Counters
) -> None:
    key = put(site)
    for _ in range(5):
        await urls.read(key, GUARD)
    assert len({visit.client for visit in site.visits}) == 1
    assert await drained(await urls.stream(key, GUARD)) == DATA
    assert meter.requests("read", "URLSource") == 6


async def test_hosts_that_were_left_keep_no_connection(site: Site) -> None:
    named = parse_endpoints(f"- {{cloud_type: URLSource, region: '*', endpoint: '{site.url}'}}")
    put(site)
    async with Wire() as wire:
        hosts = Hosts(wire, kept=1)
        target, other = (
            named.target_at("URLSource", scheme, "127.0.0.1", site.port) for scheme in ("http", "https")
        )
        for _ in range(2):
            async with hosts.turn(target):
                await wire.send(WireRequest("GET", target, "/a", {}))
            # Only the last host is kept: the one before is forgotten.
            async with hosts.turn(other):
                pass
    assert len({visit.client for visit in site.visits}) == 2


async def test_urls_cannot_be_listed(urls: UrlStore) -> None:
    with pytest.raises(StoreError) as caught:
        await urls.list_page(b"", b"")
    assert caught.value.meaning is Meaning.ACCESS_DENIED
