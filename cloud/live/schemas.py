"""HTTP bodies of the live feed."""

from pydantic import BaseModel, Field

from cloud.api.answers import iso
from cloud.live.model import Update
from cloud.ports.changes import ChangeKind


class ChangeAnswer(BaseModel):
    """One thing that is new, different or gone; what it is now, its own route says.

    `delivery` is an opening of the door, listed by `/mailbox/episodes`. Of `letter`, `email`, `problem` and `gap` the
    pages tell what they are: `/letters/{id}`, `/outbox/{id}`, `/problems` and `/`.
    """

    kind: ChangeKind
    id: str | None = Field(description="its id or number in this API; null for several of a kind, or one that is gone")
    at: str = Field(description="when it was committed, ISO 8601 in UTC")


class LiveAnswer(BaseModel):
    """What changed in the household, oldest first."""

    changes: list[ChangeAnswer]
    next: int = Field(description="where to go on: `since` of the next request, and `id` of a message of the stream")
    reload: bool = Field(description="whether to load everything anew: what came after the given position is not known")


def live_answer(update: Update) -> LiveAnswer:
    """Return an update as it is told over HTTP."""
    told = [
        ChangeAnswer(kind=kind, id=name, at=iso(entry.changed_at))
        for entry in update.entries
        for kind, name in entry.changed
    ]
    return LiveAnswer(changes=told, next=update.position, reload=update.reload)
