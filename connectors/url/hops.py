"""Requests to hosts that somebody else named: each hop is checked before it is dialled (reliability.md 5.1)."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from connectors.endpoints import Endpoints
from connectors.errors import Rejected
from connectors.wire import Limits, Target, Wire, WireAnswer, WireRequest, WireStream
from engine.failures import Meaning, Operation
from engine.urls import Url, forbidden_name, next_hop

MOST_HOPS: Final = 5
AT_ONCE: Final = 16
_KEPT_HOSTS: Final = 64
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class UrlAsk:
    """One question about a URL. `expected` as in WireRequest."""

    operation: Operation
    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    expected: int | None = None


class Hosts:
    """At most so many requests in the air at one host, and connections to the hosts that were used last only."""

    def __init__(self, wire: Wire, at_once: int = AT_ONCE, kept: int = _KEPT_HOSTS) -> None:
        self._wire = wire
        self._at_once = at_once
        self._kept = kept
        self._turns: dict[Target, asyncio.Semaphore] = {}
        self._users: Counter[Target] = Counter()
        self._idle: OrderedDict[Target, None] = OrderedDict()

    @asynccontextmanager
    async def turn(self, target: Target) -> AsyncIterator[None]:
        """Wait for a place at the host."""
        self._idle.pop(target, None)
        self._users[target] += 1
        try:
            async with self._turns.setdefault(target, asyncio.Semaphore(self._at_once)):
                yield
        finally:
            self._users[target] -= 1
            if not self._users[target]:
                self._rest(target)

    def _rest(self, target: Target) -> None:
        del self._users[target], self._turns[target]
        self._idle[target] = None
        while len(self._idle) > self._kept:
            oldest, _ = self._idle.popitem(last=False)
            self._wire.forget(oldest)


class Hops:
    """Follows redirects, a few of them. `cloud_type` is the word under which the operator opens hosts."""

    def __init__(self, wire: Wire, endpoints: Endpoints, cloud_type: str) -> None:
        self._wire = wire
        self._endpoints = endpoints
        self._cloud_type = cloud_type
        self._hosts = Hosts(wire)

    def target(self, url: Url, operation: Operation) -> Target:
        """Where a URL is dialled. Raises Rejected for what its name or port alone forbids."""
        target = self._endpoints.target_at(self._cloud_type, url.scheme, url.host, url.port)
        if not target.route.private_ok and forbidden_name(url):
            raise Rejected(Meaning.FORBIDDEN_HOST, operation, message="this host is not asked")
        return target

    async def send(self, url: Url, ask: UrlAsk) -> WireAnswer:
        """The answer at the end of the redirects. Raises WireFailure, Rejected."""
        for _ in range(MOST_HOPS + 1):
            request = self._request(url, ask)
            async with self._hosts.turn(request.target):
                answer = await self._wire.send(request)
            if not _leads_on(answer.status, answer.headers):
                return answer
            url = _next(url, answer.headers, ask.operation)
        raise _too_many(ask.operation)

    async def open(self, url: Url, ask: UrlAsk) -> WireStream:
        """As `send`, with a body that is still to be read. The caller closes it."""
        for _ in range(MOST_HOPS + 1):
            request = self._request(url, ask)
            async with self._hosts.turn(request.target):
                stream = await self._wire.open(request)
            if not _leads_on(stream.head.status, stream.head.headers):
                return stream
            stream.close()
            url = _next(url, stream.head.headers, ask.operation)
        raise _too_many(ask.operation)

    def _request(self, url: Url, ask: UrlAsk) -> WireRequest:
        return WireRequest(
            method=ask.method,
            target=self.target(url, ask.operation),
            raw_target=url.target,
            headers=ask.headers,
            # The body of a redirect is thrown away, but has to fit.
            limits=replace(ask.limits, body_max=max(ask.limits.body_max, 1 << 16)),
            expected=ask.expected,
            store=self._cloud_type,
            operation=ask.operation,
        )


def _leads_on(status: int, headers: Mapping[str, str]) -> bool:
    return status in _REDIRECTS and "location" in headers


def _next(url: Url, headers: Mapping[str, str], operation: Operation) -> Url:
    try:
        return next_hop(url, headers["location"])
    except ValueError as error:
        raise Rejected(Meaning.FORBIDDEN_HOST, operation, message=str(error)) from error


def _too_many(operation: Operation) -> Rejected:
    return Rejected(Meaning.REJECTED, operation, message=f"more than {MOST_HOPS} redirects")
