"""The database's tables, one source for SQLite and MySQL; times are Unix milliseconds, ids UUIDv7 text.

Every row of a household carries its ``household_id``; only the ``repository.py`` of the feature above a group asks it.
"""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects import mysql, sqlite

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(36)
Time = BigInteger
LongText = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
Content = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
RowId = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def household_column() -> Column[str]:
    """Return the column that every row carries."""
    return Column("household_id", Id, ForeignKey("households.id"), nullable=False)


# accounts
households = Table(
    "households",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("created_at", Time, nullable=False),
)
users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("password_hash", String(255)),
    Column("email_verified_at", Time),
    Column("disabled_at", Time),
)
memberships = Table(
    "memberships",
    metadata,
    Column("household_id", Id, ForeignKey("households.id"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True, index=True),
    Column("role", String(10), nullable=False),
    Column("joined_at", Time, nullable=False, server_default="0"),
)
login_links = Table(
    "login_links",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("used_at", Time),
)
sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("household_id", Id),
)
identities = Table(
    "identities",
    metadata,
    Column("issuer", String(200), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", Time, nullable=False),
)
token_families = Table(
    "token_families",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("revoked_at", Time),
)
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("family_id", Id, ForeignKey("token_families.id"), nullable=False, index=True),
    Column("created_at", Time, nullable=False),
    Column("used_at", Time),
)
revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("expires_at", Time, nullable=False, index=True),
)
account_tokens = Table(
    "account_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("purpose", String(10), nullable=False),
    Column("email", String(254), nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("used_at", Time),
)
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("hint", String(12), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("scopes", String(200), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("last_used_at", Time),
    Column("revoked_at", Time),
    Index(None, "household_id", "user_id"),
    Index(None, "household_id", "id"),
)
invitations = Table(
    "invitations",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("email", String(254), nullable=False),
    Column("role", String(10), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("invited_by", Id, ForeignKey("users.id"), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("ended_at", Time),
    Index(None, "household_id", "id"),
)
buckets = Table(
    "buckets",
    metadata,
    Column("name_hash", String(64), primary_key=True),
    Column("full_at", Time, nullable=False, index=True),
)
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Id, primary_key=True),
    Column("household_id", Id),
    Column("user_id", Id),
    Column("action", String(40), nullable=False),
    Column("subject", String(254), nullable=False),
    Column("address", String(45), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("operator", String(64)),
    Index(None, "household_id", "id"),
)

# devices
mailboxes = Table(
    "mailboxes",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("name", String(200), nullable=False),
    Column("created_at", Time, nullable=False),
    Index(None, "household_id", "name"),
)
devices = Table(
    "devices",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("mailbox_id", Id, ForeignKey("mailboxes.id"), nullable=False, index=True),
    Column("thing", String(64), nullable=False, unique=True),
    Column("kind", String(10), nullable=False),
    Column("name", String(200), nullable=False),
    Column("certificate_serial", String(40), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("last_seen", Time),
    Column("online", Integer),
    Column("firmware", String(32)),
    Column("batt_mv", Integer),
    Column("rssi", Integer),
    Column("next_s", Integer),
    Column("lost", BigInteger),
    Column("desired_rev", BigInteger, nullable=False, server_default="0"),
    Column("ack_install", String(16)),
    Column("ack_boot", BigInteger),
    Column("ack_seq", BigInteger),
    Column("settings", Text, nullable=False),
    Column("capture", Text),
    Column("deleted_at", Time),
    Column("reported", Text),
    Column("chip", String(16)),
    Column("offered", Text),
    Index(None, "household_id", "id"),
    Index(None, "household_id", "deleted_at", "name"),
)
unclaimed_devices = Table(
    "unclaimed_devices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thing", String(64), nullable=False, unique=True),
    Column("kind", String(10), nullable=False),
    Column("certificate_serial", String(40), nullable=False),
    Column("claim_hash", String(64), nullable=False, unique=True),
    Column("created_at", Time, nullable=False),
    Column("issuer_id", Id, ForeignKey("households.id"), index=True),
    Column("issued_at", Time, nullable=False, server_default="0"),
    Column("chip", String(16)),
)

# mailbox_events
episodes = Table(
    "episodes",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("mailbox_id", Id, ForeignKey("mailboxes.id"), nullable=False),
    Column("board_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("opened_at", Time),
    Column("closed_at", Time),
    Column("close_event_id", String(64)),
    Column("settle_at", Time),
    Column("image_count", Integer),
    Column("kind", String(12)),
    Column("settled_at", Time),
    # Of those that run both are unknown; others may lack a close, but not an end.
    Unique("board_id", "close_event_id", "closed_at"),
    Index(None, "household_id", "id"),
    Index(None, "mailbox_id", "image_count", "closed_at"),
)
mailbox_events = Table(
    "mailbox_events",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    household_column(),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("event_id", String(64), nullable=False),
    Column("event_type", String(12), nullable=False),
    Column("install", String(16), nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("occurred_at", Time, nullable=False),
    Column("err_ms", BigInteger, nullable=False),
    Column("dur_ms", BigInteger),
    Column("received_at", Time, nullable=False),
    Column("episode_id", Id, ForeignKey("episodes.id")),
    Unique("device_id", "event_id"),
    Index(None, "device_id", "install", "boot", "seq"),
    Index(None, "device_id", "occurred_at", "id"),
)

# images
images = Table(
    "images",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("image_id", String(64), nullable=False),
    Column("episode_id", Id, ForeignKey("episodes.id"), index=True),
    Column("letter_id", Id, ForeignKey("letters.id"), index=True),
    Column("sha256", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("captured_at", Time),
    Column("err_ms", BigInteger),
    Column("uploaded_at", Time),
    Column("announced_at", Time),
    Column("state", String(10), nullable=False),
    Column("reason", String(500)),
    Column("created_at", Time, nullable=False),
    Column("correlation_id", String(255)),
    Unique("device_id", "image_id"),
    Index(None, "household_id", "sha256"),
    Index(None, "household_id", "state", "id"),
)

# ocr
ocr_runs = Table(
    "ocr_runs",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("image_id", Id, ForeignKey("images.id"), nullable=False, index=True),
    Column("engine", String(40), nullable=False),
    Column("version", String(40), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("rotation", Integer, nullable=False),
    Column("elapsed_ms", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
)
ocr_lines = Table(
    "ocr_lines",
    metadata,
    Column("ocr_run_id", Id, ForeignKey("ocr_runs.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    household_column(),
    Column("text", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("polygon", Text, nullable=False),
)

# letters
letters = Table(
    "letters",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("mailbox_id", Id, ForeignKey("mailboxes.id"), nullable=False),
    Column("episode_id", Id, ForeignKey("episodes.id"), index=True),
    Column("arrived_at", Time, nullable=False),
    Column("language", String(8)),
    Column("category", String(30), nullable=False),
    Column("category_confidence", Float, nullable=False),
    Column("action_status", String(20), nullable=False),
    Column("sender", String(300)),
    Column("recipient", String(300)),
    Column("subject", String(500)),
    Column("summary", Text, nullable=False),
    Column("what_to_do", Text),
    Column("due_date", String(10)),
    Column("amount", String(20)),
    Column("currency", String(3)),
    Column("reference", String(100)),
    Column("text", LongText, nullable=False),
    Column("created_at", Time, nullable=False),
    Index(None, "household_id", "id"),
)
facts = Table(
    "facts",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("letter_id", Id, ForeignKey("letters.id"), nullable=False, index=True),
    Column("kind", String(30), nullable=False),
    Column("value", String(500), nullable=False),
    Column("raw", String(1000), nullable=False),
    Column("line_ids", String(200), nullable=False),
    Column("char_start", Integer, nullable=False),
    Column("char_end", Integer, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("tier", String(10), nullable=False),
    Column("extractor", String(60), nullable=False),
)

# mail
mail_outbox = Table(
    "mail_outbox",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("dedupe_key", String(100), nullable=False, unique=True),
    Column("episode_id", Id, ForeignKey("episodes.id"), index=True),
    Column("recipient", String(254), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", String(500)),
    Column("content", Content, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("sent_at", Time),
    Column("provider_id", String(200)),
    Column("private", Integer, nullable=False, server_default="0"),
    Index(None, "household_id", "id"),
    Index(None, "household_id", "episode_id"),
)

# the local event_queue
jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("household_id", Id),
    Column("stage", String(40), nullable=False),
    Column("event", String(40), nullable=False),
    Column("subject_id", String(64), nullable=False),
    Column("payload", Content),
    Column("state", String(10), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("visible_at", Time, nullable=False),
    Column("lease_until", Time),
    Column("reason", String(1000)),
    Column("created_at", Time, nullable=False),
    Column("ended_at", Time),
    Column("correlation_id", String(255)),
    Index(None, "state", "visible_at"),
    Index(None, "subject_id", "stage"),
    Index(None, "household_id", "state", "id"),
)
