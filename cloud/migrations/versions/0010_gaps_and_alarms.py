"""Events that are missing in a board's journal, and alarms about devices."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "event_gaps",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("install", sa.String(length=16), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=True),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("after_at", sa.BigInteger(), nullable=True),
        sa.Column("before_at", sa.BigInteger(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_event_gaps_device_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_event_gaps_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_gaps")),
    )
    with op.batch_alter_table("event_gaps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_gaps_device_id_closed_at"), ["device_id", "closed_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_event_gaps_household_id_closed_at_before_at"),
            ["household_id", "closed_at", "before_at"],
            unique=False,
        )

    op.create_table(
        "alarms",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_alarms_device_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_alarms_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    with op.batch_alter_table("alarms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alarms_ended_at_device_id"), ["ended_at", "device_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_alarms_household_id_device_id"), ["household_id", "device_id"], unique=False
        )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("alarms")
    op.drop_table("event_gaps")
