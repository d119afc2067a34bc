"""Opening connections: every address is checked, and what was checked is what is dialled (reliability 5.1)."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import TypeVar

from connectors.wire.addresses import is_public
from connectors.wire.failures import WireFailure
from connectors.wire.request import Route, Target
from engine.failures import Meaning

_REMEMBERED = 30.0
P = TypeVar("P", bound=asyncio.BaseProtocol)


class Dialler:
    """Opens connections to one target."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._trust = trust(target.route) if target.scheme == "https" else None
        self._addresses: tuple[str, ...] = ()
        self._known_until = 0.0

    async def open(self, make: Callable[[], P], seconds: float) -> tuple[asyncio.Transport, P]:
        """A connection to the first address that takes one, spoken to by what `make` gives. Raises WireFailure."""
        try:
            async with asyncio.timeout(seconds):
                return await self._first(make)
        except ssl.SSLError as error:
            raise WireFailure(Meaning.TLS, type(error).__name__) from error
        except (OSError, TimeoutError) as error:
            self._known_until = 0.0
            raise WireFailure(Meaning.UNAVAILABLE, type(error).__name__) from error

    async def _first(self, make: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        host, port = self._target.route.connect or (self._target.host, self._target.port)
        addresses = await self._resolve(host, port)
        for last, address in enumerate(addresses, 1):
            try:
                return await self._connect(address, port, make)
            except OSError:
                if last == len(addresses):
                    raise
        raise OSError("the host has no address")

    async def _connect(self, address: str, port: int, make: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        named = self._target.host if self._trust is not None else None
        return await asyncio.get_running_loop().create_connection(
            make, address, port, ssl=self._trust, server_hostname=named
        )

    async def _resolve(self, host: str, port: int) -> tuple[str, ...]:
        """Checked addresses, known for half a minute; one that is forbidden refuses the whole name."""
        if time.monotonic() < self._known_until:
            return self._addresses
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = tuple(dict.fromkeys(str(address[0]) for *_, address in found))
        if not self._target.route.private_ok and not all(map(is_public, addresses)):
            raise WireFailure(Meaning.FORBIDDEN_ADDRESS, "the host has an address that may not be dialled")
        self._addresses, self._known_until = addresses, time.monotonic() + _REMEMBERED
        return addresses


def trust(route: Route) -> ssl.SSLContext:
    """Certificates and host names are checked unless the operator says otherwise; TLS 1.2 at least."""
    context = ssl.create_default_context(cafile=route.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not route.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
