"""What a board says of the settings that it was asked to take."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the next heartbeat fills it."""
    op.add_column("devices", sa.Column("reported", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    # Not by a batch: that would copy the table, and SQLite forbids to drop what others refer to.
    op.drop_column("devices", "reported")
