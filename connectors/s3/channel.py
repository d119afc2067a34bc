"""Signs and sends the requests of one bucket and learns, once, where and when it has to (clouds.md A4 rule 4, D2)."""

import time
from collections.abc import Callable

from connectors.objects import Pace
from connectors.s3 import errors
from connectors.s3.dates import http_date_ms
from connectors.s3.dialects import Dialect
from connectors.s3.place import Account, Place, locate
from connectors.s3.redirects import redirected
from connectors.s3.signatures import Asked, sign
from connectors.wire import Limits, Target, Wire, WireAnswer, WireFailure, WireRequest
from connectors.wire.encoding import Query, raw_query
from engine.failures import Operation
from engine.values import value

_LIMITS = Limits()
_MOST_MOVES = 2


@value(frozen=True, slots=True)
class Ask:
    """One request on a bucket: its key (None: the bucket itself), query, headers (lower-case names) and body.

    `service` asks the host itself, without a bucket.
    """

    operation: Operation
    method: str
    key: bytes | None = None
    query: Query = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | bytearray | memoryview = b""
    pace: Pace | None = None
    limits: Limits = _LIMITS
    expected: int | None = None
    service: bool = False


class Channel:
    """Sends `Ask`s. `call` gives 2xx answers only; everything else is raised as a StoreError."""

    def __init__(
        self, wire: Wire, place: Place, account: Account, name: str, clock: Callable[[], float] = time.time
    ) -> None:
        self.place = place
        self.name = name
        self._wire = wire
        self._account = account
        self._clock = clock
        self._offset = 0.0
        self._moves = 0

    @property
    def dialect(self) -> Dialect:
        """The vendor's differences."""
        return self.place.dialect

    async def call(self, ask: Ask) -> WireAnswer:
        """The answer to `ask`, of status 2xx. Raises StoreError."""
        known = (self.place, self._offset)
        answer = await self._send(ask)
        if answer.status < 300:
            return answer
        told = errors.complaint(answer, self.dialect.prefix)
        if self._learns(answer, told, known):
            answer = await self._send(ask)
            if answer.status < 300:
                return answer
            told = errors.complaint(answer, self.dialect.prefix)
        raise errors.refused(ask.operation, answer, told)

    def _learns(self, answer: WireAnswer, told: errors.Complaint, known: tuple[Place, float]) -> bool:
        """True when the answer tells of a clock, region or host that is worth one signed repeat."""
        if told.skewed:
            # Another request may have learned it while this one was in the air.
            return self._offset != known[1] or self._learns_clock(answer)
        moved = redirected(known[0], answer, told)
        if moved is None:
            return False
        if self.place == known[0]:
            if self._moves >= _MOST_MOVES:
                return False
            self._moves += 1
            self.place = moved
        return True

    def _learns_clock(self, answer: WireAnswer) -> bool:
        theirs = http_date_ms(answer.header("date"))
        if not theirs:
            return False
        self._offset = theirs / 1000 - self._clock()
        return True

    def _where(self, ask: Ask) -> tuple[Target, str, str]:
        """The host to ask, the encoded path there, and the resource as it is signed."""
        return locate(self.place, ask.key, service=ask.service)

    def _payer(self) -> tuple[str, str]:
        """The header by which a requester says that he pays."""
        return f"{self.dialect.prefix}request-payer", "requester"

    async def _send(self, ask: Ask) -> WireAnswer:
        try:
            return await self._wire.send(self._request(ask))
        except WireFailure as failure:
            raise errors.unanswered(ask.operation, failure) from failure

    def _request(self, ask: Ask) -> WireRequest:
        place = self.place
        target, path, resource = self._where(ask)
        headers = dict(ask.headers)
        if place.requester_pays:
            name, value = self._payer()
            headers[name] = value
        headers["host"] = target.authority
        asked = Asked(ask.method, path, resource, ask.query)
        sign(asked, headers, place, self._account, self._clock() + self._offset)
        return WireRequest(
            method=ask.method,
            target=target,
            raw_target=f"{path}?{raw_query(ask.query)}" if ask.query else path,
            headers=headers,
            body=ask.body,
            limits=ask.limits,
            pace=ask.pace,
            expected=ask.expected,
            store=self.name,
            operation=ask.operation,
        )
