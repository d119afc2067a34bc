"""SQLAlchemy engines over the same database, for the parts that read and write the ledger table by table."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from ledger.pool import SESSION_OPTIONS, TRANSPORT

DRIVER = "postgresql+psycopg"


def driver_url(url: str) -> URL:
    """The same database for SQLAlchemy's psycopg dialect; sockets (`?host=/directory`) and TCP alike."""
    return make_url(url).set(drivername=DRIVER)


def create_engine(url: str, *, size: int = 8) -> AsyncEngine:
    """An engine of at most `size` connections that notices a restarted server before it uses a connection."""
    return create_async_engine(
        driver_url(url),
        pool_size=size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=30,
        connect_args={**TRANSPORT, "options": SESSION_OPTIONS},
    )


def create_sessions(engine: AsyncEngine) -> async_sessionmaker:  # type: ignore[type-arg]  # AsyncSession is the default
    """A maker of sessions whose objects stay readable after commit."""
    return async_sessionmaker(engine, expire_on_commit=False)
