"""The connections to one target: kept for a while, handed to one exchange at a time."""

import asyncio
from collections import deque

from connectors.wire.connection import Connection
from connectors.wire.dialling import Dialler
from connectors.wire.request import Target

_KEPT = 15.0


class Pool:
    """As many connections as are asked for; the one used last is used next."""

    def __init__(self, target: Target) -> None:
        self.dialler = Dialler(target)
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._opening = 0

    async def take(self, connect_seconds: float) -> Connection:
        """A connection nobody uses. Raises WireFailure when none can be opened."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and now - connection.idle_since < _KEPT:
                return connection
            connection.abort()
        self._opening += 1
        try:
            _, connection = await self.dialler.open(lambda: Connection(self._lost), connect_seconds)
            self._all.add(connection)
        finally:
            self._opening -= 1
        return connection

    def rest(self) -> bool:
        """Drop the connections that nobody uses. True: there are no others."""
        while self._idle:
            connection = self._idle.pop()
            self._all.discard(connection)
            connection.abort()
        return not self._all and not self._opening

    def give_back(self, connection: Connection) -> None:
        """After an exchange; a connection that cannot be used again is dropped."""
        if connection.usable:
            self._idle.append(connection)
        else:
            connection.abort()

    def close(self) -> None:
        """Drop all connections; exchanges in the air fail."""
        for connection in list(self._all):
            connection.abort()

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
