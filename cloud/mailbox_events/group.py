"""The SQL of a group of boards' reports: looked up at once before, written at once after.

A report's own statements cost ten times its rows; what a group shares is asked once. Rules see no difference.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from cloud.devices.model import Device, Position
from cloud.mailbox_events.model import CLOSE, OPEN, DoorEvent, Episode, MailboxEvent
from cloud.mailbox_events.repository import MailboxEventRepository, as_row, new_episode, read_episode
from cloud.ports.database import UnitOfWork
from cloud.ports.update_many import update_many
from cloud.tables import devices as devices_table
from cloud.tables import episodes, mailbox_events

_TAIL = tuple(mailbox_events.c[name] for name in ("device_id", "install", "boot", "seq", "event_type", "episode_id"))
_Tail = tuple[Position, DoorEvent] | None


class GroupRepository(MailboxEventRepository):
    """Events and episodes of some boards, kept in memory until ``flush``; other boards' are not in it."""

    def __init__(self, unit_of_work: UnitOfWork, boards: Sequence[Device], event_ids: Sequence[str]) -> None:
        super().__init__(unit_of_work)
        self._ids = sorted({board.id for board in boards})
        self._known = self._stored(event_ids)
        self._tails: dict[tuple[str, str], _Tail] = self._stored_tails()
        self._episodes = {episode.id: episode for episode in self._stored_running()}
        self._running: dict[str, list[str]] = {}
        for episode in self._episodes.values():
            self._running.setdefault(episode.board_id, []).append(episode.id)
        self._new: dict[str, Episode] = {}
        self._changed: dict[str, Episode] = {}
        self._added: list[dict[str, object]] = []

    def unknown(self, device: Device, events: Sequence[MailboxEvent]) -> list[MailboxEvent]:
        """Return the events that are not stored yet, each once; from now on they are known."""
        new = {event.event_id: event for event in events if (device.id, event.event_id) not in self._known}
        self._known |= {(device.id, event_id) for event_id in new}
        return list(new.values())

    def add(self, device: Device, event: MailboxEvent, received_at: int, episode_id: str | None) -> None:
        """Add an event."""
        self._added.append(self.row(device, event, received_at, episode_id))
        if event.event_type in (OPEN, CLOSE) and episode_id:
            tail = self._tail(device, event.position)
            if tail is None or tail[0] < event.position:
                door = DoorEvent(event.event_type, episode_id)
                self._tails[device.id, event.position.install] = (event.position, door)

    def door_event(self, device: Device, position: Position, *, later: bool) -> DoorEvent | None:
        """Return the nearest opening or closing before this place in the device's journal, or after it."""
        tail = self._tail(device, position)
        if tail is None:
            return None
        if tail[0] < position:
            return None if later else tail[1]
        self.flush()  # it arrived late: the place is among what is stored
        return super().door_event(device, position, later=later)

    def running(self, device: Device) -> list[str]:
        """Return the board's episodes that have not ended, oldest first."""
        begun = self._running.get(device.id, [])
        return [episode_id for episode_id in begun if self._episodes[episode_id].closed_at is None]

    def add_episode(self, device: Device, **values: Any) -> str:
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
        into[episode_id] = self._episodes[episode_id] = replace(current, **values)

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
        for episode in (*self._new.values(), *self._changed.values()):
            self._note_delivery(episode.household_id, episode.id)
        if self._new:
            self._connection.execute(episodes.insert(), [as_row(one) for one in self._new.values()])
        update_many(self._connection, episodes, [_changes(one) for one in self._changed.values()])
        if self._added:
            self._connection.execute(mailbox_events.insert(), self._added)
        self._new, self._changed, self._added = {}, {}, []

    def _tail(self, device: Device, position: Position) -> _Tail:
        """Return the last opening or closing of an install's journal."""
        key = (device.id, position.install)
        if key not in self._tails:
            columns = mailbox_events.c
            mine = (columns.device_id == device.id) & (columns.install == position.install)
            here = columns.household_id == device.household_id  # what it brought to another household is none of ours
            query = select(*_TAIL).where(mine, here, columns.event_type.in_((OPEN, CLOSE)))
            row = self._connection.execute(query.order_by(columns.boot.desc(), columns.seq.desc()).limit(1)).first()
            self._tails[key] = _read_tail(row) if row else None
        return self._tails[key]

    def _stored(self, event_ids: Sequence[str]) -> set[tuple[str, str]]:
        columns = mailbox_events.c
        query = select(columns.device_id, columns.event_id).where(
            columns.device_id.in_(self._ids), columns.event_id.in_(event_ids)
        )
        return {(row.device_id, row.event_id) for row in self._connection.execute(query)}

    def _stored_tails(self) -> dict[tuple[str, str], _Tail]:
        """Return the tails of the journals that the boards had last; another install's is asked for when it comes."""
        event = mailbox_events.alias("event")
        last = (
            select(event.c.id)
            .where(
                event.c.device_id == devices_table.c.id,
                event.c.household_id == devices_table.c.household_id,
                event.c.install == devices_table.c.ack_install,
                event.c.event_type.in_((OPEN, CLOSE)),
            )
            .order_by(event.c.boot.desc(), event.c.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        chosen = devices_table.c.id.in_(self._ids) & devices_table.c.ack_install.is_not(None)
        query = (
            select(*_TAIL).select_from(devices_table.join(mailbox_events, mailbox_events.c.id == last)).where(chosen)
        )
        return {(row.device_id, row.install): _read_tail(row) for row in self._connection.execute(query)}

    def _stored_running(self) -> list[Episode]:
        columns = episodes.c
        # An episode without its end has no close either; that is what the index is over.
        open_ones = columns.board_id.in_(self._ids) & columns.close_event_id.is_(None) & columns.closed_at.is_(None)
        query = select(episodes).where(open_ones).order_by(columns.id)
        return [read_episode(row) for row in self._connection.execute(query)]


def _read_tail(row: Any) -> tuple[Position, DoorEvent]:
    return Position(row.boot, row.seq, row.install), DoorEvent(row.event_type, row.episode_id)


def _changes(episode: Episode) -> dict[str, object]:
    names = ("id", "household_id", "opened_at", "closed_at", "close_event_id", "settle_at")
    return {name: getattr(episode, name) for name in names}
