"""All SQL about mailbox events and episodes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, update

from cloud.devices.model import Device
from cloud.mailbox_events.model import Episode, MailboxEvent
from cloud.ports.database import UnitOfWork
from cloud.tables import episodes, mailbox_events


class MailboxEventRepository:
    """Events and episodes of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._unit_of_work = unit_of_work

    def unknown(self, device: Device, events: Sequence[MailboxEvent]) -> list[MailboxEvent]:
        """Return the events that are not stored yet, each once."""
        names = [event.event_id for event in events]
        query = select(mailbox_events.c.event_id).where(
            mailbox_events.c.device_id == device.id, mailbox_events.c.event_id.in_(names)
        )
        known = set(self._connection.execute(query).scalars())
        return list({event.event_id: event for event in events if event.event_id not in known}.values())

    def add(self, device: Device, event: MailboxEvent, received_at: int, episode_id: str | None) -> None:
        """Insert an event."""
        self._connection.execute(
            mailbox_events.insert().values(
                household_id=device.household_id,
                device_id=device.id,
                event_id=event.event_id,
                event_type=event.event_type,
                occurred_at=event.occurred_at,
                err_ms=event.err_ms,
                dur_ms=event.dur_ms,
                received_at=received_at,
                episode_id=episode_id,
            )
        )

    def open_episode(self, device: Device, occurred_at: int) -> str:
        """Insert the episode that this opening starts."""
        return self._add_episode(device, {"opened_at": occurred_at})

    def gateway_episode(self, device: Device, now: int) -> str:
        """Insert the episode that a gateway with a trigger of its own saw."""
        return self._add_episode(device, {"closed_at": now, "settle_at": now})

    def running_episode(self, device: Device) -> str | None:
        """Return the board's episode whose door has not closed yet, the newest if a close was lost."""
        query = select(episodes.c.id).where(
            episodes.c.household_id == device.household_id,
            episodes.c.board_id == device.id,
            episodes.c.closed_at.is_(None),
        )
        return self._connection.execute(query.order_by(episodes.c.id.desc()).limit(1)).scalar_one_or_none()

    def close_episode(self, device: Device, episode_id: str | None, event: MailboxEvent, settle_at: int) -> str:
        """Close the episode; one whose opening was never heard of is made here."""
        values = {"closed_at": event.occurred_at, "close_event_id": event.event_id, "settle_at": settle_at}
        if episode_id is None:
            return self._add_episode(device, values)
        self._update(device.household_id, episode_id, values)
        return episode_id

    def waiting_for_images(self, household_id: str, mailbox_id: str) -> Episode | None:
        """Return the mailbox's oldest closed episode that its gateway has not answered yet."""
        query = select(episodes).where(
            episodes.c.household_id == household_id,
            episodes.c.mailbox_id == mailbox_id,
            episodes.c.image_count.is_(None),
            episodes.c.close_event_id.is_not(None),
        )
        row = self._connection.execute(query.order_by(episodes.c.closed_at, episodes.c.id).limit(1)).first()
        return _episode(row) if row else None

    def by_close_event(self, household_id: str, mailbox_id: str, event_id: str) -> Episode | None:
        """Return the mailbox's episode that this close event ended."""
        query = select(episodes).where(
            episodes.c.household_id == household_id,
            episodes.c.mailbox_id == mailbox_id,
            episodes.c.close_event_id == event_id,
        )
        row = self._connection.execute(query).first()
        return _episode(row) if row else None

    def episode(self, household_id: str, episode_id: str) -> Episode | None:
        """Return one episode."""
        query = select(episodes).where(episodes.c.household_id == household_id, episodes.c.id == episode_id)
        row = self._connection.execute(query).first()
        return _episode(row) if row else None

    def set_image_count(self, household_id: str, episode_id: str, count: int) -> None:
        """Store how many images the gateway has for this episode."""
        self._update(household_id, episode_id, {"image_count": count})

    def settle(self, household_id: str, episode_id: str, kind: str, now: int) -> None:
        """Store the judgement of an episode."""
        self._update(household_id, episode_id, {"kind": kind, "settled_at": now})

    def newest(self, household_id: str, limit: int, before: str = "~") -> list[Episode]:
        """Return the household's episodes, newest first, from those before the id ``before``."""
        query = select(episodes).where(episodes.c.household_id == household_id, episodes.c.id < before)
        return [_episode(row) for row in self._connection.execute(query.order_by(episodes.c.id.desc()).limit(limit))]

    def _add_episode(self, device: Device, values: dict[str, Any]) -> str:
        episode_id = self._unit_of_work.new_id()
        self._connection.execute(
            episodes.insert().values(
                id=episode_id,
                household_id=device.household_id,
                mailbox_id=device.mailbox_id,
                board_id=device.id,
                **values,
            )
        )
        return episode_id

    def _update(self, household_id: str, episode_id: str, values: dict[str, Any]) -> None:
        chosen = (episodes.c.household_id == household_id) & (episodes.c.id == episode_id)
        self._connection.execute(update(episodes).where(chosen).values(**values))


def _episode(row: Row[Any]) -> Episode:
    return Episode(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for the row as a mapping
