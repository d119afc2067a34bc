"""The notifier: ends that somebody wants to hear of are told, at least once each and a bounded number of times.

How that goes never touches the task: only what the API shows as `smn_info`.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final, Protocol

from engine.notices import Language, letter
from ledger.notices import Due, Target
from ledger.notifications import Told
from workers.tasks.couriers import INTERNAL, NOT_ALLOWED, NOT_FOUND, Courier, NotDelivered

TURN_SECONDS: Final = 1.0
MOST_TRIES: Final = 10
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 600.0
# Below the minute for which a message is claimed, so that two notifiers rarely send the same one.
SEND_SECONDS: Final = 40.0

log = logging.getLogger(__name__)


class Messages(Protocol):
    """The messages of the ledger."""

    async def claim(self) -> Sequence[Due]: ...
    async def target(self, urn: str) -> Target | None: ...
    async def settle(self, due: Due, told: Told, *, again_seconds: float | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try went. `final`: it is the last one."""

    told: Told
    final: bool


class Notifier:
    """One per worker; they share the messages among them. `couriers` by the scheme of an address."""

    def __init__(self, messages: Messages, couriers: Mapping[str, Courier], zone: tzinfo = UTC) -> None:
        self._messages = messages
        self._couriers = couriers
        self._zone = zone

    async def turn(self) -> float:
        """Sends what is due; seconds until the next turn."""
        due = await self._messages.claim()
        await asyncio.gather(*(self._tell(one) for one in due))
        return TURN_SECONDS

    async def _tell(self, due: Due) -> None:
        outcome = await self._outcome(due)
        last = outcome.final or due.attempts >= MOST_TRIES
        again = None if last else pause(due.attempts)
        log.info(
            "notice_tried",
            extra={
                "key": due.key,
                "sent": outcome.told.sent,
                "code": outcome.told.code,
                "attempts": due.attempts,
            },
        )
        await self._messages.settle(due, outcome.told, again_seconds=again)

    async def _outcome(self, due: Due) -> Outcome:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._deliver(due)
        except NotDelivered as failure:
            return Outcome(Told(False, failure.code, due.wish.topic_urn), failure.final)
        except Exception:
            log.exception("notice_failed", extra={"key": due.key})
            return Outcome(Told(False, INTERNAL, due.wish.topic_urn), final=False)
        return Outcome(Told(True), final=True)

    async def _deliver(self, due: Due) -> None:
        target = await self._messages.target(due.wish.topic_urn)
        if target is None:
            raise NotDelivered(NOT_FOUND)
        if target.project_id != due.project_id:
            raise NotDelivered(NOT_ALLOWED)
        courier = self._couriers.get(target.address.partition(":")[0].lower())
        if courier is None:
            raise NotDelivered(INTERNAL, final=True)
        await courier.deliver(
            target.address, due, letter(due.notice, Language(due.wish.language), self._zone)
        )


def pause(attempts: int) -> float:
    """Seconds after the n-th failed try: doubling from two, at most ten minutes."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempts - 1))
