"""What the gateway's workers tell each other."""

from dataclasses import dataclass

from edge_gateway.ports.device_hub import Incoming


@dataclass(frozen=True, slots=True)
class Spooled:
    """A new entry is in the spool."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The process ends."""


Signal = Incoming | Spooled | Stop
