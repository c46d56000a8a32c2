"""What became of a letter, read from the server's database while it happens."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path

from cloud.bootstrap import Application
from cloud.devices.model import Device
from cloud.errors import PillarboxError
from cloud.images.model import ENDED, Image
from cloud.images.repository import ImageRepository
from cloud.letters.model import Letter
from cloud.letters.repository import LetterRepository
from cloud.mail.model import FAILED, SENT, Mail
from cloud.mail.repository import MailRepository
from cloud.mailbox_events.model import Episode
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.notifications.model import DELIVERY

Tell = Callable[[int, str, str], None]

LOOK_EVERY_S = 0.05
PATIENCE_S = 240.0
LATEST = 20


class DemoError(PillarboxError):
    """A step of the demo did not happen; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one delivery has come; ``parked`` says why it comes no further."""

    episode: Episode
    images: tuple[Image, ...]
    letters: tuple[Letter, ...]
    mail: Mail | None
    parked: str


class Watch:
    """The deliveries that one board of the household reports, as the database has them."""

    def __init__(self, app: Application, board: Device) -> None:
        self._app, self._board = app, board

    def is_at_rest(self) -> bool:
        """Return whether every delivery whose door has closed is judged."""
        with self._app.database.read() as unit_of_work:
            latest = MailboxEventRepository(unit_of_work).newest(self._board.household_id, LATEST)
        return not any(one.board_id == self._board.id and one.closed_at and not one.settled_at for one in latest)

    def progress_of(self, opening: str) -> Progress | None:
        """Return how far the delivery that began with this event of the board has come, None before it is stored."""
        household_id = self._board.household_id
        with self._app.database.read() as unit_of_work:
            episode = MailboxEventRepository(unit_of_work).by_event(household_id, self._board.id, opening)
            if episode is None:
                return None
            images = ImageRepository(unit_of_work).of_episode(household_id, episode.id)
            letters = LetterRepository(unit_of_work).of_episode(household_id, episode.id)
            mail = MailRepository(unit_of_work).of_episodes(household_id, [episode.id]).get(episode.id)
            parked = self._app.dlq.of_household(unit_of_work, household_id, LATEST)
        reasons = "; ".join(entry.reason for entry in parked if entry.subject_id == episode.id)
        return Progress(episode, tuple(images), tuple(letters), mail, reasons)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that has to happen to a letter, and how to see that it did."""

    name: str
    done: Callable[[Progress], bool]
    says: Callable[[Progress], str] = lambda _: ""


def _read(progress: Progress) -> str:
    faults = [image.reason for image in progress.images if image.reason]
    return "; ".join([*(letter.summary for letter in progress.letters), *faults])


def _has_settled(progress: Progress) -> bool:
    return progress.episode.settled_at is not None


STEPS = (
    Step("door opened, event stored", lambda _: True),
    Step("door closed, camera asked", lambda p: p.episode.closed_at is not None),
    Step("image announced", lambda p: p.episode.image_count is not None or _has_settled(p)),
    Step("image stored", lambda p: _has_settled(p) or (bool(p.images) and all(one.uploaded_at for one in p.images))),
    Step("image read", lambda p: _has_settled(p) or all(one.state in ENDED for one in p.images), _read),
    Step("delivery settled", _has_settled, lambda p: p.episode.kind or ""),
    Step("e-mail written", lambda p: p.mail is not None, lambda p: p.mail.subject if p.mail else ""),
    Step(
        "e-mail in the outbox",
        lambda p: p.mail is not None and p.mail.state == SENT,
        lambda p: (p.mail.provider_id if p.mail else None) or "",
    ),
)


def follow(look: Callable[[], Progress | None], tell: Tell, check: Callable[[], None]) -> Progress:
    """Tell each step of the delivery that ``look`` returns as it happens, with the milliseconds since the door opened.

    ``check`` may raise to end the wait. Raises DemoError for a step that does not happen.
    """
    started = time.monotonic()
    progress: Progress | None = None
    for step in STEPS:
        while progress is None or not step.done(progress):
            check()
            fault = _fault(step, progress, time.monotonic() - started)
            if fault:
                raise DemoError(fault)
            time.sleep(LOOK_EVERY_S)
            progress = look()
        tell(round((time.monotonic() - started) * 1000), step.name, step.says(progress))
    if progress is None:
        raise DemoError("expected a delivery, got none")
    return progress


def mails_of(outbox: Path, deliveries: set[str]) -> int:
    """Return how many of these deliveries have their e-mail in the folder."""
    return len(deliveries & {_delivery_of(file) for file in outbox.glob("*.eml")})


def _fault(step: Step, progress: Progress | None, waited_s: float) -> str:
    """Return why the step cannot happen any more, "" while it can."""
    if waited_s > PATIENCE_S:
        return f"expected “{step.name}” within {PATIENCE_S:.0f} s; look at the logs folder, and at Problems on the page"
    if progress and progress.parked:
        return f"the delivery is in the DLQ: {progress.parked}"
    if progress and progress.mail and progress.mail.state == FAILED:
        return f"the e-mail could not be sent: {progress.mail.reason}"
    if progress and _has_settled(progress) and progress.episode.kind != DELIVERY:
        return "expected a delivery, but the camera found no new image in the box"
    return ""


def _delivery_of(file: Path) -> str:
    with file.open("rb") as stream:
        return str(BytesHeaderParser(policy=default).parse(stream)["X-Pillarbox-Delivery"])
