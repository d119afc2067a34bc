"""Parts of one large object that several workers send."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SCHEMA = Path(__file__).parent.parent / "schema_0010.sql"


def upgrade() -> None:
    """Adds to the schema before it."""
    # Many statements without parameters travel as they stand in the file, `%` included.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(SCHEMA.read_text())


def downgrade() -> None:
    """Revisions only go forward."""
    raise RuntimeError("drop the database instead")
