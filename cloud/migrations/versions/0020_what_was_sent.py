"""Which notifications somebody was told of: those of whom no e-mail went out say so."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of the earlier ones nothing says that they were not sent."""
    op.add_column("notifications", sa.Column("is_sent", sa.Boolean(), nullable=False, server_default="1"))


def downgrade() -> None:
    """Take the column away."""
    op.drop_column("notifications", "is_sent")
