"""The device of a name, found without reading the household's others, nor those that it has deleted."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEX, COLUMNS = "ix_devices_household_id_deleted_at_name", ["household_id", "deleted_at", "name"]


def upgrade() -> None:
    """Add the index."""
    op.create_index(INDEX, "devices", COLUMNS)


def downgrade() -> None:
    """Drop it."""
    op.drop_index(INDEX, "devices")
