"""No device hub: commands and tests run beside the server, which alone is connected to the devices."""

from cloud.errors import RetryLaterError
from cloud.ports.device_hub import Downlink


class OfflineDeviceGate:
    """Refuses everything for now: a job that needs the devices waits for the server."""

    def revoke(self, thing: str, serial: str) -> None:
        """Raise RetryLaterError."""
        raise RetryLaterError(
            f"expected the running server to revoke {thing} ({serial}), this process is not connected to the devices"
        )

    def tell(self, downlink: Downlink) -> None:
        """Raise RetryLaterError."""
        raise RetryLaterError(
            f"expected the running server to tell {downlink.thing}, this process is not connected to the devices"
        )
