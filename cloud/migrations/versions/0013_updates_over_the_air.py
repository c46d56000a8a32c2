"""What chip a board has, which firmware it is offered, and the images that boards fetch."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = (
    ("devices", "chip", sa.String(length=16)),
    ("devices", "offered", sa.Text()),
    ("unclaimed_devices", "chip", sa.String(length=16)),
)


def upgrade() -> None:
    """Add them; which chip the boards have that are there, nobody has written down."""
    for table, name, kind in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_table(
        "firmware_images",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("chip", sa.String(length=16), nullable=False),
        sa.Column("content", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_firmware_images")),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("firmware_images")
    # Not by a batch: that would copy the table, and SQLite forbids to drop what others refer to.
    for table, name, _ in COLUMNS:
        op.drop_column(table, name)
