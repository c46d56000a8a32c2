"""A household with a mailbox, a board, a camera and whatever has come, written through the repositories."""

import hashlib
import io
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image as PilImage
from PIL import ImageDraw

from cloud import bootstrap, pipeline
from cloud.accounts import service as accounts
from cloud.accounts.model import Member
from cloud.accounts.repository import TokenRepository
from cloud.bootstrap import Application
from cloud.devices.model import Device
from cloud.devices.repository import DeviceRepository
from cloud.devices.service import ensure_mailbox
from cloud.images.model import FAILED, LETTER, STORED, Image
from cloud.images.repository import ImageRepository
from cloud.letters.model import Fact, Letter
from cloud.letters.repository import LetterRepository
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.ocr.repository import OcrRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import DeviceMessage
from cloud.ports.dlq import Entry
from cloud.ports.event_queue import Event, Parked
from cloud.ports.ocr_engine import OcrLine, OcrPage
from cloud.settings import Settings
from firmware.wire import codec, messages, topics
from tests.unhurried import unhurried
from tests.unit.cloud.messages import events
from tests.unit.notifications.deliveries import BILL as A_BILL
from tests.unit.notifications.deliveries import BILL_TEXT

NOON = 1_795_262_400_000  # 21 November 2026, 12:00 UTC
MINUTE = 60_000
QUICK_STAGES = ("settle_episode", "write_notification", "send_mail")


def application(folder: Path, **settings: Any) -> Application:
    """Return a whole application over an empty database in ``folder``."""
    return unhurried(bootstrap.build(Settings(data=folder, time_zone="Europe/London", **settings)))


def jpeg(words: str = "A letter", size: tuple[int, int] = (300, 400)) -> bytes:
    """Return an image that differs with its words."""
    image = PilImage.new("RGB", size, "#f4efe6")
    ImageDraw.Draw(image).text((20, 30), words, fill="#222222")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


class Household:
    """One household; each method is one thing that happened to it."""

    def __init__(self, app: Application, email: str = "priya@example.org", name: str = "Priya Hartley") -> None:
        self.app = app
        with app.database.write() as unit_of_work:
            self.member: Member = accounts.ensure_household(unit_of_work, email, name)
            self.id = self.member.household_id
            self.mailbox_id = ensure_mailbox(unit_of_work, self.id, "Front gate")
            self.board = self._device(unit_of_work, "board")
            self.gateway = self._device(unit_of_work, "gateway")

    def session(self) -> str:
        """Log in and return the session's token."""
        link, session = secrets.token_urlsafe(8), secrets.token_urlsafe(8)
        with self.app.database.write() as unit_of_work:
            accounts.make_login_link(unit_of_work, self.member.user.email, link)
            accounts.log_in_by_link(unit_of_work, link, session)
        return session

    def login_link(self) -> str:
        """Return the token of a new login link."""
        link = secrets.token_urlsafe(8)
        with self.app.database.write() as unit_of_work:
            accounts.make_login_link(unit_of_work, self.member.user.email, link)
        return link

    def ends_sessions(self) -> None:
        """Log the household's member out everywhere."""
        with self.app.database.write() as unit_of_work:
            TokenRepository(unit_of_work).end_all_of(self.member.user.id, unit_of_work.now)

    def opens(self, at: int = NOON) -> str:
        """Open the door and return the episode's id."""
        with self.app.database.write() as unit_of_work:
            return MailboxEventRepository(unit_of_work).add_episode(self.board, opened_at=at)

    def closes(self, episode_id: str, at: int = NOON + MINUTE, image_count: int | None = 1) -> None:
        """Close the door; with ``image_count`` the camera has announced its images."""
        closed = {"closed_at": at, "close_event_id": secrets.token_hex(8), "settle_at": at + 2 * MINUTE}
        self.change_episode(episode_id, **closed, image_count=image_count)

    def change_episode(self, episode_id: str, **values: object) -> None:
        """Set columns of an episode."""
        with self.app.database.write() as unit_of_work:
            MailboxEventRepository(unit_of_work).change_episode(self.id, episode_id, **values)

    def image(self, episode_id: str | None, content: bytes, *, state: str = STORED, **values: Any) -> Image:
        """Take one uploaded and announced image."""
        sha256 = hashlib.sha256(content).hexdigest()
        with self.app.database.write() as unit_of_work:
            image = Image(
                id=unit_of_work.new_id(),
                household_id=self.id,
                device_id=self.gateway.id,
                image_id=f"image-{secrets.token_hex(6)}",
                episode_id=episode_id,
                letter_id=None,
                sha256=sha256,
                bytes=len(content),
                width=300,
                height=400,
                captured_at=NOON + MINUTE,
                err_ms=0,
                uploaded_at=NOON + MINUTE,
                announced_at=NOON + MINUTE,
                state=state,
                reason=None,
                created_at=NOON + MINUTE,
            )
            image = replace(image, **values)
            ImageRepository(unit_of_work).add(image)
        self.app.ports.image_store.put(self.id, sha256, content)
        return image

    def failed_image(self, episode_id: str, reason: str) -> Image:
        """Take an image that could not be read."""
        return self.image(episode_id, jpeg(reason), state=FAILED, reason=reason)

    def letter(self, image: Image, letter: Letter, facts: tuple[Fact, ...] = ()) -> Letter:
        """Store what an image was read into."""
        with self.app.database.write() as unit_of_work:
            letter = replace(
                letter,
                id=unit_of_work.new_id(),
                household_id=self.id,
                mailbox_id=self.mailbox_id,
                episode_id=image.episode_id,
            )
            OcrRepository(unit_of_work).add(unit_of_work.new_id(), self.id, image.id, page_of(letter.text), NOON)
            LetterRepository(unit_of_work).add(letter, facts, "test-1")
            ImageRepository(unit_of_work).change(image, state=LETTER, letter_id=letter.id)
        return letter

    def delivery(self, letter: Letter, facts: tuple[Fact, ...] = (), at: int = NOON) -> tuple[str, Letter]:
        """Let one letter come, be read, settled and told; returns the episode's id and the letter."""
        episode_id = self.opens(at)
        self.closes(episode_id, at + MINUTE)
        image = self.image(episode_id, jpeg(f"{letter.text} {episode_id}"), captured_at=at + MINUTE)
        kept = self.letter(image, letter, facts)
        self.tell(episode_id)
        return episode_id, kept

    def tell(self, episode_id: str) -> None:
        """Judge the episode and let its e-mail be written and sent."""
        with self.app.database.write() as unit_of_work:
            pipeline.put_all(self.app.queue, unit_of_work, [Event("images_announced", self.id, episode_id)])
        self.work(QUICK_STAGES)

    def work(self, stages: tuple[str, ...]) -> None:
        """Do every job that waits for these stages."""
        while job := self.app.queue.lease(stages, 60_000):
            pipeline.run(self.app.ports, self.app.queue, job)

    def parks(self, stage: str, reason: str, subject_id: str) -> None:
        """Put an entry into the DLQ."""
        with self.app.database.write() as unit_of_work:
            self.app.queue.park(unit_of_work, Parked(stage, reason, self.id, subject_id))

    def parked(self) -> list[Entry]:
        """Return the household's entries of the DLQ."""
        with self.app.database.read() as unit_of_work:
            return self.app.dlq.of_household(unit_of_work, self.id, 10)

    def says(self, *items: dict[str, Any], **fields: Any) -> None:
        """Let the board report events."""
        with self.app.database.write() as unit_of_work:
            payload = codec.encode(messages.BY_KIND[topics.EVENTS], events(*items, **fields))
            message = DeviceMessage(self.board.thing, topics.EVENTS, payload, unit_of_work.now)
            pipeline.take(self.app.ports, self.app.queue, unit_of_work, [message])

    def _device(self, unit_of_work: UnitOfWork, kind: str) -> Device:
        thing = f"{kind}-{secrets.token_hex(6)}"
        device = Device(
            unit_of_work.new_id(), self.id, self.mailbox_id, thing, kind, kind.capitalize(), 0, None, "{}", None
        )
        DeviceRepository(unit_of_work).add(device, "00")
        return device


def page_of(text: str) -> OcrPage:
    """Return a page on which the lines of the text stand one below the other."""
    lines = tuple(
        OcrLine(line, 0.99, ((20, 20 + 30 * n), (280, 20 + 30 * n), (280, 44 + 30 * n), (20, 44 + 30 * n)))
        for n, line in enumerate(text.splitlines())
    )
    return OcrPage(300, 400, 0, lines, "test", "1", 5)


BILL = replace(
    A_BILL,
    id="",
    household_id="",
    mailbox_id="",
    episode_id=None,
    what_to_do="Pay £84.20 by 7 December 2026",
    arrived_at=NOON,
    created_at=NOON,
)


def fact(kind: str, value: str, raw: str, *, text: str = BILL_TEXT, tier: str = "stated") -> Fact:
    """Return a fact proved by the words ``raw`` of the text."""
    start = text.index(raw)
    line = text.count("\n", 0, start)
    return Fact(kind, value, raw, (line,), start, start + len(raw), 0.97, tier)


BILL_FACTS = (
    fact("amount", "84.20 GBP", "Total to pay £84.20"),
    fact("due_date", "2026-12-07", "Please pay by 7 December 2026"),
    fact("reference", "8504 2217 936", "Account number 8504 2217 936"),
)
