"""When an episode is settled, what it was, and what its e-mail says."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.images.model import DUPLICATE, ENDED, FAILED, NO_LETTER, Image
from cloud.mailbox_events.model import HISTORY_MS, TAMPER, Episode, Movement
from cloud.notifications.findings import ReadLetter

DELIVERY, COLLECTION = "delivery", "collection"
LEFT_OPEN, VIBRATION = "left_open", "vibration"
# Wind, or a lorry: the door moves so often within so little time. Nobody opens a mailbox three times in ten seconds.
RATTLE_EDGES, RATTLE_MS = 6, 10_000
# A board calls it a storm when its door moved more often than hands move it, and for at least a minute's rest and
# fifteen of calm after (firmware/door.py). What moved before was the storm that began, back to a pause of two minutes;
# a storm that takes longer than an hour to be called one moves the door hardly more than once a minute.
STORM_PAUSE_MS, STORM_BEGINS_MS, STORM_LASTS_MS = 120_000, 3_600_000, 960_000


@dataclass(frozen=True, slots=True)
class DeliveryImage:
    """One image of a delivery, the letter it shows if one was read, and a small JPEG of it for an e-mail."""

    image: Image
    read: ReadLetter | None = None
    jpeg: bytes | None = None

    @property
    def content_id(self) -> str:
        """Its name inside an e-mail."""
        return f"{self.image.id}@pillarbox"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything that is told of one episode; ``is_mailed`` tells whether its owner wants an e-mail of such a one."""

    episode: Episode
    mailbox: str
    images: tuple[DeliveryImage, ...]
    has_gateway: bool
    is_mailed: bool = True

    @property
    def without_image(self) -> str:
        """Why there is no image of it, as far as that is known."""
        if not self.has_gateway:
            return "No image has come, for this mailbox has no camera."
        if self.episode.opened_at is not None and self.episode.reported_close is None:
            return "The camera takes an image once the door is closed, so none has come."
        return "No image has come. The camera may be off or out of reach."

    @property
    def letters(self) -> tuple[tuple[ReadLetter, tuple[DeliveryImage, ...]], ...]:
        """The letters that are new in this delivery, each with its images."""
        groups: dict[str, list[DeliveryImage]] = {}
        for one in sorted(self.images, key=lambda one: one.image.state == DUPLICATE):
            if one.read and not self._came_earlier(one):
                groups.setdefault(one.read.letter.id, []).append(one)
        return tuple((group[0].read, tuple(group)) for group in groups.values() if group[0].read)

    @property
    def repeats(self) -> tuple[DeliveryImage, ...]:
        """The images that came before, in another delivery."""
        return tuple(one for one in self.images if self._came_earlier(one))

    @property
    def failed(self) -> tuple[DeliveryImage, ...]:
        """The images that could not be taken or read; ``image.reason`` says why."""
        return tuple(one for one in self.images if one.image.state == FAILED)

    @property
    def without_letter(self) -> tuple[DeliveryImage, ...]:
        """The images that were read and show no letter; ``image.reason`` says why."""
        return tuple(one for one in self.images if one.image.state == NO_LETTER)

    @property
    def unread(self) -> tuple[DeliveryImage, ...]:
        """The images that are announced, and perhaps here, but not read yet."""
        return tuple(one for one in self.images if one.image.state not in ENDED)

    @property
    def waiting(self) -> int:
        """How many images are not read yet, those included that the camera only counted so far."""
        return len(self.unread) + max((self.episode.image_count or 0) - len(self.images), 0)

    def _came_earlier(self, one: DeliveryImage) -> bool:
        earlier = one.read is not None and one.read.letter.episode_id != self.episode.id
        return earlier and one.image.state == DUPLICATE


@dataclass(frozen=True, slots=True)
class Signs:
    """What the board said around an episode: of a door left open, how often the door moved, and of a storm."""

    left_open: bool = False
    edges: int = 0
    shaken: bool = False

    @property
    def is_vibration(self) -> bool:
        """Whether it was no hand that moved the door."""
        return self.shaken or self.edges >= RATTLE_EDGES


_NO_SIGNS = Signs()


def is_of_storm(episode: Episode, movements: Sequence[Movement]) -> bool:
    """Return whether an episode belongs to a storm, by the times of what the board told and not by their arrival.

    ``movements`` in order, from STORM_LASTS_MS before its begin: a storm goes on so long, and began without a pause.
    """
    last = episode.span[1]
    for at, event_type in movements:
        if at - last > STORM_PAUSE_MS:
            return False
        if event_type == TAMPER:
            return True
        last = max(last, at)
    return False


def is_news(episode: Episode, now: int) -> bool:
    """Return whether an episode is new enough to be told: it goes on, or ended not longer than HISTORY_MS ago.

    Of a close that nobody saw only the opening says when that was: what ended it may have come years later.
    """
    if episode.closed_at is None:
        return True
    is_seen = episode.close_event_id is not None or episode.opened_at is None
    return is_recent(episode.closed_at if is_seen else episode.opened_at, now)


def is_recent(at: int | None, now: int) -> bool:
    """Return whether a moment is not longer ago than what is told may be; times in Unix ms."""
    return at is not None and now - at <= HISTORY_MS


def judgement(
    episode: Episode, *, images_ended: int, has_gateway: bool, now: int, signs: Signs = _NO_SIGNS
) -> str | None:
    """Return what the episode was once that can be said, None while it has to wait.

    It is settled when all its images are read or failed, or when ``settle_at`` has come: without a camera's
    answer the owner is told of the opening in words only. A camera that saw nothing new means a collection, unless
    the door only rattled or was left open.
    """
    if episode.settled_at is not None or episode.closed_at is None:
        return None
    complete = has_gateway and episode.image_count is not None and images_ended >= episode.image_count
    due = episode.settle_at is not None and now >= episode.settle_at
    if not (episode.image_count == 0 or complete or due):
        return None
    return DELIVERY if episode.image_count or images_ended else _without_images(episode, signs)


def amended(episode: Episode, *, images_ended: int, signs: Signs) -> str | None:
    """Return what a judged episode was after all, None for what was said: of a storm the board may tell later."""
    is_late = episode.settled_at is not None and episode.kind != VIBRATION
    return VIBRATION if is_late and signs.shaken and not (episode.image_count or images_ended) else None


def _without_images(episode: Episode, signs: Signs) -> str:
    if signs.is_vibration:
        return VIBRATION
    if signs.left_open:
        return LEFT_OPEN
    return COLLECTION if episode.image_count == 0 else DELIVERY
