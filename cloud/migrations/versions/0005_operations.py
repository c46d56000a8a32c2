"""Users who are kept out, and the stories that jobs belong to."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and the index by which the jobs of one story are found."""
    op.add_column("users", sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    op.add_column("jobs", sa.Column("correlation_id", sa.String(length=255), nullable=True))
    op.create_index(op.f("ix_jobs_subject_id_stage"), "jobs", ["subject_id", "stage"], unique=False)


def downgrade() -> None:
    """Drop them; who was kept out comes in again."""
    op.drop_index(op.f("ix_jobs_subject_id_stage"), table_name="jobs")
    # Not by a batch: that would copy the table, and SQLite forbids to drop what others refer to.
    op.drop_column("jobs", "correlation_id")
    op.drop_column("users", "disabled_at")
