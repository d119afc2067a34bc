"""What Alembic runs: the revisions, on the connection that `ledger.schema` hands in, or on OMS_DATABASE_URL."""

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from ledger.sessions import driver_url
from ledger.settings import database_url


def migrate(connection: Connection) -> None:
    """All pending revisions in one transaction."""
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Uses the caller's connection where there is one (it holds the lock), else one of its own."""
    given = context.config.attributes.get("connection")
    if isinstance(given, Connection):
        migrate(given)
        return
    engine = create_engine(driver_url(database_url()), poolclass=NullPool)
    with engine.begin() as connection:
        migrate(connection)


main()
