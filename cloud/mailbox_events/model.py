"""Mailbox events with a time of their own, and episodes: one opening and closing of the door each."""

from dataclasses import dataclass
from typing import Any

from cloud.devices.model import Position

# A device that claims an earlier time has no clock: the wire contract is younger than this (2024-01-01 UTC).
EARLIEST_MS = 1_704_067_200_000
# A clock that is ahead by more than a day is wrong, not early.
LATEST_AHEAD_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class MailboxEvent:
    """One event of a board at its corrected time."""

    event_id: str
    event_type: str
    position: Position
    occurred_at: int
    err_ms: int
    dur_ms: int | None
    time_fault: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """One opening of the door, from its first sign to its judgement."""

    id: str
    household_id: str
    mailbox_id: str
    board_id: str
    opened_at: int | None
    closed_at: int | None
    close_event_id: str | None
    settle_at: int | None
    image_count: int | None
    kind: str | None
    settled_at: int | None


def read_event(item: dict[str, Any], install: str, boot: int, received_at: int) -> MailboxEvent:
    """Return the event of one wire item, its time corrected where the device's own cannot be right."""
    occurred_at, err_ms, fault = _time(item, received_at)
    return MailboxEvent(
        event_id=item["event_id"],
        event_type=item["event_type"],
        position=_position(item["event_id"], item["seq"], install, boot),
        occurred_at=occurred_at,
        err_ms=err_ms,
        dur_ms=item.get("dur_ms"),
        time_fault=fault,
    )


def read_position(item: dict[str, Any] | None) -> Position | None:
    """Return the position of a wire ``after``."""
    if item is None:
        return None
    return Position(item["boot"], item["seq"], item["install"])


def _time(item: dict[str, Any], received_at: int) -> tuple[int, int, str]:
    err_ms = item["err_ms"]
    stated, age = item.get("occurred_at"), item.get("age_ms")
    fault = ""
    if stated is not None:
        if EARLIEST_MS <= stated <= received_at + LATEST_AHEAD_MS:
            return min(stated, received_at), err_ms, ""
        fault = f"occurred_at: expected a time from 2024 to now, got {stated} ms; stored with the time of arrival"
    if age is not None:
        return max(received_at - age, EARLIEST_MS), err_ms, fault
    return received_at, err_ms, fault


def _position(event_id: str, seq: int, install: str, boot: int) -> Position:
    """Return where the event stands in its journal; an event of an earlier boot names it in its id."""
    parts = event_id.split("-")
    if len(parts) == 3 and parts[1].isascii() and parts[1].isdigit() and parts[2] == str(seq):
        return Position(int(parts[1]), seq, parts[0])
    return Position(boot, seq, install)
