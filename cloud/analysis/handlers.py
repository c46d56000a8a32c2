"""When an image is read, then make it a letter: what it is, what it asks for, and by when."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from cloud.analysis.model import Analysis, NoLetter
from cloud.analysis.service import analyse
from cloud.devices.repository import DeviceRepository
from cloud.errors import NotFoundError
from cloud.images.model import DUPLICATE, LETTER, NO_LETTER, READ, Image
from cloud.images.repository import ImageRepository
from cloud.letters.model import Fact, Letter, same_letter
from cloud.letters.repository import LetterRepository
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.ocr.repository import OcrRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports

# What found a fact, and its version: raised when a rule changes what it finds.
EXTRACTOR = "rules/1"


def perform(ports: Ports, event: Event) -> Analysis | NoLetter | None:
    """Return what the letter says, or why there is none; None when the image's owner deleted it meanwhile."""
    with ports.database.read() as unit_of_work:
        image = ImageRepository(unit_of_work).get(event.household_id, event.subject_id)
        page = OcrRepository(unit_of_work).newest(event.household_id, event.subject_id)
    if image is None:
        return None
    if page is None:
        raise NotFoundError(f"expected what was read of image {event.subject_id}, found nothing")
    return analyse(page, received_on=_day(image.captured_at or image.created_at, ports.time_zone))


def handle(unit_of_work: UnitOfWork, event: Event, found: Analysis | NoLetter | None) -> list[Event]:
    """Store the letter; the same image, or the same letter again in one delivery, adds none."""
    images = ImageRepository(unit_of_work)
    image = images.get(event.household_id, event.subject_id)
    if found is None or image is None or image.state != READ:
        return []
    if isinstance(found, NoLetter):
        images.change(image, state=NO_LETTER, reason=found.reason)
        return [Event("image_without_letter", image.household_id, image.id)]
    known = images.letter_of(image.household_id, image.sha256) or _same_in_episode(unit_of_work, image, found)
    if known:
        images.change(image, state=DUPLICATE, letter_id=known)
        return [Event("image_known", image.household_id, image.id)]
    letter = _letter(unit_of_work, image, found)
    LetterRepository(unit_of_work).add(letter, _facts(found), EXTRACTOR)
    images.change(image, state=LETTER, letter_id=letter.id)
    return [Event("letter_recorded", image.household_id, image.id)]


def _same_in_episode(unit_of_work: UnitOfWork, image: Image, found: Analysis) -> str | None:
    if image.episode_id is None:
        return None
    others = LetterRepository(unit_of_work).of_episode(image.household_id, image.episode_id)
    return next((letter.id for letter in others if same_letter(letter.text, found.text)), None)


def _letter(unit_of_work: UnitOfWork, image: Image, found: Analysis) -> Letter:
    return Letter(
        id=unit_of_work.new_id(),
        household_id=image.household_id,
        mailbox_id=_mailbox_of(unit_of_work, image),
        episode_id=image.episode_id,
        arrived_at=image.captured_at or image.created_at,
        language=found.language,
        category=found.category,
        category_confidence=found.category_confidence,
        action_status=found.action_status,
        sender=found.sender,
        recipient=found.recipient,
        subject=found.subject,
        summary=found.summary,
        what_to_do=found.what_to_do,
        due_date=found.due_date.isoformat() if found.due_date else None,
        amount=found.amount,
        currency=found.currency,
        reference=found.reference,
        text=found.text,
        created_at=unit_of_work.now,
    )


def _mailbox_of(unit_of_work: UnitOfWork, image: Image) -> str:
    """Return where the letter came: the device that took its image may be deleted by now, or another household's."""
    episodes, episode_id = MailboxEventRepository(unit_of_work), image.episode_id
    episode = episodes.episode(image.household_id, episode_id) if episode_id else None
    device = None if episode else DeviceRepository(unit_of_work).get(image.household_id, image.device_id)
    if found := episode or device:
        return found.mailbox_id
    raise NotFoundError(f"expected the opening or the device that brought image {image.id}, found neither")


def _facts(found: Analysis) -> list[Fact]:
    return [
        Fact(one.kind, one.value, one.raw, one.line_ids, one.char_start, one.char_end, one.confidence, one.tier)
        for one in found.facts
    ]


def _day(milliseconds: int, time_zone: str) -> date:
    zone = ZoneInfo(time_zone) if time_zone else None
    return datetime.fromtimestamp(milliseconds / 1000, tz=zone).date()
