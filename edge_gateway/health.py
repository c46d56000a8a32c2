"""What the gateway says about itself: the heartbeat message."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TROUBLE_CHARACTERS = 500  # firmware.wire: the longest text of a map
GRACE = 2  # heartbeats that may be missed before silence becomes an alarm


@dataclass(frozen=True, slots=True)
class Health:
    """Writes heartbeats; ``uptime_s`` and ``free_bytes`` are asked at the moment of writing."""

    version: str
    every_s: int
    uptime_s: Callable[[], float]
    free_bytes: Callable[[], int]

    def heartbeat(self, trouble: str = "") -> dict[str, Any]:
        """Return the message; ``trouble`` is what the owner should know, in the field for what the device refused."""
        message: dict[str, Any] = {
            "fw": self.version,
            "next_s": self.every_s * GRACE,
            "uptime_s": int(self.uptime_s()),
            "free_bytes": self.free_bytes(),
        }
        return message | {"refused": {"capture": trouble[:TROUBLE_CHARACTERS]}} if trouble else message
