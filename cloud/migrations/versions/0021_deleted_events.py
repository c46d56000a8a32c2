"""Events that their owner deleted are known by name, so that they stay deleted when they are reported again."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of their names."""
    op.create_table(
        "deleted_events",
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("event_type", sa.String(length=12), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_deleted_events_device_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_deleted_events_household_id")),
        sa.PrimaryKeyConstraint("device_id", "event_id", name=op.f("pk_deleted_events")),
    )
    op.create_index(op.f("ix_deleted_events_household_id_number"), "deleted_events", ["household_id", "number"])


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("deleted_events")
