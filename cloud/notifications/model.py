"""When an episode is settled, what it was, and what its e-mail says."""

from dataclasses import dataclass

from cloud.mailbox_events.model import Episode
from cloud.notifications.findings import ReadLetter

DELIVERY, COLLECTION = "delivery", "collection"


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a delivery as its e-mail shows it: a small JPEG, and what became of it."""

    image_row_id: str
    content_id: str
    jpeg: bytes | None
    read: ReadLetter | None
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

    @property
    def letters(self) -> tuple[tuple[ReadLetter, tuple[Picture, ...]], ...]:
        """The letters that are new in this delivery, each with its pictures."""
        groups: dict[str, list[Picture]] = {}
        for picture in sorted(self.pictures, key=lambda one: one.seen_before):
            if picture.read and not self._came_earlier(picture):
                groups.setdefault(picture.read.letter.id, []).append(picture)
        return tuple((group[0].read, tuple(group)) for group in groups.values() if group[0].read)

    @property
    def repeats(self) -> tuple[Picture, ...]:
        """The pictures that came before, in another delivery."""
        return tuple(picture for picture in self.pictures if self._came_earlier(picture))

    @property
    def failed(self) -> tuple[Picture, ...]:
        """The pictures that could not be read; ``reason`` says why."""
        return tuple(picture for picture in self.pictures if not picture.read and picture.reason)

    @property
    def unread(self) -> tuple[Picture, ...]:
        """The pictures that came but were not read yet when the e-mail was written."""
        return tuple(picture for picture in self.pictures if not picture.read and not picture.reason)

    @property
    def waiting(self) -> int:
        """How many pictures were not read, or had not even come, when the e-mail was written."""
        return len(self.unread) + self.missing_images

    def _came_earlier(self, picture: Picture) -> bool:
        return picture.seen_before and picture.read is not None and picture.read.letter.episode_id != self.episode.id


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
