"""The first schema: tasks, runs, ranges, units, segments, counters, uploads, records and what is around them."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = Path(__file__).parent.parent / "schema_0001.sql"


def upgrade() -> None:
    """Creates everything in an empty database."""
    # Many statements without parameters travel as they stand in the file, `%` included.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(SCHEMA.read_text())


def downgrade() -> None:
    """There is nothing before the first schema."""
    raise RuntimeError("drop the database instead")
