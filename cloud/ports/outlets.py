"""Where the consequences of a request go."""

from collections.abc import Callable
from dataclasses import dataclass

from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.event_queue import Event, Parked


@dataclass(frozen=True, slots=True)
class Outlets:
    """Jobs and entries of the DLQ are put in the transaction that caused them, messages to devices published after it.

    ``put`` adds a job for every stage that answers an event.
    """

    put: Callable[[UnitOfWork, list[Event]], None]
    park: Callable[[UnitOfWork, Parked], object]
    publish: Callable[[Downlink], None]
