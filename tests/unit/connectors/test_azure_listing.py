"""A container comes in byte order whatever the store sorts by, and no name is lost on the way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.azure.listing import Listing
from connectors.azure.pages import utf16
from connectors.errors import Corrupted
from connectors.s3.channel import Ask
from connectors.s3.dialects import AZURE
from connectors.s3.listing import Wanted
from connectors.wire import WireAnswer
from engine.failures import Meaning

# Letters that sort differently in the two orders, beside plain ones, and one that XML cannot hold.
NAMES = st.sets(st.text("ab-/é\ud7ff\ue000\uffe5😀𠮷\x01", min_size=1, max_size=4), max_size=30).map(
    lambda names: {name.encode() for name in names}
)
Order = Callable[[bytes], bytes]


def _by_directory(name: bytes) -> bytes:
    return name.replace(b"/", b"\0")


ORDERS: dict[str, Order] = {
    "utf-8": bytes,
    "16-bit": utf16,
    "tree": _by_directory,
    "tree in 16-bit": lambda name: utf16(_by_directory(name)),
}
TREES = {name for name in ORDERS if "tree" in name}


@dataclass
class Container:
    """A store's side of a listing: pages of a chosen order, whose markers are positions."""

    names: set[bytes]
    order: Order
    empty_pages: bool = False
    tree: bool = False
    dialect = AZURE
    asked: list[str] = field(default_factory=list)

    async def call(self, ask: Ask) -> WireAnswer:
        query = dict(ask.query)
        marker, prefix = str(query.get("marker", "0.0")), query.get("prefix", b"")
        assert isinstance(prefix, bytes)
        self.asked.append(marker)
        at, turn = map(int, marker.split("."))
        found = self._level(prefix, str(query.get("delimiter", "")))
        if self.empty_pages and not turn:
            return self._page([], f"{at}.1")
        end = at + int(str(query["maxresults"]))
        return self._page(found[at:end], f"{end}.0" if end < len(found) else "")

    def _level(self, prefix: bytes, delimiter: str) -> list[tuple[bytes, bool]]:
        found = set()
        for name in self.names:
            if not name.startswith(prefix):
                continue
            head, mark, _ = (
                name[len(prefix) :].partition(delimiter.encode()) if delimiter else (name, b"", b"")
            )
            found.add((prefix + head + mark, True) if mark else (name, False))
        return sorted(found, key=lambda one: self.order(one[0]))

    def _page(self, entries: list[tuple[bytes, bool]], marker: str) -> WireAnswer:
        kind = "<ResourceType>file</ResourceType>" if self.tree else ""
        blobs = "".join(_element(name, kind, is_folder=is_folder) for name, is_folder in entries)
        body = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        return WireAnswer(200, {}, body.encode())


def _element(name: bytes, kind: str, *, is_folder: bool) -> str:
    text = name.decode()
    shown = f"<Name>{escape(text)}</Name>"
    if "\x01" in text:
        shown = f'<Name Encoded="true">{quote(text, safe="")}</Name>'
    if is_folder:
        return f"<BlobPrefix>{shown}<Properties>{kind}</Properties></BlobPrefix>"
    told = (
        "<Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified><Etag>0x8D</Etag>"
        f"<Content-Length>{len(name)}</Content-Length><AccessTier>Hot</AccessTier>{kind}"
    )
    return f"<Blob>{shown}<Properties>{told}</Properties></Blob>"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def _all(
    container: Container,
    limit: int,
    *,
    prefix: bytes = b"",
    delimiter: str = "",
    forgets: int = 0,
    ages: int = 0,
) -> list[bytes]:
    """The whole listing; every `forgets`th page is asked by a process that knows nothing, every `ages`th late."""
    clock, after, found, count = Clock(), b"", list[bytes](), 0
    listing = Listing(container, clock)  # type: ignore[arg-type]  # it only calls
    while True:
        count += 1
        if forgets and not count % forgets:
            listing = Listing(container, clock)  # type: ignore[arg-type]  # it only calls
        if ages and not count % ages:
            clock.now += 3600
        page = await listing.fetch(Wanted(prefix, after, limit, delimiter))
        names = sorted([*(info.key for info in page.objects), *page.folders])
        assert len(names) <= limit
        assert not names or names[0] > after
        found += names
        if not page.truncated:
            return found
        after = page.last()


@pytest.mark.parametrize("limit", range(1, 8))
@pytest.mark.parametrize("order", ORDERS)
async def test_a_directory_and_its_siblings_on_two_pages_are_one_group(order: str, limit: int) -> None:
    names = {name.encode() for name in ("\x01", "-", "a", "aa", "aaa", "b", "\ue000-", "\ue000/", "😀")}
    assert await _all(Container(names, ORDERS[order], tree=order in TREES), limit) == sorted(names)


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=150, deadline=None)
@given(
    names=NAMES,
    limit=st.integers(1, 7),
    forgets=st.sampled_from([0, 1, 2, 3]),
    ages=st.sampled_from([0, 1, 2]),
    empty_pages=st.booleans(),
)
async def test_every_name_comes_once_and_in_byte_order(
    order: str, names: set[bytes], limit: int, forgets: int, ages: int, empty_pages: bool
) -> None:
    container = Container(names, ORDERS[order], empty_pages, order in TREES)
    assert await _all(container, limit, forgets=forgets, ages=ages) == sorted(names)


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=80, deadline=None)
@given(
    names=NAMES,
    limit=st.integers(1, 7),
    forgets=st.sampled_from([0, 1, 2]),
    prefix=st.sampled_from([b"", b"a", b"a/", "😀".encode()]),
)
async def test_a_level_is_whole_in_either_order(
    order: str, names: set[bytes], limit: int, forgets: int, prefix: bytes
) -> None:
    below = [name[len(prefix) :].partition(b"/") for name in names if name.startswith(prefix)]
    wanted = sorted({prefix + head + mark for head, mark, _ in below})
    container = Container(names, ORDERS[order], tree=order in TREES)
    assert await _all(container, limit, prefix=prefix, delimiter="/", forgets=forgets) == wanted


async def test_a_listing_that_goes_on_costs_one_request_a_page() -> None:
    container = Container({b"%03d" % number for number in range(100)}, bytes)
    assert len(await _all(container, 10)) == 100
    assert len(container.asked) == len(set(container.asked)) == 10


async def test_a_page_that_is_asked_again_is_the_same_page() -> None:
    container = Container({b"%03d" % number for number in range(30)}, bytes)
    listing = Listing(container, Clock())  # type: ignore[arg-type]  # it only calls
    first = await listing.fetch(Wanted(b"", b"", 10))
    pages = [await listing.fetch(Wanted(b"", first.last(), 10)) for _ in range(3)]
    assert pages[0] == pages[1] == pages[2]
    assert len(container.asked) == 4


@dataclass
class Scripted:
    """Answers with the pages of a script, whatever is asked."""

    pages: list[tuple[list[bytes], str]]
    dialect = AZURE

    async def call(self, ask: Ask) -> WireAnswer:
        names, marker = self.pages.pop(0)
        return Container(set(), bytes)._page([(name, False) for name in names], marker)


@pytest.mark.parametrize(
    "pages",
    [
        [([b"b", b"a"], "")],
        [([b"b"], "x"), ([b"a"], "")],
        [([b"a", b"b"], "x"), ([b"b", b"c"], "")],
        [([b"a", b"a/b"], "x"), ([b"a-b"], "")],
        [([], "x"), ([], "x")],
        [([], "x"), ([], "y"), ([], "x")],
        [(["\ue000".encode(), "😀".encode(), "\uffe5".encode()], "")],
    ],
    ids=["page", "pages", "overlap", "a tree that says so nowhere", "same marker", "circle", "neither order"],
)
async def test_a_listing_that_is_in_neither_order_or_stands_still_is_broken(
    pages: list[tuple[list[bytes], str]],
) -> None:
    with pytest.raises(Corrupted) as caught:
        await _two_pages(Listing(Scripted(pages), Clock()))  # type: ignore[arg-type]  # it only calls
    assert caught.value.meaning is Meaning.BROKEN_LISTING


async def _two_pages(listing: Listing) -> None:
    page = await listing.fetch(Wanted(b"", b"", 2))
    await listing.fetch(Wanted(b"", page.last(), 2))
