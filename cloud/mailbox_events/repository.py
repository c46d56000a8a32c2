"""All SQL about mailbox events and episodes."""

from collections.abc import Collection, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import BindParameter, ColumnElement, Row, Select, bindparam, func, select, update

from cloud.api.paging import Page
from cloud.devices.model import Device, Placed, Position
from cloud.mailbox_events.gaps import Gap
from cloud.mailbox_events.model import (
    CLOSE,
    EVENT_TYPES,
    HISTORY_MS,
    OPEN,
    STILL_OPEN,
    TAMPER,
    DoorEvent,
    Episode,
    MailboxEvent,
    Movement,
    StoredEvent,
)
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.driver_statement import DriverStatement
from cloud.ports.given_rows import by
from cloud.ports.own_rows import expect_own
from cloud.tables import devices, episodes, mailbox_events, mailboxes
from cloud.trouble_tables import deleted_events, event_gaps

# A board that says nonsense must not fill a page, nor the memory.
MOST_GAPS, MOST_MOVEMENTS = 100, 500
# How many events of a device an overview of many devices shows.
NEWEST = 5
GAP = tuple(
    event_gaps.c[name]
    for name in ("id", "device_id", "install", "boot", "first_seq", "last_seq", "after_at", "before_at")
)
# An episode that runs has neither; the index begins with the close, which those that nobody saw closed lack, too.
_RUNNING = (episodes.c.close_event_id.is_(None), episodes.c.closed_at.is_(None))


class MailboxEventRepository:
    """Events and episodes of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._unit_of_work = unit_of_work

    @staticmethod
    def row(device: Placed, event: MailboxEvent, received_at: int, episode_id: str | None) -> dict[str, object]:
        """Return an event as its row."""
        return {
            "household_id": device.household_id,
            "device_id": device.id,
            "event_id": event.event_id,
            "event_type": event.event_type,
            "install": event.position.install,
            "boot": event.position.boot,
            "seq": event.position.seq,
            "occurred_at": event.occurred_at,
            "err_ms": event.err_ms,
            "dur_ms": event.dur_ms,
            "received_at": received_at,
            "episode_id": episode_id,
        }

    def listed(self, household_id: str, device_id: str, kinds: Sequence[str], page: Page) -> list[StoredEvent]:
        """Return a page of the device's events of these types, newest first."""
        last_at, last_number = page.before
        values: dict[str, object] = {"household": household_id, "device": device_id, "limit": page.limit}
        values |= {"since": page.since, "until": page.until, "last_at": last_at, "last_number": last_number}
        values |= {f"kind_{place}": kind for place, kind in enumerate(kinds)}
        rows = orjson.loads(_PAGES[len(kinds)].run(self._connection, values).scalar_one() or "[]")
        return [StoredEvent._make(row) for row in sorted(rows, key=_newest_last, reverse=True)]

    def newest_of(self, household_id: str, device_ids: Collection[str]) -> list[tuple[str, StoredEvent]]:
        """Return the newest ``NEWEST`` openings and closings of each of the devices, with its id, newest first.

        However many events there are, it walks to these alone, in two statements for however many devices.
        """
        chosen = (devices.c.household_id == household_id) & devices.c.id.in_(sorted(device_ids))
        found = self._connection.execute(_NEWEST.where(chosen), {"household": household_id})
        numbers = [number for row in found for number in row if number is not None]
        query = select(mailbox_events.c.device_id, *_STORED).order_by(_AT.desc(), _NUMBER.desc())
        mine = (mailbox_events.c.household_id == household_id) & _NUMBER.in_(numbers)
        rows = self._connection.execute(query.where(mine))
        return [(device_id, StoredEvent(*event)) for device_id, *event in rows]

    def remove(self, household_id: str, number: int) -> str | None:
        """Delete an event of the household by its number; returns its type, None without one. Its name stays known."""
        chosen = (mailbox_events.c.household_id == household_id) & (mailbox_events.c.id == number)
        name = select(mailbox_events.c.device_id, mailbox_events.c.event_id, mailbox_events.c.event_type)
        row = self._connection.execute(name.where(chosen)).first()
        if row is None or self._connection.execute(mailbox_events.delete().where(chosen)).rowcount == 0:
            return None
        deleted: dict[str, object] = {
            "household_id": household_id,
            "number": number,
            "deleted_at": self._unit_of_work.now,
        }
        deleted |= {"device_id": row.device_id, "event_id": row.event_id, "event_type": row.event_type}
        self._connection.execute(deleted_events.insert(), deleted)
        return str(row.event_type)

    def door_event(self, device: Placed, position: Position, *, later: bool) -> DoorEvent | None:
        """Return the nearest opening or closing before this place in the device's journal, or after it."""
        same = (mailbox_events.c.device_id == device.id) & (mailbox_events.c.install == position.install)
        query = select(mailbox_events.c.event_type, mailbox_events.c.episode_id).where(
            mailbox_events.c.household_id == device.household_id,
            same,
            mailbox_events.c.event_type.in_((OPEN, CLOSE)),
            _is_after(position) if later else _is_before(position),
        )
        order = (mailbox_events.c.boot, mailbox_events.c.seq)
        query = query.order_by(*(order if later else (column.desc() for column in order)))
        row = self._connection.execute(query.limit(1)).first()
        return DoorEvent(row.event_type, row.episode_id) if row else None

    def add_episode(self, device: Placed, **values: Any) -> str:
        """Insert an episode of the device's mailbox and return its id; raises NotFoundError for another household's."""
        expect_own(self._connection, device.household_id, (devices, device.id), (mailboxes, device.mailbox_id))
        episode = new_episode(self._unit_of_work.new_id(), device, values)
        self._connection.execute(episodes.insert(), episode._asdict())
        self._note_delivery(episode.household_id, episode.id)
        return episode.id

    def change_episode(self, household_id: str, episode_id: str, **values: Any) -> None:
        """Update columns of an episode."""
        chosen = (episodes.c.household_id == household_id) & (episodes.c.id == episode_id)
        if self._connection.execute(update(episodes).where(chosen).values(**values)).rowcount:
            self._note_delivery(household_id, episode_id)

    def end_episodes(self, household_id: str, board_id: str) -> list[str]:
        """End what is still open of a board now, to be judged at once; returns the ids, oldest first."""
        ended = self._of_board_running(household_id, board_id)
        for episode_id in ended:
            now = self._unit_of_work.now
            self.change_episode(household_id, episode_id, closed_at=now, settle_at=now)
        return ended

    def was_left_open(self, episode: Episode) -> bool:
        """Return whether the board told that the door stood open for long in this episode."""
        query = select(mailbox_events.c.id).where(
            mailbox_events.c.household_id == episode.household_id,
            mailbox_events.c.device_id == episode.board_id,
            mailbox_events.c.occurred_at >= (episode.opened_at or 0),
            mailbox_events.c.event_type == STILL_OPEN,
            mailbox_events.c.episode_id == episode.id,
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def movements_near(self, episode: Episode, within_ms: int) -> int:
        """Return how often the door moved from so long before the episode's end to so long after."""
        at, end = mailbox_events.c.occurred_at, episode.closed_at or 0
        query = select(func.count()).where(
            mailbox_events.c.household_id == episode.household_id,
            mailbox_events.c.device_id == episode.board_id,
            mailbox_events.c.event_type.in_((OPEN, CLOSE)),
            at.between(end - within_ms, end + within_ms),
        )
        return int(self._connection.execute(query).scalar_one())

    def movements(self, episode: Episode, before_ms: int, after_ms: int) -> list[Movement]:
        """Return how the door moved, and storms, from so long before an episode's begin to so long after its end."""
        begun, ended = episode.span
        query = select(mailbox_events.c.occurred_at, mailbox_events.c.event_type).where(
            mailbox_events.c.household_id == episode.household_id,
            mailbox_events.c.device_id == episode.board_id,
            mailbox_events.c.occurred_at.between(begun - before_ms, ended + after_ms),
            mailbox_events.c.event_type.in_((OPEN, CLOSE, TAMPER)),
        )
        rows = self._connection.execute(query.order_by(_AT, _NUMBER).limit(MOST_MOVEMENTS))
        return [Movement(*row) for row in rows]

    def judged_near(self, episode: Episode, within_ms: int) -> list[Episode]:
        """Return the board's other episodes with an event so shortly before or after this one that are judged."""
        begun, ended = episode.span
        near = select(mailbox_events.c.episode_id).where(
            mailbox_events.c.household_id == episode.household_id,
            mailbox_events.c.device_id == episode.board_id,
            mailbox_events.c.occurred_at.between(begun - within_ms, ended + within_ms),
        )
        query = select(episodes).where(
            episodes.c.household_id == episode.household_id,
            episodes.c.id.in_(near),
            episodes.c.id != episode.id,
            episodes.c.settled_at.is_not(None),
        )
        return [read_episode(row) for row in self._connection.execute(query.order_by(episodes.c.id))]

    def close_errors(self, household_id: str, closed: Sequence[Episode]) -> dict[str, int]:
        """Return by episode how wrong the time of its close may be, in ms."""
        boards = {episode.board_id for episode in closed}
        names = [episode.close_event_id for episode in closed if episode.close_event_id]
        query = select(mailbox_events.c.episode_id, mailbox_events.c.err_ms).where(
            mailbox_events.c.household_id == household_id,
            mailbox_events.c.device_id.in_(sorted(boards)),
            mailbox_events.c.event_id.in_(names),
        )
        return {row.episode_id: row.err_ms for row in self._connection.execute(query)}

    def open_gaps(self, household_id: str, since: int, until: int) -> list[Gap]:
        """Return the household's gaps that are still open and end within a time, in Unix ms, newest first."""
        query = select(*GAP).where(
            event_gaps.c.household_id == household_id,
            event_gaps.c.closed_at.is_(None),
            event_gaps.c.before_at >= since,
            event_gaps.c.before_at < until,
        )
        return self._gaps(query)

    def open_gaps_of(self, household_id: str, board_id: str) -> list[Gap]:
        """Return the gaps of one of the household's boards that are still open, newest first."""
        query = select(*GAP).where(
            event_gaps.c.household_id == household_id,
            event_gaps.c.device_id == board_id,
            event_gaps.c.closed_at.is_(None),
        )
        return self._gaps(query)

    def waiting_for_images(self, gateway: Device) -> Episode | None:
        """Return the oldest closed episode that the mailbox's gateway has not answered yet.

        What was settled before there was this gateway is nothing that it could photograph (ids are ordered by time),
        nor is history: a close is settled soon after it was heard of.
        """
        query = select(episodes).where(
            episodes.c.household_id == gateway.household_id,
            episodes.c.mailbox_id == gateway.mailbox_id,
            episodes.c.settled_at.is_(None) | (episodes.c.id > gateway.id),
            episodes.c.image_count.is_(None),
            episodes.c.close_event_id.is_not(None),
            episodes.c.settle_at <= episodes.c.closed_at + HISTORY_MS,
        )
        row = self._connection.execute(query.order_by(episodes.c.closed_at, episodes.c.id).limit(1)).first()
        return read_episode(row) if row else None

    def by_close_event(self, household_id: str, mailbox_id: str, event_id: str) -> Episode | None:
        """Return the mailbox's episode that this close event ended."""
        query = select(episodes).where(
            episodes.c.household_id == household_id,
            episodes.c.mailbox_id == mailbox_id,
            episodes.c.close_event_id == event_id,
        )
        row = self._connection.execute(query).first()
        return read_episode(row) if row else None

    def episode(self, household_id: str, episode_id: str) -> Episode | None:
        """Return one episode."""
        query = select(episodes).where(episodes.c.household_id == household_id, episodes.c.id == episode_id)
        row = self._connection.execute(query).first()
        return read_episode(row) if row else None

    def by_event(self, household_id: str, device_id: str, event_id: str) -> Episode | None:
        """Return the episode that the device's event of this name belongs to."""
        query = select(episodes).join(mailbox_events, mailbox_events.c.episode_id == episodes.c.id)
        query = query.where(
            episodes.c.household_id == household_id,
            mailbox_events.c.device_id == device_id,
            mailbox_events.c.event_id == event_id,
        )
        row = self._connection.execute(query).first()
        return read_episode(row) if row else None

    def unsettled(self, household_id: str, mailbox_id: str) -> Episode | None:
        """Return the mailbox's newest episode if it is still to be judged."""
        query = select(episodes).where(episodes.c.household_id == household_id, episodes.c.mailbox_id == mailbox_id)
        row = self._connection.execute(query.order_by(episodes.c.id.desc()).limit(1)).first()
        return read_episode(row) if row and row.settled_at is None else None

    def newest(self, household_id: str, limit: int, before: str = "~") -> list[Episode]:
        """Return the household's episodes, newest first, from those before the id ``before``."""
        query = select(episodes).where(episodes.c.household_id == household_id, episodes.c.id < before)
        return [
            read_episode(row) for row in self._connection.execute(query.order_by(episodes.c.id.desc()).limit(limit))
        ]

    def _gaps(self, query: Select[Any]) -> list[Gap]:
        newest = query.order_by(event_gaps.c.before_at.desc(), event_gaps.c.id.desc()).limit(MOST_GAPS)
        return [Gap(*row) for row in self._connection.execute(newest)]

    def _of_board_running(self, household_id: str, board_id: str) -> list[str]:
        query = select(episodes.c.id).where(
            episodes.c.household_id == household_id, episodes.c.board_id == board_id, *_RUNNING
        )
        # Sorted here: SQLite would rather walk all of the household's episodes than sort a few.
        return sorted(self._connection.execute(query).scalars())

    def _note_delivery(self, household_id: str, episode_id: str) -> None:
        self._unit_of_work.note_change(Change(household_id, ChangeKind.DELIVERY, episode_id))


def new_episode(episode_id: str, device: Placed, values: dict[str, Any]) -> Episode:
    """Return an episode of a device's mailbox of which nothing is known but ``values``."""
    unknown = dict.fromkeys(("opened_at", "closed_at", "close_event_id", "settle_at", "image_count"))
    given = unknown | dict.fromkeys(("kind", "settled_at")) | values
    return Episode(episode_id, device.household_id, device.mailbox_id, device.id, **given)


def read_episode(row: Row[Any]) -> Episode:
    """Return an episode of its row."""
    return Episode(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for the row as a mapping


_STORED = tuple(mailbox_events.c[name] for name in StoredEvent._fields)
_AT, _NUMBER = mailbox_events.c.occurred_at, mailbox_events.c.id
_LAST_AT: BindParameter[int] = bindparam("last_at")
_LAST_NUMBER: BindParameter[int] = bindparam("last_number")


def _page(kinds: int, dialect: str) -> Select[Any]:
    """Return the query for a page of the events of so many types, as one text.

    Every row of its own costs the driver more than its values; an aggregate promises no order.
    """
    # That times are not after the last one seen ends the walk along the index; the condition that follows is exact.
    events = (
        select(*_STORED)
        .where(
            mailbox_events.c.household_id == bindparam("household"),
            mailbox_events.c.device_id == bindparam("device"),
            mailbox_events.c.event_type.in_([bindparam(f"kind_{place}") for place in range(kinds)]),
            _AT.between(bindparam("since"), _LAST_AT),
            _AT < bindparam("until"),  # noqa: SIM300 - no Yoda: the column is the subject
            (_AT < _LAST_AT) | (_NUMBER < _LAST_NUMBER),
        )
        .order_by(_AT.desc(), _NUMBER.desc())
        .limit(bindparam("limit"))
        .subquery("page")
    )
    row = func.json_array(*events.c)
    return select(func.json_group_array(row) if dialect == "sqlite" else func.json_arrayagg(row))


# By how many types are asked for.
_PAGES = {kinds: DriverStatement(partial(_page, kinds)) for kinds in range(1, len(EVENT_TYPES) + 1)}
_newest_last = itemgetter(StoredEvent._fields.index("occurred_at"), StoredEvent._fields.index("id"))

# An alias, for the outer query is about devices; by its index each is found at once, however many events there are.
# The order names the index whole: of a device that the outer query gives MySQL would sort all events without it.
_OWN = mailbox_events.alias("own")
_OWN_EVENTS = (
    select(_OWN.c.id)
    .with_hint(_OWN, by("mysql", "ix_mailbox_events_device_id_occurred_at_id"), "mysql")
    .where(
        _OWN.c.household_id == bindparam("household"),
        _OWN.c.device_id == devices.c.id,
        _OWN.c.event_type.in_((OPEN, CLOSE)),
    )
    .order_by(_OWN.c.device_id.desc(), _OWN.c.occurred_at.desc(), _OWN.c.id.desc())
    .limit(1)
)
_NEWEST = select(*(_OWN_EVENTS.offset(place).scalar_subquery() for place in range(NEWEST)))


def _is_before(position: Position) -> ColumnElement[bool]:
    boot, seq = mailbox_events.c.boot, mailbox_events.c.seq
    return (boot < position.boot) | ((boot == position.boot) & (seq < position.seq))


def _is_after(position: Position) -> ColumnElement[bool]:
    boot, seq = mailbox_events.c.boot, mailbox_events.c.seq
    return (boot > position.boot) | ((boot == position.boot) & (seq > position.seq))
