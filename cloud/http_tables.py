"""The tables that only the HTTP interface needs: the numbers by which it names rows, and what else it keeps.

As in ``cloud.tables`` every row of a household carries its ``household_id``, times are Unix milliseconds.
"""

from sqlalchemy import BigInteger, Boolean, Column, Double, Float, ForeignKey, Index, Integer, String, Table, Text

from cloud.tables import Content, Id, RowId, Time, household_column, metadata

# devices
device_settings = Table(
    "device_settings",
    metadata,
    Column("number", RowId, primary_key=True, autoincrement=True),
    household_column(),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False, unique=True),
    Column("clerk_id", String(200)),
    Column("email", String(254)),
    Column("location", String(300)),
    Column("is_active", Boolean, nullable=False),
    Column("mail_delivered_notify", Boolean, nullable=False),
    Column("mailbox_opened_notify", Boolean, nullable=False),
    Column("mail_removed_notify", Boolean, nullable=False),
    Column("battery_low_notify", Boolean, nullable=False),
    Column("push_notifications", Boolean, nullable=False),
    Column("email_notifications", Boolean, nullable=False),
    Column("check_interval", Integer, nullable=False),
    Column("battery_threshold", Integer, nullable=False),
    Column("capture_image_on_open", Boolean, nullable=False),
    Column("capture_image_on_delivery", Boolean, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index(None, "household_id", "number"),
    sqlite_autoincrement=True,
)
device_health = Table(
    "device_health",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    household_column(),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("battery_level", Integer),
    Column("signal_strength", Integer),
    Column("temperature", Float),
    Column("firmware_version", String(32)),
    Column("reported_at", Time, nullable=False),
    Column("batt_mv", Integer),
    Column("charge_mc", Float),
    Column("awake_mc", Float),
    Column("wifi_mc", Float),
    Column("tls_mc", Float),
    Column("publish_mc", Float),
    Column("wake", String(64)),
    Column("total_mc", Double),
    Index(None, "device_id", "id"),
    Index(None, "device_id", "reported_at"),
    Index(None, "device_id", "wake", unique=True),
)

# images
image_numbers = Table(
    "image_numbers",
    metadata,
    Column("number", RowId, primary_key=True, autoincrement=True),
    household_column(),
    Column("image_id", Id, ForeignKey("images.id"), nullable=False, unique=True),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Index(None, "device_id", "number"),
    sqlite_autoincrement=True,
)

# notifications
notifications = Table(
    "notifications",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    household_column(),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("notification_type", String(20), nullable=False),
    Column("sent_at", Time, nullable=False),
    Column("is_sent", Boolean, nullable=False, server_default="1"),
    Index(None, "device_id", "id"),
    sqlite_autoincrement=True,
)

# api
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("household_id", Id, ForeignKey("households.id"), primary_key=True),
    Column("key_hash", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", Time, nullable=False, index=True),
)

# devices.updates; what boards of every household fetch
firmware_images = Table(
    "firmware_images",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("version", String(32), nullable=False),
    Column("chip", String(16), nullable=False),
    Column("content", Content, nullable=False),
    Column("created_at", Time, nullable=False),
)

# the server itself: the one row says which data folder the database belongs to
installation = Table(
    "installation",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False),
)

# live; without foreign keys, so that no telling can refuse what has happened, as in jobs
feeds = Table(
    "feeds",
    metadata,
    Column("household_id", Id, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
changes = Table(
    "changes",
    metadata,
    Column("household_id", Id, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("changed_at", Time, nullable=False, index=True),
    Column("changed", Text, nullable=False),
)
