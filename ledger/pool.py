"""Connections to Postgres, and the one place where a statement is run again.

Every statement of the ledger may run twice without a second effect, so an answer that never came is asked for again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row

Connection: TypeAlias = AsyncConnection[DictRow]
Parameters: TypeAlias = Mapping[str, Any] | Sequence[Any]
T = TypeVar("T")

TRANSPORT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# A process that stands still inside a transaction must not hold others up for longer than a lease.
SESSION_OPTIONS = (
    "-c statement_timeout=60s -c lock_timeout=10s -c idle_in_transaction_session_timeout=10s"
    " -c synchronous_commit=on -c timezone=UTC"
)

# Deadlock, serialisation, server going down or coming up, no connection left, a lock that took too long, a transaction
# in which nothing happened for too long.
_PASSING = frozenset({"40001", "40P01", "57P01", "57P02", "57P03", "53300", "55P03", "25P03"})
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5


class Pool:
    """At most `size` autocommit connections of one event loop.

    `patience` bounds in seconds for how long a call is repeated while the server is away or refuses; then the last
    psycopg.Error is raised.
    """

    def __init__(self, url: str, *, size: int = 8, patience: float = 30.0) -> None:
        self._conninfo = _conninfo(url)
        self._patience = patience
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._closed = False

    async def fetch_one(self, sql: str, parameters: Parameters | None = None) -> DictRow | None:
        """The first row of one statement in a transaction of its own."""
        return await self.run(lambda connection: fetch_one(connection, sql, parameters))

    async def fetch_all(self, sql: str, parameters: Parameters | None = None) -> list[DictRow]:
        """All rows of one statement in a transaction of its own."""
        return await self.run(lambda connection: fetch_all(connection, sql, parameters))

    async def execute(self, sql: str, parameters: Parameters | None = None) -> int:
        """Runs one statement in a transaction of its own; how many rows it touched."""
        return await self.run(lambda connection: execute(connection, sql, parameters))

    async def in_transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs `work` in one transaction, and again as a whole when that is lost: `work` must bear it."""

        async def inside(connection: Connection) -> T:
            async with connection.transaction():
                return await work(connection)

        return await self.run(inside)

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs `work` on a connection, and again after a passing failure, until `patience` is over."""
        deadline = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                async with self.connection() as connection:
                    return await work(connection)
            except psycopg.Error as error:
                if not is_passing(error) or time.monotonic() + pause > deadline:
                    raise
                if error.sqlstate not in {"40001", "40P01", "55P03"}:
                    await self._drop_idle()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction without repetition, for callers that repeat as a whole themselves."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection that comes back to the pool when it is still usable."""
        async with self._slots:
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._give_back(connection)

    async def close(self) -> None:
        """Closes what is idle now, and the rest as it comes back."""
        self._closed = True
        await self._drop_idle()

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return await AsyncConnection.connect(
            self._conninfo, autocommit=True, prepare_threshold=3, row_factory=dict_row
        )

    async def _give_back(self, connection: Connection) -> None:
        usable = connection.info.transaction_status == TransactionStatus.IDLE
        if usable and not self._closed:
            self._idle.append(connection)
        else:
            await connection.close()

    async def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()


async def fetch_one(connection: Connection, sql: str, parameters: Parameters | None = None) -> DictRow | None:
    """The first row of a statement."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(sql, parameters)
        return await cursor.fetchone()


async def fetch_all(connection: Connection, sql: str, parameters: Parameters | None = None) -> list[DictRow]:
    """All rows of a statement."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(sql, parameters)
        return await cursor.fetchall()


async def execute(connection: Connection, sql: str, parameters: Parameters | None = None) -> int:
    """Runs a statement; how many rows it touched."""
    async with connection.cursor() as cursor:
        await cursor.execute(sql, parameters)
        return cursor.rowcount


def is_passing(error: psycopg.Error) -> bool:
    """Whether the same statement may succeed when it is run again."""
    if error.sqlstate is None:
        # Refused, cut or closed: the server said nothing.
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate in _PASSING or error.sqlstate.startswith("08")


def _conninfo(url: str) -> str:
    given = conninfo_to_dict(url)
    options = f"{given.get('options') or ''} {SESSION_OPTIONS}".strip()
    return make_conninfo(url, **{**TRANSPORT, "options": options})
