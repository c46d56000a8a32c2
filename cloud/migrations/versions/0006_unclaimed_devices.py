"""Devices that are provisioned and nobody's yet."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "unclaimed_devices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("thing", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("certificate_serial", sa.String(length=40), nullable=False),
        sa.Column("claim_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unclaimed_devices")),
        sa.UniqueConstraint("thing", name=op.f("uq_unclaimed_devices_thing")),
        sa.UniqueConstraint("claim_hash", name=op.f("uq_unclaimed_devices_claim_hash")),
    )


def downgrade() -> None:
    """Drop the table: who is still nobody's must be provisioned again."""
    op.drop_table("unclaimed_devices")
