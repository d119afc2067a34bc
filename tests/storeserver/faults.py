"""Fault scripts: which requests go wrong, and how.

A fault matches by operation, bucket and key, and acts on up to `times` requests after `after` matching
ones, each with `probability`. The first fault that acts wins; one fault may act in several ways at once.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from tests.storeserver.message import Request

_ids = itertools.count(1)


@dataclass(slots=True)
class Fault:
    """One entry of a fault script; byte counts are of the body, times in the named unit.

    Match: `op` (several by `|`; "" = any), `bucket`, `key` (glob over the key as UTF-8 text), `prefix`.
    Refuse: `status` with `code`, `retry_after`, `elements` of the XML; `drop` ends the connection unanswered.
    Time: `delay_ms` before the work, `stall_after` bytes for `stall` seconds (None: always), `rate` bytes/s.
    Upload: `reset_in` after that many bytes received, `rate_in` bytes/s taken.
    Answer: `headers` to add, `lost_answer` after the work, `reset_out` after bytes sent, `truncate` to bytes
    with `framing` (length, chunked = no end mark, ended = chunked with end mark, close = until the connection
    ends), `flip` the byte at an offset, `gzip`, `ignore_range`, `content_range`, `etag`, `no_etag`,
    `length_less` (bytes that Content-Length claims too few), `mutate_after` bytes (the object gets other
    contents; `mixed` sends them on), `complete_error` code in a 200.
    List: `page` (repeat, no_token, same_token, empty, unordered, duplicate), `xml` (broken, doctype, empty).
    Idle: `close_idle` ends the connection after the answer without saying so before.
    """

    op: str = ""
    bucket: str = ""
    key: str = "*"
    prefix: str = ""
    probability: float = 1.0
    after: int = 0
    times: int | None = None
    status: int = 0
    code: str = ""
    retry_after: int | None = None
    elements: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    delay_ms: float = 0
    stall_after: int = -1
    stall: float | None = None
    rate: float = 0
    reset_in: int = -1
    rate_in: float = 0
    lost_answer: bool = False
    reset_out: int = -1
    truncate: int = -1
    framing: str = "length"
    flip: int = -1
    gzip: bool = False
    ignore_range: bool = False
    content_range: str = ""
    etag: str = ""
    no_etag: bool = False
    length_less: int = 0
    mutate_after: int = -1
    mixed: bool = False
    complete_error: str = ""
    page: str = ""
    xml: str = ""
    close_idle: bool = False
    seen: int = 0
    acted: int = 0
    id: int = 0

    def matches(self, request: Request) -> bool:
        """Whether the request is of the kind that this fault is for."""
        if self.op and request.op not in self.op.split("|"):
            return False
        if self.bucket and request.bucket != self.bucket:
            return False
        key = request.key.decode("utf-8", "surrogateescape")
        return key.startswith(self.prefix) and (self.key == "*" or fnmatchcase(key, self.key))


_NAMES = {f.name for f in fields(Fault)} - {"seen", "acted", "id"}
_FRAMINGS = {"length", "chunked", "ended", "close"}
_PAGES = {"", "repeat", "no_token", "same_token", "empty", "unordered", "duplicate"}
_XML = {"", "broken", "doctype", "empty"}


class Faults:
    """The fault script of a server."""

    def __init__(self, seed: int = 0) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(seed)

    def add(self, **what: Any) -> Fault:
        """Append a fault; raises ValueError for a name or choice that is not known."""
        unknown = what.keys() - _NAMES
        if unknown:
            raise ValueError(f"unknown in a fault: {', '.join(sorted(unknown))}")
        fault = Fault(**what, id=next(_ids))
        if fault.framing not in _FRAMINGS or fault.page not in _PAGES or fault.xml not in _XML:
            raise ValueError("unknown framing, page or xml in a fault")
        self._faults.append(fault)
        return fault

    def remove(self, fault_id: int) -> None:
        """Take one fault out of the script."""
        self._faults = [f for f in self._faults if f.id != fault_id]

    def clear(self) -> None:
        """Empty the script."""
        self._faults = []

    def all(self) -> list[dict[str, Any]]:
        """The script with how often each fault saw a match and acted."""
        return [asdict(f) for f in self._faults]

    def pick(self, request: Request) -> Fault | None:
        """The fault that acts on this request; counts it."""
        for fault in self._faults:
            if not fault.matches(request):
                continue
            fault.seen += 1
            used_up = fault.times is not None and fault.acted >= fault.times
            if fault.seen <= fault.after or used_up or self._random.random() >= fault.probability:
                continue
            fault.acted += 1
            return fault
        return None
