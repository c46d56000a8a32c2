"""The event interface's requests and answers, in the seed's words."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cloud.api.answers import IsoTime, Number, iso, iso_or_none
from cloud.mailbox_events.gaps import Gap
from cloud.mailbox_events.model import Episode, StoredEvent


class DoorEventType(StrEnum):
    """What HTTP takes."""

    OPEN = "open"
    CLOSE = "close"


# What a list shows: more than HTTP takes, for boards say more.
StoredEventType = Literal["open", "close", "still_open", "tamper", "boot", "low_battery"]


class EventFilter(StrEnum):
    """Which events a list shows."""

    DOOR = "door"
    ALL = "all"
    OPEN = "open"
    CLOSE = "close"
    STILL_OPEN = "still_open"
    TAMPER = "tamper"
    BOOT = "boot"
    LOW_BATTERY = "low_battery"


class ShortEvent(StrEnum):
    """What very small boards say."""

    OPENED = "o"
    CLOSED = "c"
    OPEN = "open"
    CLOSE = "close"


WHEN = (
    "when it happened, ISO 8601 from 2010 to now; else now; without a zone it is UTC. Up to five minutes ahead of "
    "the server it is taken as now, anything else is refused with 422: who has no clock leaves it out"
)
ALSO = "timestamp by the name that events are read with, ISO 8601; of both together each says the same"
EventId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,59}$")]


class NewEvent(BaseModel):
    """An opening or closing of the door."""

    device_id: Number
    event_type: DoorEventType
    timestamp: datetime | None = Field(default=None, description=WHEN)
    occurred_at: datetime | None = Field(default=None, description=ALSO)
    event_id: EventId | None = Field(default=None, description="the same for every report of one event")


class EventAnswer(BaseModel):
    """A stored event; ``occurred_at`` is ISO 8601 in UTC."""

    model_config = ConfigDict(frozen=True)

    id: Number
    device_id: Number
    event_type: StoredEventType
    occurred_at: IsoTime


class EpisodeAnswer(BaseModel):
    """One opening of the door; times are ISO 8601 in UTC, null where nobody reported or judged it."""

    id: str
    device_id: Number
    kind: Annotated[
        Literal["delivery", "collection", "left_open", "vibration"] | None, Field(description="null until it is judged")
    ]
    opened_at: Annotated[str | None, Field(description="ISO 8601 in UTC; null where no opening was reported")]
    closed_at: Annotated[str | None, Field(description="ISO 8601 in UTC; null where no closing was reported")]
    settled_at: Annotated[str | None, Field(description="when it was judged, ISO 8601 in UTC; null until then")]


class MissingAnswer(BaseModel):
    """Reports of a board that never came, and how many openings they may be; times are ISO 8601 in UTC."""

    id: str
    openings: int
    events: int
    since: Annotated[str | None, Field(description="not before, ISO 8601 in UTC; null where that is unknown")]
    until: Annotated[str, Field(description="not after, ISO 8601 in UTC")]


def missing_answer(gap: Gap) -> MissingAnswer:
    """Return a gap as it is answered."""
    since = iso_or_none(gap.since)
    return MissingAnswer(id=gap.id, openings=gap.openings, events=gap.events, since=since, until=iso(gap.until))


def episode_answer(episode: Episode, device_number: int) -> EpisodeAnswer:
    """Return an episode as it is answered."""
    return EpisodeAnswer.model_validate(
        {
            "id": episode.id,
            "device_id": device_number,
            "kind": episode.kind,
            "opened_at": iso_or_none(episode.opened_at),
            "closed_at": iso_or_none(episode.reported_close),
            "settled_at": iso_or_none(episode.settled_at),
        }
    )


def event_answer(event: StoredEvent, device_number: int) -> dict[str, object]:
    """Return an event as it is answered: plain, for a page holds hundreds."""
    return {
        "id": event.id,
        "device_id": device_number,
        "event_type": event.event_type,
        "occurred_at": iso(event.occurred_at),
    }
