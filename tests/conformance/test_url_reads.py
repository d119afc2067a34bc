"""URLs as a source: guarded reads and streams are exact, whole and of one version, or they fail (clouds.md B11)."""

import gzip

import pytest

from connectors.errors import (
    Changed,
    Corrupted,
    Unavailable,
)
from connectors.objects import ByteRange, Guard
from connectors.url import UrlStore
from engine.failures import Meaning
from tests.conformance.pages import DATA, ETAG, GUARD, MIB, PARTS, drained, put
from tests.website import Page, Site


@pytest.mark.parametrize("part", PARTS)
async def test_a_read_is_exact(urls: UrlStore, site: Site, part: ByteRange | None) -> None:
    answer = await urls.read(put(site), GUARD, part)
    assert answer.data == (DATA if part is None else DATA[part.start : part.last + 1])


@pytest.mark.parametrize("size", [0, 1, MIB + 1])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_a_whole_object_is_exact_however_it_is_framed(
    urls: UrlStore, site: Site, framing: str, size: int
) -> None:
    body = (DATA * (size // len(DATA) + 1))[:size]
    assert (await urls.read(put(site, body, framing=framing, etag=""), Guard("", size))).data == body


@pytest.mark.parametrize("part", [None, ByteRange(100, 2000)])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_a_cut_body_is_never_good(
    urls: UrlStore, site: Site, framing: str, part: ByteRange | None
) -> None:
    key = put(site, framing=framing, cut=50, times=1)
    with pytest.raises(Corrupted) as caught:
        await urls.read(key, GUARD, part)
    assert caught.value.meaning is Meaning.CUT_SHORT
    assert len((await urls.read(key, GUARD, part)).data) == (part.length if part else len(DATA))


@pytest.mark.parametrize("claim", [0, 1, 5119, 5121, 100_000])
async def test_another_length_than_was_told_is_another_version_or_cut(
    urls: UrlStore, site: Site, claim: int
) -> None:
    with pytest.raises((Changed, Corrupted)):
        await urls.read(put(site, claim=claim), GUARD)


@pytest.mark.parametrize("claim", ["", "-5", "5120, 5119", "many", "99999999999999999999"])
async def test_a_length_that_is_none_is_no_answer(urls: UrlStore, site: Site, claim: str) -> None:
    key = put(site, says={"Content-Length": claim or "x"})
    with pytest.raises(Corrupted):
        await urls.read(key, GUARD)


@pytest.mark.parametrize("part", [None, ByteRange(100, 2000)])
@pytest.mark.parametrize("conditions", [True, False])
@pytest.mark.parametrize("etag", ["md5", 'W/"{}"'])
async def test_another_version_is_changed(
    urls: UrlStore, site: Site, etag: str, conditions: bool, part: ByteRange | None
) -> None:
    listed = ETAG if etag == "md5" else etag.format(1)
    key = put(site, DATA[::-1], etag=etag.format(2), conditions=conditions)
    with pytest.raises(Changed):
        await urls.read(key, Guard(listed, len(DATA)), part)


@pytest.mark.parametrize("part", [None, ByteRange(0, 10)])
@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 1_000_000])
async def test_another_size_is_changed(urls: UrlStore, site: Site, size: int, part: ByteRange | None) -> None:
    with pytest.raises(Changed):
        await urls.read(put(site, etag=""), Guard("", size), part)


async def test_an_object_that_grew_is_changed(urls: UrlStore, site: Site) -> None:
    with pytest.raises(Changed):
        await urls.read(put(site, b"x" * MIB, etag=""), Guard("", 100))


async def test_an_ignored_range_is_no_part(urls: UrlStore, site: Site) -> None:
    with pytest.raises(Corrupted):
        await urls.read(put(site, ranges=False), GUARD, ByteRange(100, 2000))


@pytest.mark.parametrize(
    "told",
    ["bytes 101-2100/5120", "bytes 100-2099/*", "bytes 100-2098/5120", "bytes=100-2099/5120", "nonsense", ""],
)
async def test_a_wrong_content_range_is_no_part(urls: UrlStore, site: Site, told: str) -> None:
    with pytest.raises(Corrupted):
        await urls.read(put(site, says={"Content-Range": told}), GUARD, ByteRange(100, 2000))


async def test_another_total_is_another_version(urls: UrlStore, site: Site) -> None:
    with pytest.raises(Changed):
        await urls.read(put(site, says={"Content-Range": "bytes 100-2099/5121"}), GUARD, ByteRange(100, 2000))


async def test_stored_bytes_stay_as_they_are(urls: UrlStore, site: Site) -> None:
    packed = gzip.compress(DATA)
    key = put(site, packed, headers={"Content-Encoding": "gzip"})
    head = await urls.head(key)
    answer = await urls.read(key, Guard(head.info.etag, len(packed)))
    assert (answer.data, answer.head.properties.content_encoding) == (packed, "gzip")
    assert {visit.headers["accept-encoding"] for visit in site.visits} == {"identity"}


async def test_no_request_carries_a_secret_or_a_session(urls: UrlStore, site: Site) -> None:
    key = put(site, headers={"Set-Cookie": "session=1"})
    await urls.head(key)
    await urls.read(key, GUARD)
    assert {name for visit in site.visits for name in visit.headers} == {
        "host",
        "if-match",
        "accept-encoding",
    }


@pytest.mark.parametrize("size", [0, 1, 5120, MIB + 1])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("known", [True, False])
async def test_a_stream_is_whole(urls: UrlStore, site: Site, known: bool, framing: str, size: int) -> None:
    body = (DATA * (size // len(DATA) + 1))[:size]
    stream = await urls.stream(put(site, body, framing=framing), Guard("", size if known else -1))
    assert (stream.start, stream.framed) == (0, known or framing != "close")
    assert await drained(stream) == body


@pytest.mark.parametrize(("framing", "known"), [("length", False), ("length", True), ("chunked", False),
                                                ("chunked", True), ("close", True)])  # fmt: skip
@pytest.mark.parametrize("cut", [0, 1, 4000])
async def test_a_cut_stream_is_never_an_end(
    urls: UrlStore, site: Site, cut: int, framing: str, known: bool
) -> None:
    key = put(site, framing=framing, cut=cut)
    with pytest.raises((Corrupted, Unavailable)):
        await drained(await urls.stream(key, Guard(ETAG, len(DATA) if known else -1)))


@pytest.mark.parametrize("start", [1, 100, 5119])
async def test_a_stream_goes_on_in_its_version(urls: UrlStore, site: Site, start: int) -> None:
    stream = await urls.stream(put(site), Guard(ETAG, -1), start)
    assert (stream.start, await drained(stream)) == (start, DATA[start:])
    assert site.visits[-1].headers["if-range"] == f'"{ETAG}"'


async def test_a_stream_that_cannot_go_on_begins_anew(urls: UrlStore, site: Site) -> None:
    stream = await urls.stream(put(site, ranges=False), Guard(ETAG, -1), 100)
    assert (stream.start, await drained(stream)) == (0, DATA)


@pytest.mark.parametrize("etag", ["", 'W/"v"'])
async def test_without_a_strong_etag_a_stream_begins_anew(urls: UrlStore, site: Site, etag: str) -> None:
    stream = await urls.stream(put(site, etag=etag), Guard(etag, -1), 100)
    assert (stream.start, await drained(stream)) == (0, DATA)
    assert "range" not in site.visits[-1].headers


@pytest.mark.parametrize("start", [0, 100])
@pytest.mark.parametrize("conditions", [True, False])
async def test_a_stream_of_another_version_is_changed(
    urls: UrlStore, site: Site, conditions: bool, start: int
) -> None:
    key = put(site, DATA[::-1], conditions=conditions)
    with pytest.raises(Changed):
        await urls.stream(key, GUARD, start)


@pytest.mark.parametrize("told", ["bytes 99-5119/5120", "bytes 100-5118/5120", "nonsense"])
async def test_a_stream_that_goes_on_elsewhere_is_refused(urls: UrlStore, site: Site, told: str) -> None:
    with pytest.raises(Corrupted):
        await urls.stream(put(site, says={"Content-Range": told}), Guard(ETAG, -1), 100)


async def test_a_stream_that_is_longer_than_it_said_is_refused(urls: UrlStore, site: Site) -> None:
    key = put(site, framing="chunked", etag="")
    with pytest.raises(Corrupted):
        await drained(await urls.stream(key, Guard("", 5000)))


async def test_a_change_between_two_parts_is_never_a_mixture(urls: UrlStore, site: Site) -> None:
    key = put(site)
    await urls.read(key, GUARD, ByteRange(0, 100))
    site.pages["/a"] = Page(DATA[::-1])
    with pytest.raises(Changed):
        await urls.read(key, GUARD, ByteRange(100, 100))
