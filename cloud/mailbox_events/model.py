"""Mailbox events with a time of their own, and episodes: one opening and closing of the door each."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cloud.devices.model import Position
from cloud.errors import RefusedError
from firmware.wire.messages import INSTALL, MAX_AGE

# A device that claims an earlier time has no clock: the wire contract is younger than this (2024-01-01 UTC).
EARLIEST_MS = 1_704_067_200_000
# A clock that is ahead by more than a day is wrong, not early.
LATEST_AHEAD_MS = 24 * 3600 * 1000
# Over HTTP history of another system may come, older than any board of ours. Clocks that nobody set begin at 1970, 1980
# or 2000; nothing that can tell of a mailbox over a network is older than this (2010-01-01 UTC).
EARLIEST_HTTP_MS = 1_262_304_000_000
# Clocks that are set differ by seconds; a wrong zone, by half an hour at least, is to be noticed.
HTTP_AHEAD_MS = 5 * 60 * 1000
# A board whose Wi-Fi was gone, or its battery, for some days still tells of its deliveries. What is heard of longer
# after it happened is history, however it comes: it is shown, nobody is told of it, and no camera can photograph it.
HISTORY_MS = 7 * 24 * 3600 * 1000
# A door that is open for so long was left open. As long waits a board of which its owner sets nothing else.
LEFT_OPEN_MS = 300_000
OPEN, CLOSE, STILL_OPEN, TAMPER = "open", "close", "still_open", "tamper"
# What a board can say; HTTP takes the first two.
EVENT_TYPES = (OPEN, CLOSE, STILL_OPEN, TAMPER, "boot", "low_battery")
# Starts, events and events dropped, one each second: three years of them, where a battery lasts for some 100,000 wakes.
MOST_COUNTED = 100_000_000
# The journal of events that came over HTTP, which have no boot and seq of their own: they are ordered by their time.
HTTP_INSTALL = "http"


class MailboxEvent(NamedTuple):
    """One event of a board at its corrected time."""

    event_id: str
    event_type: str
    position: Position
    occurred_at: int
    err_ms: int
    dur_ms: int | None
    time_fault: str = ""


class Journal(NamedTuple):
    """What a board of a household tells, by its id, since its memory was formatted to be this install."""

    device_id: str
    household_id: str
    install: str


class DoorEvent(NamedTuple):
    """A stored open or close, and the episode that it belongs to."""

    event_type: str
    episode_id: str


class Movement(NamedTuple):
    """When the door moved, or was told to move too often, and which of them; Unix ms."""

    at: int
    event_type: str


class StoredEvent(NamedTuple):
    """A stored event by its number; ``occurred_at`` in Unix ms. A tuple, for a page makes hundreds of them."""

    id: int
    event_id: str
    event_type: str
    occurred_at: int


class HttpReport(NamedTuple):
    """An opening or closing as it was reported over HTTP, of the household's device ``number``; Unix ms or none.

    A report that was named just now, because its sender gave it no name, cannot be stored already.
    """

    household_id: str
    number: int
    event_type: str
    event_id: str
    stated_at: int | None
    may_be_stored: bool
    correlation_id: str


class Episode(NamedTuple):
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

    @property
    def reported_close(self) -> int | None:
        """When it was closed as reported, in Unix ms; ``closed_at`` without it is when something else ended it."""
        return self.closed_at if self.close_event_id is not None else None

    @property
    def shown_at(self) -> int:
        """The time that it is shown under, in Unix ms: of its close; where nobody reported that, of its opening."""
        return self.reported_close or self.opened_at or self.closed_at or 0

    @property
    def span(self) -> tuple[int, int]:
        """When it began and ended, in Unix ms, as far as that is known."""
        known = [at for at in (self.opened_at, self.closed_at) if at is not None]
        return min(known, default=0), max(known, default=0)


def check_counters(message: dict[str, Any]) -> None:
    """Raise RefusedError for a report with numbers that no board can have counted to.

    Stored, its events would be the last of the journal for ever: each real one would come before them.
    """
    after = message.get("after") or {"boot": 0, "seq": 0}
    highest = max(message["boot"], message["lost"], after["boot"], after["seq"])
    highest = max(highest, *(item["seq"] for item in message["events"]))
    if highest > MOST_COUNTED:
        raise RefusedError(
            f"boot, seq, lost: expected at most {MOST_COUNTED:,}, for no board counts further in its life, got "
            f"{highest:,}; its memory is damaged or this is no board: format it, which begins another journal"
        )


def read_event(item: dict[str, Any], install: str, boot: int, received_at: int) -> MailboxEvent:
    """Return the event of one wire item, its time corrected where the device's own cannot be right."""
    occurred_at, fault = corrected_time("occurred_at", item.get("occurred_at"), item.get("age_ms"), received_at)
    return MailboxEvent(
        event_id=item["event_id"],
        event_type=item["event_type"],
        position=_position(item["event_id"], item["seq"], Position(boot, item["seq"], install)),
        occurred_at=occurred_at,
        err_ms=_error_ms(item, occurred_at),
        dur_ms=item.get("dur_ms"),
        time_fault=fault,
    )


def http_time(report: HttpReport, now: int) -> int:
    """Return when a report's event happened, in Unix ms: as it states, now where that is a little ahead or nothing.

    This is its ``boot`` in the journal. Raises RefusedError for a time that cannot be right.
    """
    if report.stated_at is None:
        return now
    if not EARLIEST_HTTP_MS <= report.stated_at <= now + HTTP_AHEAD_MS:
        expected = f"a time from {_moment(EARLIEST_HTTP_MS)} to now, {_moment(now)}"
        advice = "set the clock, write the zone, or leave timestamp out for now"
        came = _moment(report.stated_at)
        raise RefusedError(f"timestamp: expected {expected}, got {came}; {advice}", field="body.timestamp")
    return min(report.stated_at, now)


def http_event(report: HttpReport, occurred_at: int, seq: int) -> MailboxEvent:
    """Return the event of a report, the ``seq``-th of that moment; as wrong as it was corrected."""
    place = Position(occurred_at, seq, HTTP_INSTALL)
    err_ms = 0 if report.stated_at is None else report.stated_at - occurred_at
    return MailboxEvent(report.event_id, report.event_type, place, occurred_at, err_ms=err_ms, dur_ms=None)


def read_position(item: dict[str, Any] | None) -> Position | None:
    """Return the position of a wire ``after``."""
    if item is None:
        return None
    return Position(item["boot"], item["seq"], item["install"])


def corrected_time(field: str, stated: int | None, age_ms: int | None, received_at: int) -> tuple[int, str]:
    """Return when something happened, in Unix ms, and what was wrong with the stated time ("" if nothing).

    Without a time that can be right it is the arrival less the stated age. Nothing happens after its report arrives.
    """
    aged = max(received_at - (age_ms or 0), min(EARLIEST_MS, received_at))
    if stated is None:
        return aged, ""
    if EARLIEST_MS <= stated <= received_at + LATEST_AHEAD_MS:
        return (stated if stated <= received_at else aged), ""
    by = "the time of arrival" + (" less the stated age" if age_ms is not None else "")
    return aged, f"{field}: expected a time from 2024 to now, got {stated} ms; replaced by {by}"


def _moment(milliseconds: int) -> str:
    """Return Unix milliseconds as ISO 8601 in UTC; what is beyond the calendar, as a zone can make it, as they are."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return f"{milliseconds} ms"
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _error_ms(item: dict[str, Any], occurred_at: int) -> int:
    """Return how wrong the time of an event may be: as its device says, at least by what it was corrected.

    Without a time that can be right and without an age it happened at any time before it arrived.
    """
    stated: int | None = item.get("occurred_at")
    err_ms: int = item["err_ms"]
    if item.get("age_ms") is not None or stated == occurred_at:
        return err_ms
    if stated is None or abs(stated - occurred_at) > LATEST_AHEAD_MS:
        return MAX_AGE
    return max(err_ms, abs(stated - occurred_at))


def _position(event_id: str, seq: int, stated: Position) -> Position:
    """Return where the event stands in its journal; an event of an earlier boot names it in its id."""
    if event_id == f"{stated.install}-{stated.boot}-{seq}":
        return stated
    install, _, rest = event_id.partition("-")
    boot, _, number = rest.partition("-")
    if number != str(seq) or len(install) != INSTALL[1] or any(digit not in "0123456789abcdef" for digit in install):
        return stated
    if not (boot.isascii() and boot.isdigit() and len(boot) <= len(str(MOST_COUNTED)) and int(boot) <= MOST_COUNTED):
        return stated
    return Position(int(boot), seq, install)
