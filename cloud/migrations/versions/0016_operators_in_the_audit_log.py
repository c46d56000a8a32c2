"""Which operator did something, by their name at the operating system."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("audit_log", sa.Column("operator", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Take the column away; who it was is then said in place of an address."""
    op.execute("UPDATE audit_log SET address = substr(operator, 1, 45) WHERE operator IS NOT NULL")
    with op.batch_alter_table("audit_log") as batch_op:
        batch_op.drop_column("operator")
