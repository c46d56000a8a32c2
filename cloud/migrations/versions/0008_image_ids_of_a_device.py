"""An image's name is its device's own; and every list of a household is read along an index."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Names that two devices used stay with the image that came first; the others are called by their row.
_NAME_ONCE = """
    UPDATE images SET image_id = id WHERE id IN (SELECT id FROM (
        SELECT later.id FROM images AS later
        JOIN images AS earlier ON earlier.image_id = later.image_id AND earlier.id < later.id
    ) AS doubled)
"""
_INDEXES = {
    "audit_log": ["household_id", "id"],
    "devices": ["household_id", "id"],
    "mailboxes": ["household_id", "name"],
    "mail_outbox": ["household_id", "episode_id"],
}


def upgrade() -> None:
    """Make names unique for each device, and make the indexes."""
    with op.batch_alter_table("images", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_images_image_id"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_images_device_id_image_id"), ["device_id", "image_id"])
        batch_op.create_index(batch_op.f("ix_images_household_id_state_id"), ["household_id", "state", "id"])
    for table, columns in _INDEXES.items():
        op.create_index(_name(table, columns), table, columns)
    op.drop_index(op.f("ix_audit_log_household_id"), table_name="audit_log")


def downgrade() -> None:
    """Drop the indexes, and make names unique over all devices."""
    op.create_index(op.f("ix_audit_log_household_id"), "audit_log", ["household_id"])
    op.drop_index(_name("audit_log", _INDEXES["audit_log"]), table_name="audit_log")
    op.drop_index(_name("mail_outbox", _INDEXES["mail_outbox"]), table_name="mail_outbox")
    for table in ("devices", "mailboxes"):
        with _key_without_index(table):
            op.drop_index(_name(table, _INDEXES[table]), table_name=table)
    op.execute(_NAME_ONCE)
    with op.batch_alter_table("images", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_images_household_id_state_id"))
        batch_op.drop_constraint(batch_op.f("fk_images_device_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_images_device_id_image_id"), type_="unique")
        batch_op.create_foreign_key(batch_op.f("fk_images_device_id"), "devices", ["device_id"], ["id"])
        batch_op.create_unique_constraint(batch_op.f("uq_images_image_id"), ["image_id"])


def _name(table: str, columns: list[str]) -> str:
    return op.f("_".join(["ix", table, *columns]))


@contextmanager
def _key_without_index(table: str) -> Iterator[None]:
    """Take a table's foreign key to its household away for a moment: made anew it gets an index of MySQL's own."""
    is_mysql = op.get_bind().dialect.name != "sqlite"
    if is_mysql:
        op.drop_constraint(op.f(f"fk_{table}_household_id"), table, type_="foreignkey")
    yield
    if is_mysql:
        op.create_foreign_key(op.f(f"fk_{table}_household_id"), table, "households", ["household_id"], ["id"])
