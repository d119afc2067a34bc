"""Listings in the order of the store: found whole, in byte order, and no trap in their pages is an end."""

import json
from typing import Any, cast

import pytest

from connectors.errors import Corrupted
from connectors.qingstor.listing import QingPages
from connectors.s3.channel import Ask, Channel
from connectors.s3.dialects import QINGSTOR
from connectors.s3.listing import RawPage, Wanted
from connectors.s3.walking import smallest, walk_page
from connectors.wire import WireAnswer
from engine.failures import Meaning

FORM = QingPages()


def _page(*keys: str, following: str = "", folders: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    entries = [{"key": key, "size": 1, "modified": 1_700_000_000, "etag": '"e"'} for key in keys]
    page = {"keys": entries, "has_more": bool(following), "next_marker": following}
    return page | {"common_prefixes": list(folders)} | more


def _channel(pages: dict[bytes, dict[str, Any]]) -> Channel:
    class Scripted:
        dialect = QINGSTOR

        async def call(self, ask: Ask) -> WireAnswer:
            marker = cast(bytes, dict(ask.query).get("marker", b""))
            return WireAnswer(200, {}, json.dumps(pages[marker]).encode())

    return cast(Channel, Scripted())


async def _smallest(pages: dict[bytes, dict[str, Any]], wanted: Wanted) -> RawPage:
    return await smallest(_channel(pages), wanted, FORM)


WALK = {
    b"": _page("q", "b", following="1"),
    b"1": _page(following="2"),
    b"2": _page("a", "z", "b", following="3", folders=("m/",)),
    b"3": _page("ä", folders=("c/", "m/")),
}
NAMES = sorted([b"a", b"b", b"c/", b"m/", b"q", b"z", "ä".encode()])


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
@pytest.mark.parametrize("after", [b"", b"a", b"bb", b"m/", b"z", b"\xff"])
async def test_a_page_holds_the_first_names_after_any_name(after: bytes, limit: int) -> None:
    page = await _smallest(WALK, Wanted(b"", after, limit, "/"))
    behind = [name for name in NAMES if name > after]
    assert sorted([*page.folders, *(info.key for info in page.objects)]) == behind[:limit]
    assert page.truncated is (len(behind) > limit)
    if page.truncated:
        assert page.last() == behind[limit - 1]


TRAPS = {
    "in circles": {
        b"": _page("a", following="1"),
        b"1": _page("b", following="2"),
        b"2": _page(following="1"),
    },
    "on the spot": {b"": _page("a", following="1"), b"1": _page("b", following="1")},
    "no way on": {b"": _page("a") | {"has_more": True}},
    "no flag": {b"": {"keys": [], "next_marker": ""}},
    "another prefix": {b"": _page("x")},
    "no key": {b"": _page("")},
    "no size": {b"": _page() | {"keys": [{"key": "p"}]}},
    "a folder unasked for": {b"": _page(folders=("p/",))},
}


@pytest.mark.parametrize("trap", TRAPS)
async def test_a_trap_is_an_error_and_never_the_end(trap: str) -> None:
    prefix = b"" if trap in {"in circles", "on the spot", "no way on"} else b"p"
    with pytest.raises(Corrupted) as caught:
        await _smallest(TRAPS[trap], Wanted(prefix, b"", 1000))
    assert caught.value.meaning is Meaning.BROKEN_LISTING


async def test_a_walked_page_is_as_the_store_has_it() -> None:
    channel = _channel(WALK)
    page = await walk_page(channel, b"", b"", FORM)
    assert ([info.key for info in page.objects], page.marker) == ([b"q", b"b"], b"1")
    assert [info.modified_ms for info in page.objects] == [1_700_000_000_000] * 2
