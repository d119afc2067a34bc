"""Keys arrive under exactly their own bytes (clouds.md A1) and none stops a listing."""

import unicodedata

import pytest

from connectors.capabilities import DestinationStore
from connectors.errors import Rejected, StoreError
from connectors.objects import ANY, Guard
from tests.conformance.harness import block, plain

AWKWARD = {
    "a/../b": b"a/../b",
    "a/./b": b"a/./b",
    "../x": b"../x",
    "dot-dot": b"..",
    "dot": b".",
    "/lead": b"/lead",
    "a//b": b"a//b",
    "//two": b"//two",
    "back-slash": b"back\\slash",
    "x01": b"\x01",
    "newline": b"\n",
    "tab": b"\t",
    "unicode": "uni-é中".encode(),
    "space-plus": b"sp ace+plus%41",
    "query": b"q?m#f",
    "tilde": b"tilde~!*'()",
    "end/": b"end/",
    "end/..": b"end/..",
    "percent-2F": b"percent%2Fslash",
    "plus": b"a+b",
    "emoji": "emoji-😀".encode(),
    "control": bytes(range(1, 32)) + b"\x7f",
    "1024-bytes": b"k" * 1024,
    "1024-bytes-nested": b"/".join([b"n" * 127] * 8),
    "xml": b"<a>&amp;\"']]>",
    "carriage-return": b"a\r\nb",
    "blank": b" lead and trail ",
    "crlf-header": b"x\r\nEvil: y",
}


@pytest.mark.parametrize("key", AWKWARD)
async def test_a_key_arrives_under_its_exact_bytes(connector: str, key: str, store: DestinationStore) -> None:
    raw = AWKWARD[key]
    written = await store.put(raw, block(b"content"), plain(), ANY)
    page = await store.list_page(b"", b"")
    assert [info.key for info in page.objects] == [raw]
    head = await store.head(raw)
    assert (head.info.key, head.info.size, head.info.etag) == (raw, 7, written.etag)
    answer = await store.read(raw, Guard(page.objects[0].etag, 7))
    assert answer.data == b"content"
    await store.delete(raw)
    assert (await store.list_page(b"", b"")).objects == ()


TWINS = {
    "normal-forms": ("é", unicodedata.normalize("NFD", "é")),
    "cases": ("Key", "kEY"),
    "encoded": ("a/b", "a%2Fb"),
    "plus-blank": ("a+b", "a b"),
    "dots": ("b", "a/../b"),
    "slashes": ("a/b", "a//b"),
    "object-and-folder": ("a", "a/"),
}


@pytest.mark.parametrize("twins", TWINS)
async def test_twins_stay_two_objects(connector: str, twins: str, store: DestinationStore) -> None:
    keys = [name.encode() for name in TWINS[twins]]
    for key in keys:
        await store.put(key, block(b"content of " + key), plain(), ANY)
    for key in keys:
        size = len(b"content of " + key)
        head = await store.head(key)
        assert (await store.read(key, Guard(head.info.etag, size))).data == b"content of " + key
    page = await store.list_page(b"", b"")
    assert [info.key for info in page.objects] == sorted(keys)


async def test_a_key_over_1024_bytes_is_rejected(connector: str, store: DestinationStore) -> None:
    with pytest.raises(StoreError) as caught:
        await store.put(b"k" * 1025, block(b"x"), plain(), ANY)
    assert isinstance(caught.value, Rejected)
    assert (await store.list_page(b"", b"")).objects == ()
