"""The device of a name, and a page of API keys, found without reading the household's others, nor those deleted."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_devices_household_id_deleted_at_name": ("devices", ["household_id", "deleted_at", "name"]),
    "ix_api_keys_household_id_id": ("api_keys", ["household_id", "id"]),
}


def upgrade() -> None:
    """Add the indexes."""
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Drop them."""
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
