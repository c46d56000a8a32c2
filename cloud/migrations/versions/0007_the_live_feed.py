"""The feed of what changed for each household, and where it ends."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; a household's feed begins with its first change."""
    op.create_table(
        "feeds",
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("household_id", name=op.f("pk_feeds")),
    )
    op.create_table(
        "changes",
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("household_id", "position", name=op.f("pk_changes")),
    )
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_changes_changed_at"), ["changed_at"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("changes")
    op.drop_table("feeds")
