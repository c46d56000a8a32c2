"""When an episode is settled, what it was, and what its e-mail says."""

from dataclasses import dataclass

from cloud.letters.model import Letter
from cloud.mailbox_events.model import Episode

DELIVERY, COLLECTION = "delivery", "collection"


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a delivery as its e-mail shows it: a small JPEG, and what became of it."""

    image_row_id: str
    content_id: str
    jpeg: bytes | None
    letter: Letter | None
    seen_before: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything that the e-mail of one delivery tells."""

    episode: Episode
    mailbox: str
    pictures: tuple[Picture, ...]
    missing_images: int
    has_gateway: bool


def judgement(episode: Episode, *, images_ended: int, has_gateway: bool, now: int) -> str | None:
    """Return what the episode was once that can be said, None while it has to wait.

    It is settled when all its images are read or failed, or when ``settle_at`` has come: without a camera's
    answer the owner is told of the opening in words only. A camera that saw nothing new means a collection.
    """
    if episode.settled_at is not None or episode.closed_at is None:
        return None
    if episode.image_count == 0:
        return COLLECTION
    complete = has_gateway and episode.image_count is not None and images_ended >= episode.image_count
    due = episode.settle_at is not None and now >= episode.settle_at
    return DELIVERY if complete or due else None
