"""The state of the simulated chip, and the part of it that outlives the simulator: a board keeps sleeping."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# machine.reset_cause() and machine.wake_reason() of the ESP32 port.
PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
TIMER_WAKE = 4
# What may end a deep sleep at a pin's level: by its machine.wake_reason(), its name in ESP-IDF.
PIN_WAKES = {2: "ext0", 3: "ext1", 7: "gpio"}

ESP32_EPOCH_MS = 946_684_800_000
FULL_BATTERY_MV = 4000


@dataclass(frozen=True, slots=True)
class Start:
    """Why the processor starts."""

    cause: str
    reset_cause: int
    wake_reason: int = 0
    prompt: str = ""
    """What precedes the prompt: "raw" where mpremote waits for it (boot.py runs, main.py does not), "only" after a
    program that broke when it was interrupted (nothing runs), else boot.py and main.py."""


POWER = Start("power", PWRON_RESET)
RESET = Start("reset", HARD_RESET)
SOFT = Start("soft reset", SOFT_RESET)
SOFT_RAW = Start("soft reset", SOFT_RESET, prompt="raw")
INTERRUPTED = Start("interrupt", SOFT_RESET, prompt="only")
WATCHDOG = Start("watchdog", WDT_RESET)
BY_TIMER = Start("timer", DEEPSLEEP_RESET, TIMER_WAKE)


@dataclass(slots=True)
class Hardware:
    """Everything about the board that is not in its flash. Clocks are host milliseconds since 1970."""

    is_powered: bool = True
    is_asleep: bool = False
    door_level: int = 0
    """Level of the reed switch's pin: 1 = open."""
    battery_mv: int = FULL_BATTERY_MV
    rtc_memory: str = ""
    """Hexadecimal digits."""
    clock_offset_ms: int = 0
    """How far the board's clock is ahead of the host's."""
    wake_level: int | None = None
    """Level of the door's pin that ends the sleep, by ``wake_reason``."""
    wake_reason: int = 0
    scratch: int = 0
    """The register that a reset keeps and lost power clears, of a chip without RTC memory."""
    wake_at_ms: int | None = None
    network_up: bool = True
    """Whether the access point is on the air."""
    unique_id: str = field(default="3f9c2a71d0e4")

    def lose_power(self) -> None:
        """Forget what only power keeps."""
        self.is_powered = self.is_asleep = False
        self.rtc_memory = ""
        self.scratch = 0
        self.wake_level = self.wake_at_ms = None

    def gain_power(self) -> None:
        """Start from nothing: no RTC memory, the clock at 2000-01-01."""
        self.lose_power()
        self.is_powered = True
        self.clock_offset_ms = ESP32_EPOCH_MS - now_ms()

    def fall_asleep(self, milliseconds: int) -> None:
        """Sleep until the timer, where there is one, or the armed level."""
        self.is_asleep = True
        self.wake_at_ms = now_ms() + milliseconds if milliseconds else None

    def wake_up(self) -> None:
        """Run again; what was armed to end the sleep is armed no longer."""
        self.is_asleep = False
        self.wake_level = self.wake_at_ms = None

    def is_woken_by_door(self) -> bool:
        """Return whether the armed level is there, however long it has been."""
        return self.is_asleep and self.wake_level is not None and self.door_level == self.wake_level


def by_door(reason: int) -> Start:
    """Return the start that the door's pin causes."""
    return Start(PIN_WAKES[reason], DEEPSLEEP_RESET, reason)


def now_ms() -> int:
    """Return the host's clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def load_hardware(path: Path) -> Hardware:
    """Return the board as it was left: asleep or without power; new or cut off in the middle of a wake = power-on."""
    try:
        saved: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        saved = {}
    hardware = Hardware(**{name: value for name, value in saved.items() if name in Hardware.__dataclass_fields__})
    if hardware.is_powered and not hardware.is_asleep:
        hardware.gain_power()
    return hardware


def save_hardware(path: Path, hardware: Hardware) -> None:
    """Keep the board's state, whole or not at all."""
    fields = {name: getattr(hardware, name) for name in Hardware.__dataclass_fields__}
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(json.dumps(fields))
    unfinished.replace(path)
