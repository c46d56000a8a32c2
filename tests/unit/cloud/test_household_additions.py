"""What a household adds refers to nothing of another one, whatever it names; its jobs do nothing to it either."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from cloud import pipeline
from cloud.devices.battery.model import Drawn, Reading
from cloud.devices.battery.repository import BatteryRepository
from cloud.devices.profile import Health
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.errors import NotFoundError, PillarboxError
from cloud.images.repository import ImageRepository
from cloud.letters.repository import LetterRepository
from cloud.mail.model import Mail
from cloud.mail.repository import MailRepository
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.notifications.repository import AlarmRepository, NotificationRepository
from cloud.notifications.standing import SILENT, Standing
from cloud.ocr.repository import OcrRepository
from cloud.ports.event_queue import Event
from tests.unit.cloud.api.trials import UNTOUCHED, stored
from tests.unit.cloud.scoping import says_whose, ways
from tests.unit.web.household import BILL, Household, page_of

REFERS_TO_NOTHING = {
    "nothing": "AccountRepository.add_household DeviceRepository.add_mailbox IdempotencyRepository.add",
    "a user, who may be in any household; the key of who is in none of it is worth nothing": """
        AccountRepository.add_member SharingRepository.add_invitation ApiKeyRepository.add_key""",
    "a device that its transaction has looked up and holds": """
        GroupRepository.add GroupRepository.add_episode BatteryRepository.add_wakes""",
    "what a job is about, which its stage looks up in the job's household: see the last test": "JobsTableQueue.put",
}


@dataclass(frozen=True, slots=True)
class Things:
    """What a household has: everything that a row may refer to."""

    household_id: str
    mailbox_id: str
    board: Any
    image: Any
    episode_id: str
    letter_id: str

    def device(self, household_id):
        return self.board._replace(household_id=household_id)


def things(app, name):
    """Return a household with a letter, and its things."""
    home = Household(app, f"{name}@example.org", name)
    episode_id, letter = home.delivery(replace(BILL, subject=name))
    with app.database.read() as unit_of_work:
        (number,) = [row.id for row in unit_of_work.connection.exec_driver_sql(OF_LETTER % (letter.id,))]
        image = ImageRepository(unit_of_work).get(home.id, number)
    return Things(home.id, home.mailbox_id, home.board, image, episode_id, letter.id)


OF_LETTER = "SELECT id FROM images WHERE letter_id = '%s'"


@pytest.fixture
def ours(app):
    return things(app, "ours")


@pytest.fixture
def theirs(app):
    return things(app, "theirs")


def add_image(unit, mine, **given):
    new = {"id": unit.new_id(), "image_id": unit.new_id(), "episode_id": None, "letter_id": None}
    ImageRepository(unit).add(replace(mine.image, **new | given))


def add_letter(unit, mine, **given):
    new = {"id": unit.new_id(), "household_id": mine.household_id, "mailbox_id": mine.mailbox_id}
    LetterRepository(unit).add(replace(BILL, **new | given), (), "test")


def add_mail(unit, mine, episode_id):
    mail = Mail(
        unit.new_id(), mine.household_id, unit.new_id(), "us@example.org", "A letter", b"", unit.now, episode_id
    )
    MailRepository(unit).add(mail)


def add_device(unit, mine, mailbox_id):
    device = mine.board._replace(id=unit.new_id(), thing=unit.new_id(), mailbox_id=mailbox_id)
    DeviceRepository(unit).add(device, "00")


def add_reading(unit, device):
    BatteryRepository(unit).add(device, Reading(1, 4000, Drawn(charge_mc=1)), rssi=-60, firmware="1")


def add_alarm(unit, mine, device):
    standing = Standing(device.id, mine.household_id, None, None, None, None)
    AlarmRepository(unit).add(standing, SILENT)


# Each way with what it is given: ours to act for, and whose things it refers to, in each place that refers to one.
ADDITIONS: dict[str, list[Callable[[Any, Things, Things], object]]] = {
    "ImageRepository.add": [
        lambda unit, mine, of: add_image(unit, mine, device_id=of.image.device_id),
        lambda unit, mine, of: add_image(unit, mine, episode_id=of.episode_id),
        lambda unit, mine, of: add_image(unit, mine, letter_id=of.letter_id),
    ],
    "LetterRepository.add": [
        lambda unit, mine, of: add_letter(unit, mine, mailbox_id=of.mailbox_id),
        lambda unit, mine, of: add_letter(unit, mine, episode_id=of.episode_id),
    ],
    "OcrRepository.add": [
        lambda unit, mine, of: OcrRepository(unit).add(
            unit.new_id(), mine.household_id, of.image.id, page_of("A letter"), 1
        )
    ],
    "MailRepository.add": [lambda unit, mine, of: add_mail(unit, mine, of.episode_id)],
    "MailboxEventRepository.add_episode": [
        lambda unit, mine, of: MailboxEventRepository(unit).add_episode(of.device(mine.household_id)),
        lambda unit, mine, of: MailboxEventRepository(unit).add_episode(mine.board._replace(mailbox_id=of.mailbox_id)),
    ],
    "NotificationRepository.add": [
        lambda unit, mine, of: NotificationRepository(unit).add(of.device(mine.household_id), "open")
    ],
    "AlarmRepository.add": [lambda unit, mine, of: add_alarm(unit, mine, of.board)],
    "DeviceRepository.add": [lambda unit, mine, of: add_device(unit, mine, of.mailbox_id)],
    "DeviceRegister.add_health": [
        lambda unit, mine, of: DeviceRegister(unit).add_health(of.device(mine.household_id), Health(battery_level=1))
    ],
    "BatteryRepository.add": [lambda unit, mine, of: add_reading(unit, of.device(mine.household_id))],
}


def test_every_way_that_adds_is_tried_or_refers_to_nothing_of_a_household():
    adding = {
        way.name for way in ways() if says_whose(way.function) and way.name.split(".")[-1].startswith(("add", "put"))
    }
    # It looks the board up itself, and finds no other household's.
    adding -= {"AlarmRepository.add_storm"}
    listed = {name for names in REFERS_TO_NOTHING.values() for name in names.split()}
    assert adding == set(ADDITIONS) | listed
    assert not set(ADDITIONS) & listed


@pytest.mark.parametrize("name", ADDITIONS)
def test_what_is_added_refers_to_the_own_household_alone(app, ours, theirs, name):
    for add in ADDITIONS[name]:
        before = stored(app)
        with app.database.write() as unit_of_work, pytest.raises(NotFoundError, match="of this household"):
            add(unit_of_work, ours, theirs)
        assert stored(app) == before
        with app.database.write() as unit_of_work:
            add(unit_of_work, ours, ours)
        assert stored(app) != before


def test_a_storm_about_a_board_of_others_raises_no_alarm(app, ours, theirs):
    before = stored(app)
    with app.database.write() as unit_of_work:
        assert AlarmRepository(unit_of_work).add_storm(ours.household_id, theirs.board.id) is None
    assert stored(app) == before


@pytest.mark.parametrize("stage", pipeline.STAGES)
def test_a_job_of_one_household_does_nothing_to_the_things_of_another(app, ours, theirs, stage):
    tables = [name for name in UNTOUCHED if name not in {"jobs", "feeds", "changes"}]
    with app.database.write() as unit_of_work:
        mail_id, *_ = unit_of_work.connection.exec_driver_sql(
            f"SELECT id FROM mail_outbox WHERE household_id = '{theirs.household_id}'"  # noqa: S608 - our own
        ).scalars()
        unit_of_work.connection.exec_driver_sql("DELETE FROM jobs")
    subjects = (theirs.image.id, theirs.episode_id, theirs.letter_id, theirs.board.id, mail_id, theirs.household_id)
    before = stored(app, tables=tables)
    for subject in subjects:
        with app.database.write() as unit_of_work:
            app.queue.put(unit_of_work, stage, Event("anything", ours.household_id, subject))
        job = app.queue.lease((stage,), 60_000)
        with suppress(PillarboxError):
            pipeline.run(app.ports, app.queue, job)
    assert stored(app, tables=tables) == before
