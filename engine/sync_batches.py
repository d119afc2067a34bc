"""From events to a batch: which keys are copied next, and which requests that answers (oms-behaviour 6.1)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from engine.sync_time import bucket_of

MOST_KEYS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Event:
    """An accepted call with the keys that no batch has taken yet."""

    id: int
    accepted_ms: int
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one look at the waiting events decides.

    `keys`: to be copied, each once. `rest`: what changed events keep, by id; empty: the event is done with.
    `requested`: answered requests by five-minute bucket. `coalesced`: how many of them an equal waiting key answers.
    """

    keys: tuple[bytes, ...]
    rest: Mapping[int, tuple[bytes, ...]]
    requested: Mapping[int, int]
    coalesced: int


def event_key(encoded: str) -> bytes:
    """An object's key as an event names it: percent-decoded, `+` stays `+` (oms-behaviour 6.1)."""
    return unquote_to_bytes(encoded)


def gather(events: Iterable[Event], in_flight: Set[bytes], most: int = MOST_KEYS) -> Batch:
    """The next batch from the oldest events on.

    A key that is being copied waits until that copy has ended: its object may have changed since the copy began, and
    two copies at once could leave the older one. Of equal waiting keys one is kept; it answers for the others.
    """
    gathering = _Gathering(in_flight, most)
    for event in events:
        gathering.take(event)
        if len(gathering.keys) >= most:
            break
    return gathering.batch()


class _Gathering:
    def __init__(self, in_flight: Set[bytes], most: int) -> None:
        self.keys: dict[bytes, None] = {}
        self._in_flight = in_flight
        self._most = most
        self._waiting: set[bytes] = set()
        self._rest: dict[int, tuple[bytes, ...]] = {}
        self._requested: Counter[int] = Counter()
        self._coalesced = 0

    def take(self, event: Event) -> None:
        """Deals with the keys of one event."""
        kept = tuple(key for key in event.keys if self._waits(key))
        if len(kept) < len(event.keys):
            self._rest[event.id] = kept
            self._requested[bucket_of(event.accepted_ms)] += len(event.keys) - len(kept)

    def _waits(self, key: bytes) -> bool:
        if key in self.keys or key in self._waiting:
            self._coalesced += 1
            return False
        if key in self._in_flight or len(self.keys) >= self._most:
            self._waiting.add(key)
            return True
        self.keys[key] = None
        return False

    def batch(self) -> Batch:
        """What has come together."""
        return Batch(tuple(self.keys), self._rest, dict(self._requested), self._coalesced)


def total_bytes(keys: Sequence[bytes]) -> int:
    """How much the keys themselves hold."""
    return sum(map(len, keys))
