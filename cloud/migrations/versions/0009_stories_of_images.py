"""The stories that images belong to, from the offer of their upload on."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("images", sa.Column("correlation_id", sa.String(length=255), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("images", "correlation_id")
