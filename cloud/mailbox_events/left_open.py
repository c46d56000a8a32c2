"""Doors that stand open for long, by what was reported over HTTP: there no board tells of that itself."""

from sqlalchemy import ColumnElement, select

from cloud.devices.model import PlacedDevice, Position
from cloud.mailbox_events.group import GroupRepository
from cloud.mailbox_events.model import (
    HISTORY_MS,
    HTTP_INSTALL,
    LEFT_OPEN_MS,
    OPEN,
    STILL_OPEN,
    Episode,
    Journal,
    MailboxEvent,
)
from cloud.mailbox_events.repository import read_episode
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.tables import devices, episodes, mailbox_events
from cloud.trouble_tables import deleted_events

DOOR_LEFT_OPEN = "door_left_open"


class LeftOpenRepository:
    """The openings over HTTP of one unit of work that last."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now

    def untold(self) -> list[Episode]:
        """Return the openings, of whatever household, that have lasted for long and of which no event tells yet.

        One of each device at a time; the others are next.
        What an owner deleted was told. History that came without its last close is none: nobody knows of a door now.
        """
        begun = episodes.c.opened_at.between(self._now - HISTORY_MS, self._now - LEFT_OPEN_MS)
        one = select(episodes.c.id).where(*_RUNNING, begun, _is_http(), ~_told()).limit(1).scalar_subquery()
        ids = self._connection.execute(select(one).where(devices.c.deleted_at.is_(None), one.is_not(None))).scalars()
        rows = self._connection.execute(select(episodes).where(episodes.c.id.in_(ids.all())).order_by(episodes.c.id))
        found = [read_episode(row) for row in rows]
        return [one for one in found if not self._is_deleted(one)]

    def was_left_open(self, episode: Episode) -> bool:
        """Return whether an opening over HTTP had lasted for long when its close was reported."""
        if episode.opened_at is None or (episode.reported_close or 0) - episode.opened_at < LEFT_OPEN_MS:
            return False
        chosen = (episodes.c.household_id == episode.household_id) & (episodes.c.id == episode.id)
        return self._connection.execute(select(episodes.c.id).where(chosen, _is_http())).first() is not None

    def _is_deleted(self, episode: Episode) -> bool:
        query = select(deleted_events.c.number).where(
            deleted_events.c.household_id == episode.household_id,
            deleted_events.c.device_id == episode.board_id,
            deleted_events.c.event_id == _name(episode),
        )
        return self._connection.execute(query).first() is not None


def tell(unit_of_work: UnitOfWork) -> list[Event]:
    """Note of each door that has been open for long what its board would say of it; returns what follows, one each."""
    found, now = LeftOpenRepository(unit_of_work).untold(), unit_of_work.now
    boards = [PlacedDevice(one.board_id, one.household_id, one.mailbox_id) for one in found]
    group = GroupRepository(unit_of_work, [Journal(one.board_id, one.household_id, HTTP_INSTALL) for one in found], [])
    for board, episode in zip(boards, found, strict=True):
        place = Position(now, group.next_place(board, HTTP_INSTALL, now), HTTP_INSTALL)
        dur_ms = now - (episode.opened_at or now)
        event = MailboxEvent(_name(episode), STILL_OPEN, place, now, err_ms=0, dur_ms=dur_ms)
        group.add(board, event, now, episode.id)
    group.flush()
    return [Event(DOOR_LEFT_OPEN, one.household_id, one.id) for one in found]


def _name(episode: Episode) -> str:
    """Return the name of the event that tells of an episode; no caller's begins so."""
    return f"open.{episode.id}"


# Asked of each device, which are few: an index finds what runs of it, where all episodes would have to be read.
_RUNNING = (
    episodes.c.board_id == devices.c.id,
    episodes.c.household_id == devices.c.household_id,
    episodes.c.close_event_id.is_(None),
    episodes.c.closed_at.is_(None),
)


def _of_episode(event_type: str) -> tuple[ColumnElement[bool], ...]:
    event = mailbox_events.c
    same = (event.household_id == episodes.c.household_id) & (event.device_id == episodes.c.board_id)
    return (
        same,
        event.occurred_at >= episodes.c.opened_at,
        event.episode_id == episodes.c.id,
        event.event_type == event_type,
    )


def _is_http() -> ColumnElement[bool]:
    """Whether an episode's opening came over HTTP, and is still listed."""
    begun = mailbox_events.c.occurred_at == episodes.c.opened_at
    return (
        select(mailbox_events.c.id).where(*_of_episode(OPEN), begun, mailbox_events.c.install == HTTP_INSTALL).exists()
    )


def _told() -> ColumnElement[bool]:
    return select(mailbox_events.c.id).where(*_of_episode(STILL_OPEN)).exists()
