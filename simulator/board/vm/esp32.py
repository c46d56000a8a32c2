"""ESP32's ``esp32``: which level of which pin ends deep sleep."""

import link
import machine

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True


def wake_on_ext0(pin: machine.Pin, level: bool) -> None:  # noqa: FBT001 - ESP32's signature
    """Let ``pin`` at ``level`` end the next deep sleep; level, not edge: a pin already there ends it at once."""
    link.tell("ext0", pin.number, int(level))
