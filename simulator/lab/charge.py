"""What a wake draws from the battery, by published figures on a clock of its own: the same on every machine.

The figures, of an ESP32 with MicroPython: glenn20/upy-esp32-experiments, "ESPNow vs Wifi Energy Usage" (2023), by a
power profiler: 3.32 mC in 70 ms until frozen code runs; 23.6 mC in 350 ms more for a program on flash; 100.2 mC in
734 ms in all with Wi-Fi joined by a known address, 204.3 mC in 1626 ms by DHCP; 108.6 mC in 774 ms with MQTT connected
and published without TLS. A TLS handshake takes 1.2 s (micropython-esp32 issue 131) and is taken to draw what joining
does. Flash, of 4 KB and 256 bytes: 45 ms to erase and 0.7 ms to program (Winbond W25Q32JV, typical), rounded up.
What the firmware computes by itself is in none of them: a program twice as long is free here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.lab.lab import Lab, LabError, Outcome

START_MS, START_UC = 350, 26_900
JOIN_MS, JOIN_UC = 664, 96_900
DHCP_MS, DHCP_UC = 1556, 201_000
HANDSHAKE_MS = 1200
AWAKE_UC, RADIO_UC = 67, 146
"""Of one millisecond, while the radio is off and while it is on: 23.6 mC in 350 ms, 96.9 mC in 664 ms."""
ROUND_TRIP_MS, ROUND_TRIP_UC = 13, 2800
"""A third of MQTT without TLS, which is three of them: TCP, CONNECT, PUBLISH."""
ERASE_MS, PROGRAM_MS = 45, 1

COSTS: Mapping[str, tuple[int, int]] = {
    "start": (START_MS, START_UC),
    "idle awake": (1, AWAKE_UC),
    "idle radio": (1, RADIO_UC),
    "join": (JOIN_MS, JOIN_UC),
    "join by DHCP": (DHCP_MS, DHCP_UC),
    "handshake": (HANDSHAKE_MS, HANDSHAKE_MS * RADIO_UC),
    "round trip": (ROUND_TRIP_MS, ROUND_TRIP_UC),
    "DHCP answer": (ROUND_TRIP_MS, ROUND_TRIP_UC),
    "erase": (ERASE_MS, ERASE_MS * AWAKE_UC),
    "program": (PROGRAM_MS, PROGRAM_MS * AWAKE_UC),
}
# What no firmware can avoid: joining, a handshake, and MQTT that connects and publishes.
FLOOR_MC = (JOIN_UC + HANDSHAKE_MS * RADIO_UC + 3 * ROUND_TRIP_UC) / 1000
FIRST_START = "first start"
"""Of all ordinary wakes the only one that has no address and needs all of DHCP."""
HEARTBEAT_MS, HEARTBEATS_A_DAY = 21_600_000, 4
VISIT_MS = 20_000
POWER_ON_MS = 946_684_800_000
"""An ESP32's clock when it gets power: 2000-01-01."""
UNIX_MS = 1_750_000_000_000
_CRC_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Router:
    """For how many seconds it leases addresses, 0 for one that talks to the network stack alone, and its manners."""

    lease_s: int
    knows_restarts: bool = True
    """Whether it answers who starts again and asks for its former address (INIT-REBOOT of RFC 2131)."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one wake drew, in mC, and what its firmware thinks that it drew."""

    phases: Mapping[str, float]
    own_mc: int

    @property
    def total_mc(self) -> float:
        """Return all of it."""
        return sum(self.phases.values())


def measure(lab: Lab) -> dict[str, Charge]:
    """Return the charge of a board's ordinary wakes, by name; raises LabError when one does not end in sleep."""
    _prepare(lab)
    return {
        FIRST_START: _charge(lab.start()),
        # By then nobody knows for how long the address is the board's.
        "heartbeat": _charge(lab.wake("timer", HEARTBEAT_MS)),
        "opening": _charge(lab.move(is_open=True, after_ms=VISIT_MS)),
        "closing": _charge(lab.move(is_open=False, after_ms=VISIT_MS)),
        # In one of them the time of day is due, in others the lease.
        "heartbeat a day later": (heartbeats := _heartbeats(lab))[-1],
        "dearest heartbeat of a day": max(heartbeats, key=lambda charge: charge.total_mc),
        "opening a day later": _charge(lab.move(is_open=True, after_ms=VISIT_MS)),
        "left open": _charge(lab.sleep_on()),
        "new battery": _charge(lab.set(rtc="", clock=POWER_ON_MS).start()),
    }


def measure_day(lab: Lab, router: Router, costs: Mapping[str, tuple[int, int]] = COSTS) -> list[Charge]:
    """Return what the wakes of a day after the first draw, with a visit before each heartbeat but one; raises LabError.

    In its night the first start's lease runs out, of which nobody knows how long it is.
    """
    _prepare(lab, costs)
    lab.set(lease_s=router.lease_s, knows_restarts=router.knows_restarts)
    lab.start()
    wakes = [lab.wake("timer", HEARTBEAT_MS)]
    for _ in range(HEARTBEATS_A_DAY - 1):
        wakes += [lab.move(is_open=True, after_ms=HEARTBEAT_MS // 2), lab.move(is_open=False, after_ms=VISIT_MS)]
        wakes.append(lab.wake("timer", HEARTBEAT_MS // 2 - VISIT_MS))
    return [_charge(wake) for wake in wakes]


def mean(charges: Sequence[Charge]) -> Charge:
    """Return the mean of what wakes drew."""
    phases = sorted({phase for charge in charges for phase in charge.phases})
    means = {phase: sum(charge.phases.get(phase, 0) for charge in charges) / len(charges) for phase in phases}
    return Charge(means, sum(charge.own_mc for charge in charges) // len(charges))


def _prepare(lab: Lab, costs: Mapping[str, tuple[int, int]] = COSTS) -> None:
    lab.set(ntp=UNIX_MS)
    lab.measure(costs)


def _heartbeats(lab: Lab) -> list[Charge]:
    """Return what the heartbeats of a day draw."""
    return [_charge(lab.wake("timer", HEARTBEAT_MS)) for _ in range(HEARTBEATS_A_DAY)]


def _charge(wake: Outcome) -> Charge:
    if wake.end != "sleep":
        raise LabError(f"expected a wake that ends in sleep, got {wake}")
    own_mc = sum(json.loads(wake.rtc[_CRC_DIGITS:])["drawn"])
    return Charge({phase: drawn / 1000 for phase, drawn in sorted(wake.drawn_uc.items())}, own_mc)
