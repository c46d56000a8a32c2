"""When a board reports openings and closings, then store them and ask the gateway for images."""

from typing import Any

from cloud.devices.model import Device, Taken
from cloud.mailbox_events import service
from cloud.ports.database import UnitOfWork
from cloud.ports.ports import Ports


def take_events(
    unit_of_work: UnitOfWork, ports: Ports, device: Device, message: dict[str, Any], received_at: int
) -> Taken:
    """Store a board's events, each once."""
    return service.take_events(unit_of_work, device, message, received_at, ports.settle_ms)
