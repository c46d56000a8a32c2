"""When a board reports openings and closings, then store them and ask the gateway for images."""

from collections.abc import Sequence

from cloud.devices.model import Said, Taken
from cloud.mailbox_events import service
from cloud.ports.database import UnitOfWork
from cloud.ports.ports import Ports


def take_events(unit_of_work: UnitOfWork, ports: Ports, said: Sequence[Said]) -> list[Taken]:
    """Store boards' events, each once."""
    taken = service.take_events(unit_of_work, said, ports.settle_ms)
    if any("capture" in link.message for one in taken for link in one.downlinks):
        ports.ocr_engine.prepare()  # an image will be here within seconds, which is what a cold engine takes to start
    return taken
