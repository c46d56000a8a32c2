"""The tables of what is missing and what is wrong: events that never came or were deleted, and alarms about devices.

As in ``cloud.tables`` every row carries its ``household_id``, times are Unix milliseconds.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table

from cloud.tables import Id, Time, household_column, metadata

# mailbox_events
event_gaps = Table(
    "event_gaps",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("install", String(16), nullable=False),
    Column("boot", BigInteger),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("after_at", Time),
    Column("before_at", Time, nullable=False),
    Column("found_at", Time, nullable=False),
    Column("closed_at", Time),
    Index(None, "device_id", "closed_at"),
    Index(None, "household_id", "closed_at", "before_at"),
)

# What its owner deleted: when it is reported again it is known, and stays deleted.
deleted_events = Table(
    "deleted_events",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id"), primary_key=True),
    Column("event_id", String(64), primary_key=True),
    household_column(),
    Column("number", BigInteger, nullable=False),
    Column("event_type", String(12), nullable=False),
    Column("deleted_at", Time, nullable=False),
    Index(None, "household_id", "number"),
)

# notifications
alarms = Table(
    "alarms",
    metadata,
    Column("id", Id, primary_key=True),
    household_column(),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("raised_at", Time, nullable=False),
    Column("ended_at", Time),
    Index(None, "ended_at", "device_id"),
    Index(None, "household_id", "device_id"),
)
