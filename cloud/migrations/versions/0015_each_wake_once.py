"""In which wake a board said something of its battery, and what all wakes before it drew."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and make what is looked for quick to find."""
    op.add_column("device_health", sa.Column("wake", sa.String(length=64), nullable=True))
    op.add_column("device_health", sa.Column("total_mc", sa.Double(), nullable=True))
    op.create_index(
        op.f("ix_device_health_device_id_reported_at"), "device_health", ["device_id", "reported_at"], unique=False
    )
    op.create_index(op.f("ix_device_health_device_id_wake"), "device_health", ["device_id", "wake"], unique=True)


def downgrade() -> None:
    """Take them away."""
    op.drop_index(op.f("ix_device_health_device_id_wake"), table_name="device_health")
    op.drop_index(op.f("ix_device_health_device_id_reported_at"), table_name="device_health")
    op.drop_column("device_health", "total_mc")
    op.drop_column("device_health", "wake")
