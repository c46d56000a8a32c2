"""When somebody joined each of their households, and in which of them a browser is."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; who is in a household that is older than they are has joined it after their own."""
    op.add_column("memberships", sa.Column("joined_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("household_id", sa.String(length=36), nullable=True))
    op.execute(
        "UPDATE memberships SET joined_at = (SELECT CASE WHEN households.created_at < users.created_at"
        " THEN users.created_at + 1 ELSE households.created_at END FROM households, users"
        " WHERE households.id = memberships.household_id AND users.id = memberships.user_id)"
    )


def downgrade() -> None:
    """Take the columns away."""
    op.drop_column("sessions", "household_id")
    op.drop_column("memberships", "joined_at")
