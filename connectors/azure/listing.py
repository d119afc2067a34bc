"""A container in byte order. The store names its way on by markers only, so where each page ended is remembered.

Most names have one order, whether the store sorts UTF-8 or 16-bit units, and in accounts with a hierarchical namespace
those without a slash. Where another order may begin (`group.common_part`), all names with the same beginning are
collected and sorted before one is handed out.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from connectors.azure import pages
from connectors.azure.group import Group, common_part
from connectors.azure.pages import Edge, Entry
from connectors.s3.channel import Channel
from connectors.s3.errors import broken
from connectors.s3.listing import RawPage, Wanted
from engine.failures import Operation

# Empty pages that are followed before the listing is called broken: the store skips what was deleted with them.
_MOST_EMPTY = 10_000
_REMEMBERED = 32
_FRESH_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a listing: what was read and not handed out, and the marker after it (None: at the end).

    `origin` is the marker and the end of the page before of the place from where this can be read again at `read_at`.
    """

    marker: str | None = ""
    edge: Edge | None = None
    waiting: tuple[Entry, ...] = ()
    group: Group | None = None
    origin: tuple[str, Edge | None] = ("", None)
    read_at: float = 0.0
    tree: bool = False

    def common(self, entry: Entry, prefix: bytes) -> bytes | None:
        """See `group.common_part`."""
        return common_part(entry.name, prefix, tree=self.tree)


class Listing:
    """Pages of one container; a page that follows one that was handed out costs one request."""

    def __init__(self, channel: Channel, clock: Callable[[], float]) -> None:
        self._channel = channel
        self._clock = clock
        self._spots = OrderedDict[tuple[bytes, str, bytes], Spot]()

    async def fetch(self, wanted: Wanted) -> RawPage:
        """What follows `wanted.after`; a listing that is taken up where none ended is read from its beginning."""
        spot, found = self._spot(wanted), list[Entry]()
        while not found and not _ended(spot):
            spot, found = await self._step(wanted, spot)
        if found:
            self._remember((wanted.prefix, wanted.delimiter, found[-1].name), spot)
        return RawPage(
            objects=tuple(entry.info for entry in found if entry.info is not None),
            folders=tuple(entry.name for entry in found if entry.info is None),
            truncated=bool(found) and not _ended(spot),
        )

    def _spot(self, wanted: Wanted) -> Spot:
        if not wanted.after:
            return Spot()
        found = self._spots.get((wanted.prefix, wanted.delimiter, wanted.after), Spot())
        held = found.waiting or found.group
        if held and self._clock() - found.read_at > _FRESH_SECONDS:
            return Spot(*found.origin, origin=found.origin, tree=found.tree)
        return found

    def _remember(self, place: tuple[bytes, str, bytes], spot: Spot) -> None:
        self._spots[place] = spot
        self._spots.move_to_end(place)
        if len(self._spots) > _REMEMBERED:
            self._spots.popitem(last=False)

    async def _step(self, wanted: Wanted, spot: Spot) -> tuple[Spot, list[Entry]]:
        """One source of entries: what is sorted, what waits, or the next page."""
        if spot.group is not None:
            found = await spot.group.read(wanted.after, wanted.limit + 1)
            more = len(found) > wanted.limit
            return (spot if more else replace(spot, group=None)), found[: wanted.limit]
        if not spot.waiting:
            return await self._next(wanted, spot), []
        common = spot.common(spot.waiting[0], wanted.prefix)
        if common is not None:
            return await self._gathered(wanted, spot, common), []
        plain = next(
            (at for at, one in enumerate(spot.waiting) if spot.common(one, wanted.prefix) is not None), None
        )
        run = [one for one in spot.waiting[:plain] if one.name > wanted.after]
        taken, left = run[: wanted.limit], run[wanted.limit :]
        rest = () if plain is None else spot.waiting[plain:]
        return replace(spot, waiting=(*left, *rest)), taken

    async def _gathered(self, wanted: Wanted, spot: Spot, common: bytes) -> Spot:
        """The spot with all names below `common` sorted."""
        group, origin = Group(), spot.origin
        while True:
            # The store has them side by side; a page that we have sorted may have others between them.
            await group.add(one for one in spot.waiting if one.name.startswith(common))
            others = tuple(one for one in spot.waiting if not one.name.startswith(common))
            if others:
                return replace(spot, waiting=others, group=group, origin=origin)
            spot = replace(spot, waiting=())
            if spot.marker is None:
                return replace(spot, group=group, origin=origin)
            spot = await self._next(wanted, spot)

    async def _next(self, wanted: Wanted, spot: Spot) -> Spot:
        """The spot with the next page that holds something waiting; at the end with nothing."""
        marker, seen = spot.marker or "", {spot.marker}
        for _ in range(_MOST_EMPTY):
            answer = await self._channel.call(pages.ask(wanted, marker))
            try:
                page = pages.parse(answer.document, self._channel.dialect, wanted)
            except (ValueError, TypeError) as error:
                raise broken(Operation.LIST, answer, str(error)[:200]) from error
            if page.marker and page.marker in seen:
                raise broken(Operation.LIST, answer, "the listing repeats its marker")
            if page.entries and spot.edge is not None and not page.follows(spot.edge):
                raise broken(Operation.LIST, answer, "a page does not follow the one before")
            if page.entries or not page.marker:
                edge = page.edge() if page.entries else spot.edge
                origin = (marker, spot.edge)
                tree = spot.tree or page.tree
                return Spot(page.marker or None, edge, page.entries, None, origin, self._clock(), tree)
            seen.add(page.marker)
            marker = page.marker
        raise broken(Operation.LIST, answer, "the listing does not advance")


def _ended(spot: Spot) -> bool:
    return spot.marker is None and not spot.waiting and spot.group is None
