"""How `oms admin` reaches the ledger: by the environment, or through the data directory of a running `oms up`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from cli.embedded.servers import Places, embedded_postgres
from cli.settings import DATABASE_URL, MASTER_KEY_FILE, read_settings
from ledger import sessions
from ledger.seal import KeyRing, SealError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ledger:
    """A database and the key that seals secrets in it."""

    url: str
    key_file: Path

    def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """One transaction. Raises click.ClickException."""
        try:
            return asyncio.run(self._run(work))
        except IntegrityError as error:
            raise click.ClickException("there is one of that name already") from error
        except SQLAlchemyError as error:
            raise click.ClickException(f"the database does not answer: {type(error).__name__}") from error

    def ring(self) -> KeyRing:
        """The master keys. Raises click.ClickException."""
        try:
            return KeyRing.read(self.key_file)
        except SealError as error:
            raise click.ClickException(str(error)) from error

    async def _run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        engine = sessions.create_engine(self.url, size=1)
        try:
            async with engine.begin() as connection:
                return await work(connection)
        finally:
            await engine.dispose()


@dataclass(slots=True)
class Where:
    """Which installation; looked up when a command needs it."""

    data_dir: Path | None

    @property
    def ledger(self) -> Ledger:
        """Its database."""
        return find_ledger(self.data_dir)

    def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """One transaction on it."""
        return self.ledger.run(work)


def print_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns for a terminal; one row a line for a pipe."""
    table = Table(*titles, box=None)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def find_ledger(data_dir: Path | None) -> Ledger:
    """From the data directory if one is given, else OMS_DATABASE_URL and OMS_MASTER_KEY_FILE."""
    settings = read_settings()
    if data_dir is not None:
        root = data_dir.resolve()
        key_file = settings.master_key_file or root / "master.key"
        return Ledger(settings.database_url or _embedded_url(root), key_file)
    if settings.database_url is None or settings.master_key_file is None:
        raise click.UsageError(f"give --data-dir, or set {DATABASE_URL} and {MASTER_KEY_FILE}")
    return Ledger(settings.database_url, settings.master_key_file)


def _embedded_url(root: Path) -> str:
    sockets, record = root / "run", root / "sockets"
    if not sockets.is_dir() and record.is_file():
        sockets = Path(record.read_text())
    if not (sockets / "pg").is_dir():
        raise click.ClickException(f"no `oms up` is running in {root}")
    return embedded_postgres(Places(root / "postgres", root / "redis", sockets, root / "logs")).url()
