"""Play a story on a board of the laboratory, then ask whether the cloud has each event once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self

from firmware.version import VERSION
from simulator.lab.lab import Lab, LabError, Outcome
from simulator.lab.scenario import GOOD_MV, LEASES_S, Step

NTP_MS = 1_750_000_000_000  # past, so that no event is later than the cloud's own clock
POWER_ON_MS = 946_684_800_000  # an ESP32's clock without a battery
# While a long time passes, the wakes by timer that are played; the board's counting bears the rest.
MOST_WAKES = 12
# From a piece of an image to a firmware that has proved itself, or has not in three wakes.
MOST_TRIAL_WAKES = 12


class Publisher(Protocol):
    """Who releases firmware to the board."""

    @property
    def files(self) -> Mapping[str, Mapping[str, bytes]]:
        """Return the files of each good release, by its version."""
        ...

    def offer(self, kind: str, size: int) -> None:
        """Offer a release of one of ``scenario.RELEASES``, with so many bytes beside its program."""

    def fail(self, faults: Iterable[str]) -> None:
        """Let the next requests for an image go wrong."""

    def make_peace(self) -> None:
        """Let all requests go well from now on."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run came to; ``problems`` is empty when the promises held."""

    problems: tuple[str, ...]
    wakes: int
    cuts: int
    journaled: int
    lost: int
    updates: int = 0
    """How many releases were started, for good or on trial."""

    def with_problem(self, text: str) -> Self:
        """Return the same verdict with one problem more."""
        return replace(self, problems=(*self.problems, text))


def play(lab: Lab, steps: Iterable[Step], publisher: Publisher | None = None) -> Verdict:
    """Play ``steps`` from the first start on, give the board peace to deliver, and judge.

    Raises LabError when a wake crashes or the journal does not become empty. Only a step "release" needs a publisher.
    """
    player = Player(lab, publisher)
    player.start()
    for step in steps:
        getattr(player, step.name)(**step.about)
    player.make_peace()
    return player.verdict()


class Player:
    """Someone with a mailbox, and bad luck; one method for each kind of step."""

    def __init__(self, lab: Lab, publisher: Publisher | None = None) -> None:
        self._lab = lab.set(ntp=NTP_MS)
        self._publisher = publisher
        self._ran = {VERSION}
        self._is_open = self._is_full = False
        self._opened = 0
        self._wakes = self._cuts = 0
        self._asleep_ms = 0
        self._last: Outcome

    def start(self, cut_at: int = 0) -> None:
        """Give the board power, and once more when the power goes."""
        self._note(self._lab.start(cut_at))
        if self._last.end == "cut":
            self._note(self._lab.start())

    def swing(self, after_ms: int, bounces: int = 0, cut_at: int = 0) -> None:
        """Open or close the door after a while."""
        self._pass(after_ms)
        self._move()
        # No level lasts long enough to count before the last.
        looks = [self._is_open ^ bool(number % 2) for number in range(bounces, 0, -1)]
        self._lab.set(looks=[*looks, self._is_open] if looks else [])
        if self._last.listens_for is self._is_open:
            self._wake("door", self._asleep_ms, cut_at)

    def visits(self, count: int, after_ms: int) -> None:
        """Move the door again and again."""
        for _ in range(count):
            self.swing(after_ms)

    def wait(self, ms: int, cut_at: int = 0) -> None:
        """Let time pass; the next wake by the timer may lose its power."""
        self._pass(ms)
        self._wake("timer", self._last.sleep_ms, cut_at)

    def broker(self, faults: tuple[str, ...]) -> None:
        """Let the next connections go wrong."""
        self._lab.broker.faults.extend(faults)

    def wifi(self, *, is_up: bool) -> None:
        """Switch the access point on or off."""
        self._lab.set(has_wifi=is_up)

    def router(self, lease_s: int, *, knows_restarts: bool) -> None:
        """Let addresses be leased for so long, and who starts again be answered or not."""
        self._lab.set(lease_s=lease_s, knows_restarts=knows_restarts)

    def power(self, *, is_moved: bool, cut_at: int = 0) -> None:
        """Change the battery of a sleeping board, whose door may move meanwhile."""
        if is_moved:
            self._move()
        self._lab.set(rtc="", clock=POWER_ON_MS, looks=[])
        self._cuts += 1
        self.start(cut_at)

    def rtc(self, damage: str) -> None:
        """Damage RTC memory."""
        block = self._last.rtc
        flipped = bytes(byte ^ 1 for byte in block[:1]) + block[1:]
        self._lab.set(rtc={"gone": b"", "flipped": flipped, "noise": b"\xa5" * 2048}[damage].hex())

    def clock(self, to_ms: int, *, has_ntp: bool) -> None:
        """Let the hardware clock jump, and the network know the time or not."""
        self._lab.set(clock=to_ms, ntp=NTP_MS if has_ntp else None)

    def reflash(self) -> None:
        """Write firmware and bundle onto a formatted flash; what was journaled and not sent is gone with it."""
        self._is_full = False
        # A new install knows no door: one that stands open is told as an opening.
        self._opened += self._is_open
        self._lab.reflash()
        self._lab.ledger.lost = 0
        self.start()

    def battery(self, mv: int) -> None:
        """Change the battery's voltage."""
        self._lab.set(battery=mv)

    def flash(self, free_blocks: int) -> None:
        """Fill the flash, or empty a full one."""
        if self._is_full:
            self._lab.empty_flash()
        else:
            self._lab.fill_flash(free_blocks)
        self._is_full = not self._is_full

    def release(self, kind: str, size: int, faults: tuple[str, ...], cuts: tuple[int, ...]) -> None:
        """Offer a firmware; fetching goes wrong, and at each of the next wakes the power may."""
        assert self._publisher is not None  # noqa: S101 - who plays a story with releases has one
        self._publisher.offer(kind, size)
        self._publisher.fail(faults)
        for cut_at in cuts:
            self._wake("timer", self._last.sleep_ms, cut_at)

    def make_peace(self) -> None:
        """End every fault and let the board deliver; raises LabError when its journal does not become empty."""
        if self._publisher is not None:
            self._publisher.make_peace()
        if self._is_full:
            self._lab.empty_flash()
        self._lab.broker.faults.clear()
        self._lab.set(has_wifi=True, battery=GOOD_MV, ntp=NTP_MS, looks=[], lease_s=LEASES_S[-1])
        self._note(self._lab.settle())
        for _ in range(MOST_TRIAL_WAKES):
            if self._last.end == "sleep" and not self._is_on_trial():
                break
            self._note(self._lab.sleep_on())

    def verdict(self) -> Verdict:
        """Return whether each journaled event is in the cloud once and the door moved no more often than it did."""
        lab = self._lab
        lost = lab.ledger.lost
        journaled = len(lab.journaled)
        return Verdict(tuple(self._problems()), self._wakes, self._cuts, journaled, lost, len(self._ran) - 1)

    def _problems(self) -> Iterator[str]:
        missing, ledger = self._lab.missing(), self._lab.ledger
        if len(missing) > ledger.lost:
            yield f"expected at most {ledger.lost} events to be missing, which the board counts, got {missing}"
        if ledger.clashes:
            yield f"expected each name to stand for one event, got two of {ledger.clashes}"
        openings = [name for name, row in ledger.rows.items() if row["event_type"] == "open"]
        if len(openings) > self._opened:
            yield f"expected at most {self._opened} openings, got {openings}"
        yield from self._bad_firmware()

    def _bad_firmware(self) -> Iterator[str]:
        """Yield what is wrong with the firmware that the board was left with: it is whole, and one that it may run."""
        if self._is_on_trial():
            yield f"expected the trial to be over, got {self._lab.read('trial')!r}"
        slot, version = self._last.firmware
        good = {VERSION: {}, **(self._publisher.files if self._publisher else {})}
        if version not in good:
            yield f"expected the board to run one of {', '.join(good)}, got {version}"
        for name, content in good.get(version, {}).items():
            if self._lab.read(f"{slot}/{name}") != content:
                yield f"expected {slot}/{name} of {version} to be whole, got another"

    def _is_on_trial(self) -> bool:
        """Return whether a firmware still has tries to prove itself, which a next wake would start."""
        trial = self._lab.read("trial")
        return trial is not None and not trial.endswith(b" 0")

    def _move(self) -> None:
        self._is_open = not self._is_open
        self._opened += self._is_open
        self._lab.set(is_high=self._is_open)

    def _pass(self, milliseconds: int) -> None:
        """Let time pass with the wakes by timer that fall into it."""
        for _ in range(MOST_WAKES):
            left_ms = self._last.sleep_ms - self._asleep_ms
            if milliseconds < left_ms:
                self._asleep_ms += milliseconds
                return
            milliseconds -= left_ms
            self._wake("timer", self._last.sleep_ms)

    def _wake(self, cause: str, after_ms: int, cut_at: int = 0) -> None:
        self._note(self._lab.wake(cause, after_ms, cut_at))
        if self._last.end == "cut":
            self._lab.set(looks=[])
            self.start()

    def _note(self, outcome: Outcome) -> None:
        # A firmware that does not start sleeps: it was on trial, or nothing would have been left to start.
        if outcome.end == "crash" and not outcome.sleep_ms:
            raise LabError(f"expected a wake that ends in sleep, got a crash: {outcome}")
        self._last = outcome
        self._asleep_ms = 0
        self._wakes += 1
        self._ran.update(outcome.firmware[1:])
        self._cuts += outcome.end == "cut"
