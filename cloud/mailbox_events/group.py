"""The SQL of a group of boards' reports: looked up at once before, written at once after.

A report's own statements cost ten times its rows; what a group shares is asked once. Rules see no difference.
"""

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy import func, select

from cloud.devices.model import Placed, Position
from cloud.mailbox_events.model import CLOSE, OPEN, DoorEvent, Episode, Journal, MailboxEvent, StoredEvent
from cloud.mailbox_events.repository import MailboxEventRepository, new_episode
from cloud.ports.database import UnitOfWork
from cloud.ports.given_rows import ID, NAME, GivenRows, by
from cloud.ports.insert_many import insert_many, insert_telling
from cloud.ports.update_many import update_many
from cloud.tables import episodes, mailbox_events

_TAIL = tuple(mailbox_events.c[name] for name in ("install", "boot", "seq", "event_type", "episode_id"))
_CHANGING = ("id", "household_id", "opened_at", "closed_at", "close_event_id", "settle_at")
_changing = attrgetter(*_CHANGING)
# A board's id and its event's, which is unique per board.
Name = tuple[str, str]
_Tail = tuple[Position, DoorEvent] | None


class GroupRepository(MailboxEventRepository):
    """Events of some journals and their boards' episodes, kept in memory until ``flush``; others' are not in it.

    ``named`` are the events that may be stored already, by board and name.
    """

    def __init__(self, unit_of_work: UnitOfWork, journals: Collection[Journal], named: Collection[Name]) -> None:
        super().__init__(unit_of_work)
        self.now = unit_of_work.now
        stored = self._stored(named)
        self._known = {name: event.event_type for name, event in stored.items()}
        self._numbers = {name: event.id for name, event in stored.items()}
        self._tails: dict[tuple[str, str], _Tail] = {}
        self._episodes: dict[str, Episode] = {}
        self._running: dict[str, list[str]] = {}
        self._look_up(journals)
        self._new: dict[str, Episode] = {}
        self._changed: dict[str, Episode] = {}
        self._added: list[dict[str, object]] = []

    def unknown(self, device: Placed, events: Sequence[MailboxEvent]) -> list[MailboxEvent]:
        """Return the events that are not stored yet, each once; from now on they are known."""
        new = {event.event_id: event for event in events if (device.id, event.event_id) not in self._known}
        self._known |= {(device.id, event_id): event.event_type for event_id, event in new.items()}
        return list(new.values())

    def known_type(self, device: Placed, event_id: str) -> str | None:
        """Return the type of the board's event of this name, of this group or an earlier one."""
        return self._known.get((device.id, event_id))

    def next_place(self, device: Placed, install: str, boot: int) -> int:
        """Return the first free ``seq`` of this boot in the board's journal."""
        tail = self._tails[device.id, install]
        if tail is None or tail[0].boot < boot:
            return 0
        if tail[0].boot == boot:
            return tail[0].seq + 1
        self.flush()
        columns = mailbox_events.c
        mine = (columns.household_id == device.household_id) & (columns.device_id == device.id)
        query = select(func.max(columns.seq)).where(mine, columns.install == install, columns.boot == boot)
        last = self._connection.execute(query).scalar_one()
        return 0 if last is None else int(last) + 1

    def add(self, device: Placed, event: MailboxEvent, received_at: int, episode_id: str | None) -> None:
        """Add an event."""
        self._added.append(self.row(device, event, received_at, episode_id))
        if event.event_type in (OPEN, CLOSE) and episode_id:
            tail = self._tails[device.id, event.position.install]
            if tail is None or tail[0] < event.position:
                door = DoorEvent(event.event_type, episode_id)
                self._tails[device.id, event.position.install] = (event.position, door)

    def door_event(self, device: Placed, position: Position, *, later: bool) -> DoorEvent | None:
        """Return the nearest opening or closing before this place in the device's journal, or after it."""
        tail = self._tails[device.id, position.install]
        if tail is None:
            return None
        if tail[0] < position:
            return None if later else tail[1]
        self.flush()  # it arrived late: the place is among what is stored
        return super().door_event(device, position, later=later)

    def running(self, device: Placed) -> list[str]:
        """Return the board's episodes that have not ended, oldest first."""
        begun = self._running.get(device.id, [])
        return [episode_id for episode_id in begun if self._episodes[episode_id].closed_at is None]

    def add_episode(self, device: Placed, **values: Any) -> str:
        """Add an episode of the device's mailbox and return its id."""
        episode = new_episode(self._unit_of_work.new_id(), device, values)
        self._new[episode.id] = self._episodes[episode.id] = episode
        self._running.setdefault(device.id, []).append(episode.id)
        return episode.id

    def change_episode(self, household_id: str, episode_id: str, **values: Any) -> None:
        """Change fields of an episode."""
        current = self.episode(household_id, episode_id)
        if current is None:
            return
        into = self._new if episode_id in self._new else self._changed
        into[episode_id] = self._episodes[episode_id] = current._replace(**values)

    def episode(self, household_id: str, episode_id: str) -> Episode | None:
        """Return one episode."""
        if episode_id not in self._episodes:
            stored = super().episode(household_id, episode_id)
            if stored is None:
                return None
            self._episodes[episode_id] = stored
        found = self._episodes[episode_id]
        return found if found.household_id == household_id else None

    def flush(self) -> None:
        """Write what was added and changed."""
        self._flush_episodes()
        insert_many(self._connection, mailbox_events, self._added)
        self._added = []

    def flush_numbered(self, named: Collection[Name]) -> Mapping[Name, int]:
        """Write what was added and changed, and return the numbers of these events."""
        self._flush_episodes()
        told = insert_telling(self._connection, mailbox_events, self._added, "device_id, event_id, id")
        self._added = []
        self._numbers |= {(device_id, event_id): number for device_id, event_id, number in told}
        untold = [name for name in named if name not in self._numbers]
        return self._numbers | {name: event.id for name, event in self._stored(untold).items()}

    def _flush_episodes(self) -> None:
        for episode in (*self._new.values(), *self._changed.values()):
            self._note_delivery(episode.household_id, episode.id)
        insert_many(self._connection, episodes, [one._asdict() for one in self._new.values()])
        update_many(self._connection, episodes, [_changes(one) for one in self._changed.values()])
        self._new, self._changed = {}, {}

    def _stored(self, named: Collection[Name]) -> dict[Name, StoredEvent]:
        """Return those of the events that are stored, or were until their owner deleted them, each with its number."""
        if not named:
            return {}
        rows = _STORED.read(self._connection, list(named))
        return {(row[0], row[2]): StoredEvent._make(row[1:]) for row in rows}

    def _look_up(self, journals: Collection[Journal]) -> None:
        """Read the last opening or closing of each journal, and what runs of its board."""
        begun = set[Episode]()  # a board may tell of two installs at once
        for board, its, last, running in _STATES.read(self._connection, [tuple(one) for one in journals]):
            self._tails[board, its] = _read_tail(*orjson.loads(last)) if last else None
            if running:
                begun.add(Episode(*orjson.loads(running)))
        for episode in sorted(begun):
            self._episodes[episode.id] = episode
            self._running.setdefault(episode.board_id, []).append(episode.id)


def _states(dialect: str, given: str, _: str) -> str:
    """Return the query for the last opening or closing of each journal, beside its board's episodes that run.

    Both as JSON: as columns that one would be looked up once more, and the driver takes its time over each value.
    """
    # Else MySQL would read all of the household's events, and sort them.
    index = by(dialect, "ix_mailbox_events_device_id_install_boot_seq")
    last = ", ".join(f"event.{column.name}" for column in _TAIL)
    running = ", ".join(f"episodes.{name}" for name in Episode._fields)
    # The index of episodes begins with the close, which one that runs has no more than an end.
    return (
        f"SELECT given.device_id, given.install, (SELECT json_array({last}) "  # noqa: S608 - our own names
        f"FROM mailbox_events AS event {index} "
        "WHERE event.device_id = given.device_id AND event.household_id = given.household_id "
        f"AND event.install = given.install AND event.event_type IN ('{OPEN}', '{CLOSE}') "
        f"ORDER BY event.boot DESC, event.seq DESC LIMIT 1), "
        f"CASE WHEN episodes.id IS NOT NULL THEN json_array({running}) END "
        f"FROM {given} LEFT JOIN episodes ON episodes.board_id = given.device_id "
        "AND episodes.close_event_id IS NULL AND episodes.closed_at IS NULL"
    )


_STATES = GivenRows(_states, device_id=ID, household_id=ID, install=NAME)
_STORED = GivenRows(
    lambda _, given, joined: (
        "SELECT event.device_id, event.id, event.event_id, event.event_type, event.occurred_at "  # noqa: S608 - same
        f"FROM {given} {joined} mailbox_events AS event "
        "ON event.device_id = given.device_id AND event.event_id = given.event_id "
        "UNION ALL SELECT gone.device_id, gone.number, gone.event_id, gone.event_type, gone.deleted_at "
        f"FROM {given} {joined} deleted_events AS gone "
        "ON gone.device_id = given.device_id AND gone.event_id = given.event_id"
    ),
    device_id=ID,
    event_id=NAME,
)


def _read_tail(install: str, boot: int, seq: int, event_type: str, episode_id: str) -> tuple[Position, DoorEvent]:
    return Position(boot, seq, install), DoorEvent(event_type, episode_id)


def _changes(episode: Episode) -> dict[str, object]:
    return dict(zip(_CHANGING, _changing(episode), strict=True))
