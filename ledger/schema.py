"""Bringing a database to the newest schema."""

from importlib.util import find_spec
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from ledger.sessions import driver_url

# Whoever migrates holds this advisory lock: several processes may start at once.
_LOCK = 0x6F6D735F7363686D


class SchemaError(Exception):
    """The schema cannot be brought forward."""


def upgrade(url: str) -> None:
    """Brings the database to the newest revision; several processes may call it at once, and again."""
    engine = create_engine(driver_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(_config(connection), "head")


def current(url: str) -> str | None:
    """The revision that the database is at; None when it was never migrated."""
    engine = create_engine(driver_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _scripts() -> Path:
    # Found, not imported: the revisions stand above this package.
    spec = find_spec("migrations")
    if spec is None or not spec.submodule_search_locations:
        raise SchemaError("the package `migrations` is not installed")
    return Path(next(iter(spec.submodule_search_locations)))
