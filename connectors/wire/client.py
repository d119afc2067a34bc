"""The wire: sends one request and hands back one complete, length-checked answer. No retries, no redirects,
no decoding.
"""

from types import TracebackType

from connectors.wire.failures import WireFailure
from connectors.wire.meter import Meter, NoMeter
from connectors.wire.pool import Pool
from connectors.wire.request import Target, WireAnswer, WireRequest
from connectors.wire.streams import WireStream, open_stream
from engine.failures import Meaning


class Wire:
    """All connections of one process and event loop. Equal targets share connections, different ones never do."""

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter or NoMeter()
        self._pools: dict[Target, Pool] = {}

    def counted(self, meter: Meter) -> "Wire":
        """The same connections; what is sent through the answer is told to `meter`, and to nobody else."""
        other = Wire(meter)
        other._pools = self._pools
        return other

    async def __aenter__(self) -> "Wire":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; requests in the air fail."""
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            pool.close()

    async def send(self, request: WireRequest) -> WireAnswer:
        """The whole answer, whatever its status. Raises WireFailure when none came, or not a whole one."""
        head = _head(request)
        pool = self._pool(request.target)
        connection = await pool.take(request.limits.connect)
        status = 0
        try:
            answer = await connection.exchange(head, request)
            status = answer.status
        finally:
            # Also what broke off has left the store, and is paid for.
            size = len(request.body)
            self._meter.count(request.store, request.operation, status, size, connection.received)
            pool.give_back(connection)
        return _checked(answer, request)

    async def open(self, request: WireRequest) -> WireStream:
        """The head of an answer whose body is read piece by piece, on a connection of its own. Raises WireFailure."""
        head = _head(request)
        return await open_stream(self._pool(request.target).dialler, head, request, self._meter)

    def forget(self, target: Target) -> None:
        """Keep no connection to a host that nobody may ask again; exchanges in the air go on."""
        pool = self._pools.get(target)
        if pool is not None and pool.rest():
            del self._pools[target]

    def _pool(self, target: Target) -> Pool:
        pool = self._pools.get(target)
        if pool is None:
            pool = self._pools[target] = Pool(target)
        return pool


def _head(request: WireRequest) -> bytes:
    """Raises WireFailure REJECTED for what would not arrive as it was meant."""
    size = len(request.body)
    headers = {"host": "", "accept-encoding": "identity", **request.headers}
    headers["host"] = headers["host"] or request.target.authority
    if size or request.method in {"PUT", "POST"}:
        headers["content-length"] = str(size)
    lines = [f"{request.method} {request.raw_target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    text = "\r\n".join(lines)
    clean = text.count("\n") == text.count("\r") == len(lines) - 1 and "\0" not in text
    if not clean or " " in request.raw_target or not request.raw_target.isascii():
        raise WireFailure(Meaning.REJECTED, "the request cannot be written as HTTP")
    return (text + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _checked(answer: WireAnswer, request: WireRequest) -> WireAnswer:
    """A body that only the end of the connection ended is taken if its length is the one expected."""
    if answer.framed or request.expected is None:
        return answer
    if 200 <= answer.status < 300 and len(answer.body) != request.expected:
        raise WireFailure(Meaning.CUT_SHORT, f"{len(answer.body)} of {request.expected} bytes came")
    return WireAnswer(answer.status, answer.headers, answer.body)
