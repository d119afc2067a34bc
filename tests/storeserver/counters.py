"""What a server has seen: requests and bytes by operation, a log of requests, bytes over time."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from tests.storeserver.message import Request

_LOG_LIMIT = 500_000
TICK = 0.1


@dataclass(slots=True)
class Count:
    """Requests of one operation, on one bucket, below one counted prefix ("" = elsewhere)."""

    op: str
    bucket: str
    prefix: str
    requests: int = 0
    errors: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(slots=True)
class Counters:
    """A snapshot of the counts."""

    rows: list[Count] = field(default_factory=list)

    def _select(self, op: str | None, bucket: str | None, prefix: str | None) -> list[Count]:
        ops = None if op is None else op.split("|")
        return [
            row
            for row in self.rows
            if (ops is None or row.op in ops)
            and bucket in (None, row.bucket)
            and prefix in (None, row.prefix)
        ]

    def requests(self, op: str | None = None, bucket: str | None = None, prefix: str | None = None) -> int:
        """Requests of the operations (several by `|`); None means any, prefix "" outside all counted ones."""
        return sum(row.requests for row in self._select(op, bucket, prefix))

    def errors(self, op: str | None = None, bucket: str | None = None, prefix: str | None = None) -> int:
        """Of these, the ones answered with 400 or more, or not wholly."""
        return sum(row.errors for row in self._select(op, bucket, prefix))

    def bytes_in(self, op: str | None = None, bucket: str | None = None, prefix: str | None = None) -> int:
        """Body bytes received with them."""
        return sum(row.bytes_in for row in self._select(op, bucket, prefix))

    def bytes_out(self, op: str | None = None, bucket: str | None = None, prefix: str | None = None) -> int:
        """Body bytes sent for them."""
        return sum(row.bytes_out for row in self._select(op, bucket, prefix))

    def to_json(self) -> dict[str, Any]:
        """The form that the admin page shows."""
        return {"rows": [asdict(row) for row in self.rows], "requests": self.requests()}

    @staticmethod
    def from_json(values: dict[str, Any]) -> Counters:
        """The counterpart of `to_json`."""
        return Counters([Count(**row) for row in values["rows"]])


class Recorder:
    """Counts while the server runs."""

    def __init__(self, prefixes: tuple[str, ...], *, log: bool) -> None:
        self._prefixes = tuple(p.encode() for p in prefixes)
        self.log_requests = log
        self.in_flight = 0
        self.most_in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything seen so far."""
        self._counts: dict[tuple[str, str, bytes], Count] = {}
        self._log: deque[dict[str, Any]] = deque(maxlen=_LOG_LIMIT)
        self._ticks: dict[int, list[int]] = {}
        self.most_in_flight = self.in_flight

    def begin(self) -> None:
        """A request's head has come."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def received(self, count: int) -> None:
        """Body bytes came in now."""
        self._tick()[0] += count

    def sent(self, count: int) -> None:
        """Body bytes were handed to the connection now."""
        self._tick()[1] += count

    def _tick(self) -> list[int]:
        return self._ticks.setdefault(int(time.monotonic() / TICK), [0, 0])

    def done(self, request: Request, status: int, sent: int) -> None:
        """A request has ended; status 0 means without a whole answer."""
        self.in_flight -= 1
        prefix = next((p for p in self._prefixes if request.key.startswith(p)), b"")
        index = (request.op, request.bucket, prefix)
        count = self._counts.get(index)
        if count is None:
            count = self._counts[index] = Count(request.op, request.bucket, prefix.decode())
        count.requests += 1
        count.errors += status >= 400 or status == 0
        count.bytes_in += request.bytes_in
        count.bytes_out += sent
        if self.log_requests:
            self._note(request, status, sent)

    def _note(self, request: Request, status: int, sent: int) -> None:
        self._log.append({
            "op": request.op, "bucket": request.bucket, "key": quote(request.key, safe="/-_.~"),
            "method": request.method, "query": request.raw_query.decode("latin-1"), "status": status,
            "bytes_in": request.bytes_in, "bytes_out": sent, "start": request.started,
            "end": time.monotonic(), "access_key": request.access_key, "headers": request.headers,
            "fault": request.fault.id if request.fault else 0,
        })  # fmt: skip

    def counters(self) -> Counters:
        """The counts so far."""
        return Counters(list(self._counts.values()))

    def requests(self) -> list[dict[str, Any]]:
        """The log: monotonic seconds of start and end, percent-encoded keys, newest last."""
        return list(self._log)

    def bandwidth(self) -> dict[str, Any]:
        """`[second (monotonic), bytes received, bytes sent]` for each 100 ms in which bytes moved."""
        rows = [[round(tick * TICK, 1), came, went] for tick, (came, went) in sorted(self._ticks.items())]
        return {"resolution": TICK, "now": time.monotonic(), "rows": rows}
