"""What is known of deliveries, gathered from the features that know it."""

from collections.abc import Sequence

from cloud.devices.gateways import GatewayRepository
from cloud.devices.lists.repository import DeviceLists
from cloud.devices.profile import Behaviour
from cloud.devices.repository import DeviceRepository
from cloud.images.repository import ImageRepository
from cloud.letters.repository import LetterRepository
from cloud.mailbox_events.model import Episode
from cloud.notifications.findings import ReadLetter
from cloud.notifications.model import Delivery, DeliveryImage, is_news
from cloud.notifications.switches import is_mailed, told_of
from cloud.ports.database import UnitOfWork


def deliveries_of(unit_of_work: UnitOfWork, household_id: str, episodes: Sequence[Episode]) -> list[Delivery]:
    """Return each of the household's episodes with its images and letters, in the order given."""
    mailboxes = {episode.mailbox_id for episode in episodes}
    names = DeviceRepository(unit_of_work).mailbox_names(household_id, mailboxes)
    with_camera = GatewayRepository(unit_of_work).mailboxes_with_one(mailboxes)
    images = _images_of(unit_of_work, household_id, [episode.id for episode in episodes])
    behaviours = DeviceLists(unit_of_work).behaviours(household_id, {episode.board_id for episode in episodes})
    return [
        Delivery(
            episode,
            mailbox=names[episode.mailbox_id],
            images=tuple(images[episode.id]),
            has_gateway=episode.mailbox_id in with_camera,
            is_mailed=is_news(episode, unit_of_work.now)
            and _is_mailed(episode, behaviours.get(episode.board_id, Behaviour()), has_images=bool(images[episode.id])),
        )
        for episode in episodes
    ]


def _is_mailed(episode: Episode, behaviour: Behaviour, *, has_images: bool) -> bool:
    told = told_of(episode.kind, has_images=has_images)
    return told is not None and is_mailed(behaviour, told)


def _images_of(
    unit_of_work: UnitOfWork, household_id: str, episode_ids: Sequence[str]
) -> dict[str, list[DeliveryImage]]:
    found = ImageRepository(unit_of_work).of_episodes(household_id, episode_ids)
    letters = _read_letters(unit_of_work, household_id, [image.letter_id for image in found if image.letter_id])
    images: dict[str, list[DeliveryImage]] = {episode_id: [] for episode_id in episode_ids}
    for image in found:
        images[image.episode_id or ""].append(DeliveryImage(image, letters.get(image.letter_id or "")))
    return images


def _read_letters(unit_of_work: UnitOfWork, household_id: str, letter_ids: Sequence[str]) -> dict[str, ReadLetter]:
    repository = LetterRepository(unit_of_work)
    letters = repository.by_ids(household_id, letter_ids)
    facts = repository.facts_of_letters(household_id, list(letters))
    return {letter.id: ReadLetter(letter, tuple(facts[letter.id])) for letter in letters.values()}
