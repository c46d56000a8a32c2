"""When an episode may be settled, judge it; when it was a delivery, then write its one e-mail."""

from dataclasses import replace

from cloud.accounts.repository import AccountRepository
from cloud.devices.gateways import GatewayRepository
from cloud.errors import NotFoundError, RefusedError
from cloud.images.model import Image, preview
from cloud.images.repository import ImageRepository
from cloud.mailbox_events.left_open import LeftOpenRepository
from cloud.mailbox_events.model import Episode
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.notifications.deliveries import deliveries_of
from cloud.notifications.model import (
    COLLECTION,
    DELIVERY,
    LEFT_OPEN,
    RATTLE_MS,
    STORM_BEGINS_MS,
    STORM_LASTS_MS,
    Delivery,
    Signs,
    amended,
    is_news,
    is_of_storm,
    judgement,
)
from cloud.notifications.repository import AlarmRepository
from cloud.notifications.service import write
from cloud.notifications.switches import add_to_list, behaviour_of, is_mailed, told_of
from cloud.notifications.written import Written, queue_written
from cloud.ocr.repository import OcrRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.image_store import ImageStore
from cloud.ports.ports import Ports

# Whose e-mail is written for an episode, by its kind: for the others none is.
_FOLLOWING = {DELIVERY: "delivery_settled", LEFT_OPEN: "door_left_open", COLLECTION: "mail_collected"}
# Wide enough to read the letter's headlines on a phone, small enough for any mailbox (about 100 KB).
PREVIEW_SIDE = 1000


def settle(unit_of_work: UnitOfWork, event: Event, _: None) -> list[Event]:
    """Judge the episode that this event is about, if it can be judged now; tell of a storm, and amend it."""
    episode = _episode(unit_of_work, event)
    if episode is None:
        return []
    if event.name != "door_shaken":
        return _judge(unit_of_work, episode)
    for judged in MailboxEventRepository(unit_of_work).judged_near(episode, STORM_BEGINS_MS):
        _amend(unit_of_work, judged)
    return _raise_storm(unit_of_work, episode) + _judge(unit_of_work, episode)


def subjects_of(unit_of_work: UnitOfWork, event: Event) -> list[str]:
    """Return what the stories of a delivery are about: its episode and its images."""
    episode = _episode(unit_of_work, event)
    if episode is None:
        return []
    images = ImageRepository(unit_of_work).of_episode(event.household_id, episode.id)
    return [episode.id, *(image.id for image in images)]


def perform(ports: Ports, event: Event) -> list[Written]:
    """Return the delivery's e-mail, written to each owner of the household; none where it is news no more."""
    with ports.database.read() as unit_of_work:
        delivery = _delivery(unit_of_work, event)
        if not is_news(delivery.episode, unit_of_work.now):
            return []
        image_ids = [one.image.id for one in delivery.images]
        rotations = OcrRepository(unit_of_work).rotations(event.household_id, image_ids)
        owners = AccountRepository(unit_of_work).owners(event.household_id)
    delivery = _with_previews(delivery, rotations, ports.image_store)
    return [write(delivery, owner, ports) for owner in owners]


def handle(unit_of_work: UnitOfWork, event: Event, mails: list[Written]) -> list[Event]:
    """Queue the e-mails."""
    cause = f"delivery:{event.subject_id}"
    return queue_written(unit_of_work, event.household_id, mails, cause, episode_id=event.subject_id)


def _raise_storm(unit_of_work: UnitOfWork, episode: Episode) -> list[Event]:
    alarm_id = AlarmRepository(unit_of_work).add_storm(episode.household_id, episode.board_id)
    return [Event("alarm_raised", episode.household_id, alarm_id)] if alarm_id else []


def _judge(unit_of_work: UnitOfWork, episode: Episode) -> list[Event]:
    if episode.settled_at is not None:
        _amend(unit_of_work, episode)
        return []
    images_ended = ImageRepository(unit_of_work).ended_in(episode.household_id, episode.id)
    kind = judgement(
        episode,
        images_ended=images_ended,
        has_gateway=GatewayRepository(unit_of_work).of_mailbox(episode.household_id, episode.mailbox_id) != [],
        now=unit_of_work.now,
        signs=_signs(unit_of_work, episode),
    )
    if kind is None:
        return []
    _change(unit_of_work, episode, kind=kind, settled_at=unit_of_work.now)
    return _told(unit_of_work, episode, kind, told_of(kind, has_images=bool(episode.image_count or images_ended)))


def _amend(unit_of_work: UnitOfWork, episode: Episode) -> None:
    """Call a judged episode what it was after all; what its owner was told of it stays told."""
    images_ended = ImageRepository(unit_of_work).ended_in(episode.household_id, episode.id)
    if kind := amended(episode, images_ended=images_ended, signs=_signs(unit_of_work, episode)):
        _change(unit_of_work, episode, kind=kind)


def _change(unit_of_work: UnitOfWork, episode: Episode, **values: object) -> None:
    MailboxEventRepository(unit_of_work).change_episode(episode.household_id, episode.id, **values)


def _told(unit_of_work: UnitOfWork, episode: Episode, kind: str, told: str | None) -> list[Event]:
    """Add the notification of a judged episode that is news, and return what follows, as far as its owner wants."""
    if told is None or not is_news(episode, unit_of_work.now):
        return []
    add_to_list(unit_of_work, episode.household_id, episode.board_id, told)
    mailed = is_mailed(behaviour_of(unit_of_work, episode.household_id, episode.board_id), told)
    return [Event(_FOLLOWING[kind], episode.household_id, episode.id)] if mailed else []


def _signs(unit_of_work: UnitOfWork, episode: Episode) -> Signs:
    events = MailboxEventRepository(unit_of_work)
    return Signs(
        left_open=events.was_left_open(episode) or LeftOpenRepository(unit_of_work).was_left_open(episode),
        edges=events.movements_near(episode, RATTLE_MS),
        shaken=is_of_storm(episode, events.movements(episode, STORM_LASTS_MS, STORM_BEGINS_MS)),
    )


def _episode(unit_of_work: UnitOfWork, event: Event) -> Episode | None:
    """Return the episode of an event that is about an episode or about one of its images."""
    episodes = MailboxEventRepository(unit_of_work)
    image = ImageRepository(unit_of_work).get(event.household_id, event.subject_id)
    episode_id = image.episode_id if image else event.subject_id
    return episodes.episode(event.household_id, episode_id) if episode_id else None


def _delivery(unit_of_work: UnitOfWork, event: Event) -> Delivery:
    episode = MailboxEventRepository(unit_of_work).episode(event.household_id, event.subject_id)
    if episode is None:
        raise NotFoundError(f"expected a settled delivery, found none with id {event.subject_id}")
    return deliveries_of(unit_of_work, event.household_id, [episode])[0]


def _with_previews(delivery: Delivery, rotations: dict[str, int], store: ImageStore) -> Delivery:
    images = tuple(
        replace(one, jpeg=_preview(one.image, rotations.get(one.image.id, 0), store)) for one in delivery.images
    )
    return replace(delivery, images=images)


def _preview(image: Image, rotation: int, store: ImageStore) -> bytes | None:
    if image.uploaded_at is None:
        return None
    try:
        return preview(store.read(image.household_id, image.sha256), PREVIEW_SIDE, rotation=rotation)
    except RefusedError:
        return None
