"""Transactions of the HTTP edge: one a request, run again when Postgres undid it for reasons of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

ATTEMPTS = 7
_PAUSE_SECONDS = 0.05

# Serialisation, deadlock, a lock that took too long: the transaction is known to have left nothing.
_UNDONE = frozenset({"40001", "40P01", "55P03"})


class Database:
    """The ledger's database as request handlers use it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def write(self, work: Work[T]) -> T:
        """Runs `work` in a transaction and commits; again only when it surely left nothing behind."""
        return await self._repeated(work, _surely_undone)

    async def read(self, work: Work[T]) -> T:
        """Runs `work`, which only reads, and again when the connection is lost."""
        return await self._repeated(work, _passing)

    async def close(self) -> None:
        """Closes all connections."""
        await self.engine.dispose()

    async def _repeated(self, work: Work[T], again: Callable[[DBAPIError], bool]) -> T:
        for attempt in range(1, ATTEMPTS):
            connection = await self._connected()
            try:
                return await _once(connection, work)
            except DBAPIError as error:
                if not again(error):
                    raise
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        return await _once(await self._connected(), work)

    async def _connected(self) -> AsyncConnection:
        """A server that restarts is waited for a moment: nothing has been asked of it yet."""
        for attempt in range(1, ATTEMPTS):
            try:
                return await self.engine.connect()
            except DBAPIError as error:
                if not _passing(error):
                    raise
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        return await self.engine.connect()


async def _once(connection: AsyncConnection, work: Work[T]) -> T:
    try:
        async with connection.begin():
            return await work(connection)
    finally:
        await connection.close()


def _sqlstate(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None


def _surely_undone(error: DBAPIError) -> bool:
    return _sqlstate(error) in _UNDONE


def _passing(error: DBAPIError) -> bool:
    state = _sqlstate(error)
    return (
        error.connection_invalidated or state is None or state in _UNDONE or state.startswith(("08", "57P"))
    )
