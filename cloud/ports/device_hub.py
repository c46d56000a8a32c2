"""Messages to and from devices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cloud.correlation import new_id


@dataclass(frozen=True, slots=True)
class DeviceMessage:
    """One message from a device; ``thing`` and ``kind`` are the topic's, so a device cannot forge them.

    ``correlation_id`` is that of everything that follows from it. One that ``is_retained`` is the broker's copy of an
    earlier one: no sign of life (docs/decisions/0133).
    """

    thing: str
    kind: str
    payload: bytes
    received_at: int
    correlation_id: str = field(default_factory=new_id)
    is_retained: bool = False


class Downlink(NamedTuple):
    """One message to a device, checked against the wire contract when it is published."""

    thing: str
    kind: str
    message: Mapping[str, object]


Acknowledge = Callable[[], None]
Take = Callable[[DeviceMessage, Acknowledge], None]


class DeviceHub(Protocol):
    """Promises: every message is delivered again until ``acknowledge`` was called for it.

    A ``take`` that does not return holds up what follows; acknowledging and publishing never wait for it, but what is
    acknowledged and published meanwhile may leave only after it. ``hold_up`` holds up what follows without that.
    """

    def start(self, take: Take, connected: Callable[[], None]) -> None:
        """Deliver messages to ``take`` from now on; reconnects by itself and then calls ``connected``."""

    def hold_up(self) -> None:
        """Let no more messages come than are on their way."""

    def go_on(self) -> None:
        """Let messages come again, once what was acknowledged has left; harmless to repeat."""

    def publish(self, downlink: Downlink) -> None:
        """Send a message; ``desired`` is retained, others reach only a connected device."""

    def stop(self) -> None:
        """Stop delivering and disconnect."""


class Revoker(Protocol):
    """Who may connect. Promises: who is revoked stays out."""

    def revoke(self, thing: str, serial: str) -> None:
        """Shut a thing out for good; raises RetryLaterError when that is not certain yet. Harmless to repeat.

        Once it returns the certificate of this serial is refused, the connection that the thing had is closed, it can
        neither say nor hear anything, and no ``desired`` is kept for it.
        """


class DeviceGate(Revoker, Protocol):
    """The part of the hub that a stage may use."""

    def tell(self, downlink: Downlink) -> None:
        """Have a ``desired`` sent, rendered anew so that it is never older than what the device was told.

        Raises RetryLaterError where no devices are in reach.
        """
