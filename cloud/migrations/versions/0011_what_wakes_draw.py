"""What boards say of their batteries, and what their wakes drew."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_CHARGES = ("charge_mc", "awake_mc", "wifi_mc", "tls_mc", "publish_mc")


def upgrade() -> None:
    """Add the columns."""
    with op.batch_alter_table("device_health", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batt_mv", sa.Integer(), nullable=True))
        for name in _CHARGES:
            batch_op.add_column(sa.Column(name, sa.Float(), nullable=True))


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("device_health", schema=None) as batch_op:
        for name in ("batt_mv", *_CHARGES):
            batch_op.drop_column(name)
