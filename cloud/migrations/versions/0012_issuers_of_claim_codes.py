"""Which household gave out the claim code of a device that is nobody's, and when it was made."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; a code that is there was made with its device, and only who runs the server makes another."""
    with op.batch_alter_table("unclaimed_devices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("issuer_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("issued_at", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.create_foreign_key(batch_op.f("fk_unclaimed_devices_issuer_id"), "households", ["issuer_id"], ["id"])
        batch_op.create_index(batch_op.f("ix_unclaimed_devices_issuer_id"), ["issuer_id"], unique=False)
    op.execute("UPDATE unclaimed_devices SET issued_at = created_at")


def downgrade() -> None:
    """Take the columns away."""
    with op.batch_alter_table("unclaimed_devices", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_unclaimed_devices_issuer_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_unclaimed_devices_issuer_id"))
        batch_op.drop_column("issued_at")
        batch_op.drop_column("issuer_id")
