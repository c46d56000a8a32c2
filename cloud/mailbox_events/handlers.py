"""When a board reports openings and closings, then store them and ask for images; when it leaves, then end them."""

from collections.abc import Sequence

from cloud.devices.model import Said, Taken
from cloud.mailbox_events import service
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports


def take_events(unit_of_work: UnitOfWork, ports: Ports, said: Sequence[Said]) -> list[Taken]:
    """Store boards' events, each once."""
    taken = service.take_events(unit_of_work, said, ports.settle_ms)
    if any("capture" in link.message for one in taken for link in one.downlinks):
        ports.ocr_engine.prepare()  # an image will be here within seconds, which is what a cold engine takes to start
    return taken


def end_episodes(unit_of_work: UnitOfWork, event: Event, _: None) -> list[Event]:
    """End what a board left open in a household that will hear of no close from it any more."""
    ended = MailboxEventRepository(unit_of_work).end_episodes(event.household_id, event.subject_id)
    return [Event("episode_closed", event.household_id, episode_id) for episode_id in ended]
