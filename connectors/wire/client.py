"""The wire: sends one request and hands back one complete, length-checked answer. No retries, no redirects,
no decoding.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from types import TracebackType

import aiohttp
import yarl

from connectors.wire.addresses import is_literal, is_public
from connectors.wire.failures import WireFailure
from connectors.wire.meter import Meter, NoMeter
from connectors.wire.request import Limits, Route, Target, WireAnswer, WireRequest
from connectors.wire.resolver import CheckedResolver
from engine.failures import Meaning

_PIECE = 256 << 10
_PACED_PIECE = 64 << 10
_SKIPPED = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})
_READ_BUFFER = 512 << 10


class Wire:
    """All connections of one process and event loop. Equal `Route`s share connections, different ones never do."""

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter or NoMeter()
        self._pools: dict[Route, aiohttp.ClientSession] = {}
        self._timeouts: dict[Limits, aiohttp.ClientTimeout] = {}

    async def __aenter__(self) -> "Wire":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; requests in the air fail."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.close()

    async def send(self, request: WireRequest) -> WireAnswer:
        """The whole answer, whatever its status. Raises WireFailure when none came, or not a whole one."""
        answer: WireAnswer | None = None
        try:
            answer = await self._exchange(request)
        except aiohttp.ClientError as error:
            raise WireFailure(_meaning(error), _told(error)) from error
        except TimeoutError as error:
            raise WireFailure(Meaning.UNAVAILABLE, "the exchange took too long") from error
        except OSError as error:
            raise WireFailure(Meaning.UNAVAILABLE, _told(error)) from error
        except ValueError as error:
            raise WireFailure(Meaning.REJECTED, "the request cannot be written as HTTP") from error
        finally:
            self._count(request, answer)
        return answer

    def _count(self, request: WireRequest, answer: WireAnswer | None) -> None:
        status, received = (answer.status, len(answer.body)) if answer else (0, 0)
        self._meter.count(request.store, request.operation, status, len(request.body), received)

    async def _exchange(self, request: WireRequest) -> WireAnswer:
        limits, size = request.limits, len(request.body)
        pool = self._pool(request.target.route)
        target = request.target
        dialled = _dialled(target)
        url = yarl.URL(f"{target.scheme}://{dialled.authority}{request.raw_target}", encoded=True)
        headers = {"host": target.authority, **request.headers, "accept-encoding": "identity"}
        if size or request.method in {"PUT", "POST"}:
            headers["content-length"] = str(size)
        stopped: list[Exception] = []
        try:
            async with asyncio.timeout(limits.total(size, limits.body_max)) as timer:
                async with pool.request(
                    request.method,
                    url,
                    headers=headers,
                    data=_body(request, timer, stopped),
                    allow_redirects=False,
                    timeout=self._timeout(limits),
                    server_hostname=target.host if dialled is not target else None,
                ) as response:
                    body = await _read(response, request)
                    framed = _framed(response, request, body)
                    return WireAnswer(response.status, _lowered(response), body, framed=framed)
        except aiohttp.ClientError:
            if stopped:
                raise stopped[0] from None
            raise

    def _timeout(self, limits: Limits) -> aiohttp.ClientTimeout:
        found = self._timeouts.get(limits)
        if found is None:
            found = aiohttp.ClientTimeout(total=None, sock_connect=limits.connect, sock_read=limits.idle)
            self._timeouts[limits] = found
        return found

    def _pool(self, route: Route) -> aiohttp.ClientSession:
        pool = self._pools.get(route)
        if pool is None:
            pool = self._pools[route] = _open_pool(route)
        return pool


def _open_pool(route: Route) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=0,
        limit_per_host=0,
        resolver=CheckedResolver(route),
        ttl_dns_cache=30,
        keepalive_timeout=15,
        ssl=_trust(route),
    )
    pool = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        skip_auto_headers=_SKIPPED,
        read_bufsize=_READ_BUFFER,
        max_line_size=32 << 10,
        max_field_size=32 << 10,
    )
    # The library would repeat idempotent requests on a kept connection that broke: a conditional write that
    # took effect would then report a conflict with itself.
    pool._retry_connection = False
    return pool


def _trust(route: Route) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=route.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not route.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _dialled(target: Target) -> Target:
    """The target as the HTTP library must see it: it dials literal addresses without asking a resolver."""
    if not is_literal(target.host):
        return target
    if not target.route.private_ok and not is_public(target.host):
        raise WireFailure(Meaning.FORBIDDEN_ADDRESS, "the address may not be dialled")
    if target.route.connect is None:
        return target
    host, port = target.route.connect
    return replace(target, host=host, port=port)


def _body(
    request: WireRequest, timer: asyncio.Timeout, stopped: list[Exception]
) -> bytes | bytearray | memoryview | AsyncIterator[bytes | memoryview] | None:
    if not request.body:
        return None
    if request.pace is None and len(request.body) <= _PIECE:
        return request.body
    return _pieces(request, timer, stopped)


async def _pieces(
    request: WireRequest, timer: asyncio.Timeout, stopped: list[Exception]
) -> AsyncIterator[bytes | memoryview]:
    """The body in pieces, each with a deadline of its own; waiting for `pace` has none.

    What `pace` raises goes into `stopped`: the HTTP library turns it into a broken connection.
    """
    view, pace, limits = memoryview(request.body), request.pace, request.limits
    step = _PIECE if pace is None else _PACED_PIECE
    for start in range(0, len(view), step):
        piece = view[start : start + step]
        if pace is not None:
            _allow(timer, None)
            try:
                await pace(len(piece))
            except Exception as error:
                stopped.append(error)
                raise
        _allow(timer, limits.total(len(piece), 0))
        yield piece
    _allow(timer, limits.total(0, limits.body_max))


def _allow(timer: asyncio.Timeout, seconds: float | None) -> None:
    # An answer may come, and end the exchange, before the body is written.
    with suppress(RuntimeError):
        timer.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)


async def _read(response: aiohttp.ClientResponse, request: WireRequest) -> bytes:
    most = request.limits.body_max
    if request.method == "HEAD":
        return await response.read()
    if (response.content_length or 0) > most:
        raise WireFailure(Meaning.BROKEN_ANSWER, f"the answer is longer than {most} bytes")
    # A growing buffer is handed out without a copy; joining pieces would hold the body twice.
    whole = BytesIO()
    async for piece in response.content.iter_any():
        whole.write(piece)
        if whole.tell() > most:
            raise WireFailure(Meaning.BROKEN_ANSWER, f"the answer is longer than {most} bytes")
    return whole.getvalue()


def _lowered(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        headers.setdefault(name.lower(), value)
    return headers


def _framed(response: aiohttp.ClientResponse, request: WireRequest, body: bytes) -> bool:
    if request.method == "HEAD" or response.status in {204, 304}:
        return True
    length = response.headers.get("Content-Length")
    if length is not None:
        if len(body) != int(length):
            raise WireFailure(Meaning.CUT_SHORT, f"{len(body)} of {length} bytes came")
        return True
    if "chunked" in response.headers.get("Transfer-Encoding", "").lower():
        return True
    if request.expected is not None and response.ok and len(body) != request.expected:
        raise WireFailure(Meaning.CUT_SHORT, f"{len(body)} of {request.expected} bytes came")
    return request.expected is not None


def _meaning(error: aiohttp.ClientError) -> Meaning:
    match error:
        case aiohttp.InvalidURL():
            # The library refuses hosts that only a C resolver would read as addresses, such as 0177.0.0.1.
            return Meaning.FORBIDDEN_ADDRESS
        case aiohttp.ClientSSLError():
            return Meaning.TLS
        case aiohttp.ClientPayloadError():
            return Meaning.CUT_SHORT
        case aiohttp.ClientResponseError():
            return Meaning.BROKEN_ANSWER
        case _:
            return Meaning.UNAVAILABLE


def _told(error: Exception) -> str:
    # Names of hosts and addresses stay out: the text may reach the user (reliability.md 5.1).
    return type(error).__name__
