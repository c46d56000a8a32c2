"""What went wrong for a household: entries of the DLQ and images that could not be read, each fault once."""

from dataclasses import dataclass

from cloud.images.model import Image
from cloud.images.repository import ImageRepository
from cloud.operations.replay import is_replayable
from cloud.ports.database import UnitOfWork
from cloud.ports.dlq import Dlq, Entry
from cloud.ports.event_queue import TOO_MANY

MOST_PROBLEMS = 100

STAGES = {
    "events": "A message of the board could not be taken",
    "heartbeat": "A device's sign of life could not be taken",
    "status": "A device's message about its connection could not be taken",
    "images": "The camera's announcement could not be taken",
    "uploads/request": "An image was refused before its upload",
    "uploads": "An uploaded image was refused",
    TOO_MANY: "More messages of a device could not be taken than are kept",
    "read_image": "An image could not be read",
    "analyse_letter": "No letter could be made of an image",
    "settle_episode": "An opening of the mailbox could not be judged",
    "write_notification": "An e-mail could not be written",
    "write_alarm": "An e-mail about a device could not be written",
    "write_reset": "An e-mail for a new password could not be written",
    "send_mail": "An e-mail could not be sent",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: what it was in words, ``stage`` where it happened, what it was about, and what may be tried again.

    It came ``times`` times, the last time ``at``.
    """

    title: str
    stage: str
    reason: str
    at: int
    subject_id: str
    image: Image | None = None
    entry_id: str = ""
    times: int = 1


def problems(unit_of_work: UnitOfWork, dlq: Dlq, household_id: str) -> list[Problem]:
    """Return the household's faults, newest first, ``MOST_PROBLEMS`` at most; a failed image and its job are one."""
    failed = ImageRepository(unit_of_work).failed(household_id, MOST_PROBLEMS)
    by_name = {name: image for image in failed for name in (image.id, image.image_id)}
    parked = [_of_entry(entry, by_name) for entry in dlq.of_household(unit_of_work, household_id, MOST_PROBLEMS)]
    told = {problem.image.id for problem in parked if problem.image}
    alone = [_of_image(image) for image in failed if image.id not in told]
    return sorted(parked + alone, key=lambda problem: problem.at, reverse=True)[:MOST_PROBLEMS]


def _of_entry(entry: Entry, images: dict[str, Image]) -> Problem:
    title = STAGES.get(entry.stage, "Something could not be done")
    entry_id = entry.id if is_replayable(entry.stage, entry.event) else ""
    image = images.get(entry.subject_id)
    return Problem(title, entry.stage, entry.reason, entry.parked_at, entry.subject_id, image, entry_id, entry.times)


def _of_image(image: Image) -> Problem:
    at = image.uploaded_at or image.announced_at or image.created_at
    return Problem("An image could not be read", "images", image.reason or "", at, image.image_id, image)
