"""Numbers and settings of devices, numbers of images, notifications, and keys of repeated requests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What a device starts with (the seed's defaults, docs/decisions/0075).
_NUMBER_DEVICES = """
    INSERT INTO device_settings (household_id, device_id, is_active, mail_delivered_notify, mailbox_opened_notify,
        mail_removed_notify, battery_low_notify, push_notifications, email_notifications, check_interval,
        battery_threshold, capture_image_on_open, capture_image_on_delivery, updated_at)
    SELECT household_id, id, 1, 1, 1, 1, 1, 1, 0, 15, 20, 1, 1, created_at FROM devices ORDER BY id
"""
_NUMBER_IMAGES = """
    INSERT INTO image_numbers (household_id, image_id, device_id)
    SELECT household_id, id, device_id FROM images ORDER BY id
"""


def upgrade() -> None:
    """Make the tables and number what is there."""
    op.create_table(
        "idempotency_keys",
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_idempotency_keys_household_id")),
        sa.PrimaryKeyConstraint("household_id", "key_hash", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_keys_created_at"), ["created_at"], unique=False)

    op.create_table(
        "device_health",
        sa.Column("id", sa.BigInteger().with_variant(sa.INTEGER(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("battery_level", sa.Integer(), nullable=True),
        sa.Column("signal_strength", sa.Integer(), nullable=True),
        sa.Column("temperature", sa.Float(), nullable=True),
        sa.Column("firmware_version", sa.String(length=32), nullable=True),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_device_health_device_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_device_health_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_health")),
    )
    with op.batch_alter_table("device_health", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_health_device_id_id"), ["device_id", "id"], unique=False)

    op.create_table(
        "device_settings",
        sa.Column("number", sa.BigInteger().with_variant(sa.INTEGER(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("clerk_id", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("location", sa.String(length=300), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("mail_delivered_notify", sa.Boolean(), nullable=False),
        sa.Column("mailbox_opened_notify", sa.Boolean(), nullable=False),
        sa.Column("mail_removed_notify", sa.Boolean(), nullable=False),
        sa.Column("battery_low_notify", sa.Boolean(), nullable=False),
        sa.Column("push_notifications", sa.Boolean(), nullable=False),
        sa.Column("email_notifications", sa.Boolean(), nullable=False),
        sa.Column("check_interval", sa.Integer(), nullable=False),
        sa.Column("battery_threshold", sa.Integer(), nullable=False),
        sa.Column("capture_image_on_open", sa.Boolean(), nullable=False),
        sa.Column("capture_image_on_delivery", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_device_settings_device_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_device_settings_household_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_device_settings")),
        sa.UniqueConstraint("device_id", name=op.f("uq_device_settings_device_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("device_settings", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_device_settings_household_id_number"), ["household_id", "number"], unique=False
        )

    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger().with_variant(sa.INTEGER(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("notification_type", sa.String(length=20), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_notifications_device_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_notifications_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notifications_device_id_id"), ["device_id", "id"], unique=False)

    op.create_table(
        "image_numbers",
        sa.Column("number", sa.BigInteger().with_variant(sa.INTEGER(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_image_numbers_device_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_image_numbers_household_id")),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_image_numbers_image_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_image_numbers")),
        sa.UniqueConstraint("image_id", name=op.f("uq_image_numbers_image_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("image_numbers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_image_numbers_device_id_number"), ["device_id", "number"], unique=False)

    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deleted_at", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("mailbox_events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_mailbox_events_device_id_occurred_at_id"), ["device_id", "occurred_at", "id"], unique=False
        )

    op.execute(_NUMBER_DEVICES)
    op.execute(_NUMBER_IMAGES)


def downgrade() -> None:
    """Drop the tables; a deleted device is there again."""
    op.drop_index(op.f("ix_mailbox_events_device_id_occurred_at_id"), table_name="mailbox_events")
    # Not by a batch: that would copy the table, and SQLite forbids to drop what others refer to.
    op.drop_column("devices", "deleted_at")
    for table in ("image_numbers", "notifications", "device_settings", "device_health", "idempotency_keys"):
        op.drop_table(table)
