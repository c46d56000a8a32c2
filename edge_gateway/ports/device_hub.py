"""Device hub: the broker as the gateway sees it, in messages of the wire contract."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker knows the gateway and its subscriptions are in force."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone; the hub is already trying to get it back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Capture:
    """The cloud asks for images of one mailbox event; ``at`` in Unix ms."""

    event_id: str
    kind: str
    at: int


@dataclass(frozen=True, slots=True)
class Desired:
    """What the cloud wants of this gateway now; a lower ``rev`` is older."""

    rev: int
    capture: Capture | None


@dataclass(frozen=True, slots=True)
class Grant:
    """The cloud's answer to an upload request: an address, a refusal, or the word that the image is committed."""

    image_id: str
    url: str = ""
    method: str = "PUT"
    headers: Mapping[str, str] | None = None
    refused: str = ""
    stored: bool = False

    def __repr__(self) -> str:
        """Leave out the address: its signature is a secret."""
        return f"Grant(image_id={self.image_id!r}, refused={self.refused!r}, stored={self.stored!r})"


Incoming = Connected | Disconnected | Desired | Grant


class DeviceHub(Protocol):
    """A connection that comes back by itself; what it took is with the broker, what it did not is published again."""

    def start(self, listener: Callable[[Incoming], None]) -> None:
        """Connect and stay connected in the background; ``listener`` is called from there and must not block."""
        ...

    def publish(self, kind: str, message: Mapping[str, Any]) -> bool:
        """Send one message of the wire contract; returns whether the broker has it. Not to be called by a listener."""
        ...

    def stop(self) -> None:
        """Say good-bye and disconnect."""
        ...
