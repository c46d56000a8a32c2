"""What is known of deliveries, gathered from the features that know it."""

from collections.abc import Sequence

from cloud.devices.repository import DeviceRepository
from cloud.images.repository import ImageRepository
from cloud.letters.repository import LetterRepository
from cloud.mailbox_events.model import Episode
from cloud.notifications.findings import ReadLetter
from cloud.notifications.model import Delivery, Picture
from cloud.ports.database import UnitOfWork


def deliveries_of(unit_of_work: UnitOfWork, household_id: str, episodes: Sequence[Episode]) -> list[Delivery]:
    """Return each of the household's episodes with its pictures and letters, in the order given."""
    devices = DeviceRepository(unit_of_work)
    names = devices.mailbox_names(household_id)
    with_camera = {row.mailbox_id for row in devices.listed(household_id) if row.kind == "gateway"}
    pictures = _pictures_of(unit_of_work, household_id, [episode.id for episode in episodes])
    return [
        Delivery(
            episode,
            mailbox=names[episode.mailbox_id],
            pictures=tuple(pictures[episode.id]),
            has_gateway=episode.mailbox_id in with_camera,
        )
        for episode in episodes
    ]


def _pictures_of(unit_of_work: UnitOfWork, household_id: str, episode_ids: Sequence[str]) -> dict[str, list[Picture]]:
    images = ImageRepository(unit_of_work).of_episodes(household_id, episode_ids)
    letters = _read_letters(unit_of_work, household_id, [image.letter_id for image in images if image.letter_id])
    pictures: dict[str, list[Picture]] = {episode_id: [] for episode_id in episode_ids}
    for image in images:
        pictures[image.episode_id or ""].append(Picture(image, letters.get(image.letter_id or "")))
    return pictures


def _read_letters(unit_of_work: UnitOfWork, household_id: str, letter_ids: Sequence[str]) -> dict[str, ReadLetter]:
    repository = LetterRepository(unit_of_work)
    letters = repository.by_ids(household_id, letter_ids)
    facts = repository.facts_of_letters(household_id, list(letters))
    return {letter.id: ReadLetter(letter, tuple(facts[letter.id])) for letter in letters.values()}
