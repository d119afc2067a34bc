"""What the destination has at the keys of a source page, from its listing as far as that pays (design 3.9)."""

from collections.abc import Sequence

from connectors.objects import ObjectInfo
from engine.keys import destination_key
from engine.march import DestinationWindow, Sight, Unseen
from engine.selection import just_after
from engine.spec import OverwriteMode
from workers.transfer.context import TaskContext

PAGE = 1000


class DestinationListing:
    """The destination's side of one range, read only where source keys are."""

    def __init__(self, context: TaskContext, prefix: bytes) -> None:
        spec, traits = context.facts.spec, context.pair.destination.traits
        self._context = context
        self._prefix = destination_key(spec.destination.save_prefix, prefix)
        self._useful = (
            spec.overwrite is not OverwriteMode.FULL_OVERWRITE and traits.ordered and traits.start_after
        )
        self._window: DestinationWindow[ObjectInfo] = DestinationWindow.opened(self._prefix)

    async def look(self, keys: Sequence[bytes], after: bytes) -> list[Sight[ObjectInfo]]:
        """A sight for each of `keys` (sorted destination keys, all above `after`).

        Keys are left Unseen when a whole page of the destination ends below the next of them: there HEADs are cheaper.
        """
        sights: list[Sight[ObjectInfo]] = []
        while self._useful and len(sights) < len(keys):
            wanted = keys[len(sights)]
            if not await self._reach(wanted, after):
                break
            sights += self._window.looks(keys[len(sights) :])
            after = keys[len(sights) - 1]
        return sights + [Unseen()] * (len(keys) - len(sights))

    async def _reach(self, wanted: bytes, after: bytes) -> bool:
        if self._window.covers(wanted):
            return True
        if after > self._prefix:
            self._window = self._window.moved_to(just_after(after))
        start = self._window.after(self._prefix)
        context = self._context
        page = await context.destination(
            lambda: context.pair.destination.list_page(self._prefix, start, PAGE)
        )
        self._window = self._window.extended([one.key for one in page.objects], page.objects, page.after)
        return self._window.covers(wanted)
