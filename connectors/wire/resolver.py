"""Name resolution for one Route: every address is checked, and what was checked is what is dialled."""

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from connectors.wire.addresses import is_public
from connectors.wire.failures import WireFailure
from connectors.wire.request import Route
from engine.failures import Meaning


class CheckedResolver(AbstractResolver):
    """Answers the HTTP library's lookups; one forbidden address among several refuses the whole name."""

    def __init__(self, route: Route) -> None:
        self._route = route

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses to dial for `host`. Raises OSError when there are none, WireFailure when they are forbidden."""
        dialled, dialled_port = self._route.connect or (host, port)
        found = await asyncio.get_running_loop().getaddrinfo(
            dialled, dialled_port, type=socket.SOCK_STREAM, family=family
        )
        return [
            ResolveResult(
                hostname=host,
                host=self._checked(str(address[0])),
                port=dialled_port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in found
        ]

    def _checked(self, address: str) -> str:
        if not self._route.private_ok and not is_public(address):
            raise WireFailure(Meaning.FORBIDDEN_ADDRESS, "the host has an address that may not be dialled")
        return address

    async def close(self) -> None:
        """Nothing is held open."""
