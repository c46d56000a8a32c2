"""What stages may do with devices in the running server: the hub shuts out, the thread of ingest speaks."""

from collections.abc import Callable

from cloud.errors import RetryLaterError
from cloud.ports.device_hub import Downlink, Revoker


class ServerDeviceGate:
    """Shuts out by the hub, and has ingest tell: it alone may publish what devices should do (docs/decisions/0054)."""

    def __init__(self, hub: Revoker) -> None:
        self._hub = hub
        self._tell: Callable[[Downlink], None] | None = None

    def speak_by(self, tell: Callable[[Downlink], None]) -> None:
        """Let this one tell devices from now on."""
        self._tell = tell

    def revoke(self, thing: str, serial: str) -> None:
        """Shut a thing out for good."""
        self._hub.revoke(thing, serial)

    def tell(self, downlink: Downlink) -> None:
        """Have a message sent; raises RetryLaterError while the server starts."""
        if self._tell is None:
            raise RetryLaterError(f"expected a server that has started to tell {downlink.thing}, this one is starting")
        self._tell(downlink)
