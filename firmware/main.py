"""One wake: what moved is on flash before the radio starts, and leaves the flash when the cloud has it."""

from firmware import safety, signals
from firmware.delivery import Delivery
from firmware.door import (
    CLOSE,
    OPEN,
    STORM_CALM_MS,
    STORM_PAUSES_S,
    Debounce,
    is_storm,
    movements,
    opposite,
    passed,
    weighed,
)
from firmware.power import allows_radio, battery, charge_mc, is_low, radio_wait_ms
from firmware.state import State
from firmware.version import VERSION

# No acknowledgement from the broker: a server that restarts is back after the first step, a router after the second,
# and a house without network does not empty the battery on the last.
RETRY_S = (10, 60, 300, 1800, 7200)
# A piece of an update came: the rest need not wait for the next letter.
MORE_MS = 60000
# A door that never comes to rest must not keep the board awake.
MOST_ROUNDS = 3
LEAST_SLEEP_MS = 1000


class Wake:
    """One wake of ``board``; ``uplink(config, now_ms)`` makes an unconnected ``firmware.uplink.Uplink``.

    ``slot`` is where this firmware lies. An attended board, which somebody just gave power, lets its LED speak.
    """

    def __init__(self, board, uplink, slot="a", *, version=VERSION, is_attended=False):
        self._board = board
        self._uplink = uplink
        self._is_attended = is_attended
        self._state = State(board, slot, version)
        self._rtc = self._state.rtc
        self._journal = self._state.journal
        self._clock = self._state.clock
        self._battery_mv = None

    def run(self):
        """Look, report what waits, look again, sleep."""
        self._rtc["wakes"] = self._rtc.get("wakes", 0) + 1
        self._look()
        for _ in range(MOST_ROUNDS):
            self._report()
            if not self._look_again():
                break
        else:
            # What moved last was not sent, which is as good as a try that failed.
            self._rtc["fails"] = max(1, self._rtc.get("fails", 0))
        self._rtc["drawn"] = charge_mc(self._board.uptime_ms(), self._state.radio_ms)
        self._rtc["total"] = self._rtc.get("total", 0) + sum(self._rtc["drawn"])
        safety.passed(self._rtc)
        sleep_ms = self._sleep_ms()
        self._rtc["slept"] = [self._clock.mono(), sleep_ms]
        self._state.remember()
        self._board.log("sleep %d ms, door %s, %d waiting" % (sleep_ms, self._journal.door, self._journal.count))
        self._board.sleep(sleep_ms, None if self._is_deaf() else self._journal.door == CLOSE)

    def _look(self):
        cause = self._board.wake_cause()
        self._board.log("wake by %s as %s-%d" % (cause, self._rtc["install"], self._rtc["boot"]))
        began = self._clock.mono() - self._board.uptime_ms()
        by_door = cause == "door"
        now = self._settle(opposite(self._journal.door) if by_door else self._journal.door, 0)
        self._board.watch_door()
        self._journal_movements(now, by_door, began if by_door else None)
        if self._state.is_cold:
            self._state.keep_event("boot", self._clock.mono(), {})
        self._journal_still_open()
        self._journal_battery()

    def _look_again(self):
        if self._is_deaf():
            return False
        moved = self._board.door_moved()
        uptime = self._board.uptime_ms()
        since = uptime if moved else uptime - self._state.settings["debounce_ms"]
        now = self._settle(self._journal.door, since)
        self._board.door_moved()  # bounces of what has settled, which the next look must not take for a swing
        return self._journal_movements(now, moved)

    def _settle(self, state, since_ms):
        """Return the door's state once it has held still; a wait already over (while booting) is not begun anew."""
        debounce = Debounce(self._state.settings["debounce_ms"], state, since_ms)
        while True:
            now = OPEN if self._board.is_open() else CLOSE
            if debounce.sample(now, self._board.uptime_ms()):
                return now
            self._board.pause_ms(1)

    def _journal_movements(self, now, moved, began=None):
        """Journal what the door did since the last look; ``began`` = when its first movement ended the sleep."""
        mono = self._clock.mono()
        self._calm_down(mono)
        kinds = movements(self._journal.door, now, moved)
        for _ in kinds:
            self._rtc["busy"] = weighed(self._rtc.get("busy", 0), mono)
        # In a storm only where the door is counts, not that it went to and fro.
        told = kinds if "storm" not in self._rtc or now != self._journal.door else ()
        looked = self._rtc.get("looked") if began is None else began
        self._rtc["looked"] = mono
        # Between two looks; across a loss of power only the wall clock can say when the last one was.
        gap = {"since": self._journal.door_at} if looked is None else {"window_ms": max(0, mono - looked)}
        for number, kind in enumerate(told):
            if began is not None and number == 0:
                self._journal_movement(kind, began, {})
            else:
                self._journal_movement(kind, mono, dict(gap))
        if kinds:
            self._brave_storm(mono)
        return bool(told)

    def _calm_down(self, mono):
        if "storm" in self._rtc and mono > self._rtc["deaf"] + STORM_CALM_MS:
            del self._rtc["storm"]

    def _brave_storm(self, mono):
        """Listen no longer to a door that moves more than hands move it, and tell of that once."""
        if self._is_deaf() or ("storm" not in self._rtc and not self._is_storm(mono)):
            return
        storm = self._rtc["storm"] = self._rtc.get("storm", 0) + 1
        self._rtc["deaf"] = mono + STORM_PAUSES_S[min(storm, len(STORM_PAUSES_S)) - 1] * 1000
        if storm == 1:
            self._state.keep_event("tamper", mono, {})

    def _is_storm(self, mono):
        return is_storm(self._rtc["busy"], mono, self._state.settings["storm_movements"])

    def _is_deaf(self):
        return self._rtc.get("deaf", 0) > self._clock.mono()

    def _journal_movement(self, kind, mono, about):
        opened = self._rtc.pop("opened", None)
        if kind == OPEN:
            self._rtc["opened"] = mono
            self._rtc["still"] = 0
        elif opened is not None:
            about["dur_ms"] = max(0, mono - opened)
        self._state.keep_event(kind, mono, about)

    def _journal_still_open(self):
        if "opened" not in self._rtc:
            return
        now = self._clock.mono()
        open_ms = now - self._rtc["opened"]
        still = passed(open_ms, self._state.settings["still_open_s"])
        if still > self._rtc["still"]:
            self._rtc["still"] = still
            self._state.keep_event("still_open", now, {"dur_ms": open_ms})

    def _journal_battery(self):
        self._battery_mv = battery(self._board.battery_mv())
        was_low = self._rtc.get("low", False)
        self._rtc["low"] = is_low(self._battery_mv, was_low, self._state.settings["battery_low_mv"])
        if self._rtc["low"] and not was_low:
            self._state.keep_event("low_battery", self._clock.mono(), {})

    def _report(self):
        """Deliver where something waits and the battery bears it."""
        # A board that is not in use tells what happened with its heartbeat.
        has_news = self._journal.count and self._state.settings["active"]
        if not has_news and not self._state.heartbeat_is_due():
            return
        signal = signals.LOW_BATTERY
        if not allows_radio(self._battery_mv, self._state.settings["battery_cutoff_mv"]):
            self._board.log("battery at %d mV: no radio" % self._battery_mv)
        elif self._radio_wait_ms():
            self._board.log("the day's radio time is used up")
            return
        else:
            signal = Delivery(self._board, self._state, self._uplink).run(self._battery_mv)
        if self._is_attended:
            self._board.blink(signal)

    def _radio_wait_ms(self):
        return radio_wait_ms(self._rtc.get("radio", 0), self._clock.mono())

    def _sleep_ms(self):
        """Return the time to the next thing to do by the clock: heartbeat, another try, telling of an open door."""
        now = self._clock.mono()
        settings = self._state.settings
        period_ms = settings["heartbeat_s"] * 1000
        to_heartbeat = self._rtc.get("beat", now) + period_ms - now
        # An overdue one could not be sent: the battery is too low for it, or the steps below try again.
        times = [to_heartbeat if to_heartbeat > 0 else period_ms]
        fails = self._rtc.get("fails", 0)
        if fails:
            times.append(max(RETRY_S[min(fails, len(RETRY_S)) - 1] * 1000, self._radio_wait_ms()))
        if "more" in self._rtc:
            times.append(MORE_MS)
        if self._rtc.pop("installed", None):
            times.append(0)
        if self._is_deaf():
            times.append(self._rtc["deaf"] - now)
        if "opened" in self._rtc:
            times += [
                self._rtc["opened"] + seconds * 1000 - now for seconds in settings["still_open_s"][self._rtc["still"] :]
            ]
        return max(LEAST_SLEEP_MS, min(times))
