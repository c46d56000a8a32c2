"""``esp32`` of three chips: which level of which pin ends deep sleep, by the means that the chip has."""

import link
import machine

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True

# Pins that deep sleep leaves on: ESP-IDF, "Sleep Modes" and "GPIO & RTC GPIO" of each chip.
_ESP32 = (0, 2, 4, 12, 13, 14, 15, 25, 26, 27, 32, 33, 34, 35, 36, 37, 38, 39)
_WAKING = {"esp32": _ESP32, "esp32s3": tuple(range(22)), "esp32c3": tuple(range(6))}
# machine.wake_reason() of each.
_EXT0, _EXT1, _GPIO = 2, 3, 7


def wake_on_ext0(pin: machine.Pin, level: bool) -> None:  # noqa: FBT001 - ESP32's signature
    """Let ``pin`` at ``level`` end the next deep sleep; level, not edge: a pin already there ends it at once."""
    _arm((pin,), level, _EXT0)


def wake_on_ext1(pins: tuple, level: bool) -> None:  # noqa: FBT001 - ESP32's signature
    """Do the same for several pins, of which the simulator's boards have one."""
    _arm(pins, level, _EXT1)


def wake_on_gpio(pins: tuple, level: bool) -> None:  # noqa: FBT001 - ESP32's signature
    """Do the same on chips without ext0 and ext1 (MicroPython 1.27)."""
    _arm(pins, level, _GPIO)


def _arm(pins: tuple, level: bool, reason: int) -> None:  # noqa: FBT001 - as above
    for pin in pins:
        if pin.number not in _WAKING[link.wake["chip"]]:
            raise ValueError("invalid pin")
        link.tell("wake_on", pin.number, int(level), reason)


if link.wake["chip"] == "esp32c3":
    del wake_on_ext0, wake_on_ext1
else:
    del wake_on_gpio
