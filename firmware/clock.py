"""Time on a board that may not know the time: a counter that never jumps, and the wall clock where there is one.

The hardware clock counts through deep sleep, from some time at power-on. Setting it to the wall clock makes it jump,
so ``stepped`` remembers where it began and the sum of all jumps, and ``mono = clock - stepped`` goes on evenly. Both
live in the state that RTC memory keeps: when power is lost, they are gone together.
"""

from firmware.wire.reports import MAX_AGE

# The 150 kHz oscillator that counts in deep sleep is off by up to 5 % (ESP-IDF, RTC clock sources).
DRIFT = 20
JUMP_BACK_MS = 60000
JUMP_AHEAD_MS = 12 * 3600 * 1000  # a board that crashes sleeps for minutes again and again, and notes none of it
NTP_ERROR_MS = 1000  # ntptime answers whole seconds, and the answer has travelled
SYNC_EVERY_MS = 24 * 3600 * 1000

NTP = "ntp"
RTC = "rtc"
NONE = "none"


class Clock:
    """The clock of one wake; ``read_ms`` is the hardware's, in Unix milliseconds once it was set."""

    def __init__(self, state, read_ms):
        self._state = state
        self._read_ms = read_ms
        state.setdefault("stepped", read_ms())
        # A clock that went back a little, which is no jump yet, goes on from where the board fell asleep.
        state["stepped"] += min(0, self.mono() - state.get("slept", (0,))[0])
        self._synced_now = False

    def mono(self):
        """Return milliseconds since power-on, deep sleep included."""
        return self._read_ms() - self._state["stepped"]

    def step(self, wall_ms, write_ms):
        """Set the hardware clock by ``write_ms(wall_ms)`` and let ``mono`` go on as if nothing had happened."""
        before = self._read_ms()
        write_ms(wall_ms)
        self._state["stepped"] += wall_ms - before

    def synced(self):
        """Note that the clock was just set from NTP."""
        self._state["synced"] = self.mono()
        self._state.pop("doubted", None)
        self._synced_now = True

    def doubt(self):
        """Note that the clock may be wrong: the broker's certificate is not valid at its date."""
        self._state["doubted"] = True

    def is_doubted(self):
        """Return whether the clock was doubted and not set since."""
        return "doubted" in self._state

    def is_known(self):
        """Return whether the wall clock was ever set since power-on."""
        return "synced" in self._state

    def needs_sync(self):
        """Return whether NTP should be asked: never yet, or a day ago."""
        return not self.is_known() or self.mono() - self._state["synced"] > SYNC_EVERY_MS

    def kind(self):
        """Return the wire contract's ``clk``."""
        if not self.is_known():
            return NONE
        return NTP if self._synced_now else RTC

    def wall(self, mono):
        """Return ``(Unix ms, error ms)`` of a moment of ``mono``, None without a wall clock."""
        if not self.is_known():
            return None
        return mono + self._state["stepped"], NTP_ERROR_MS + abs(mono - self._state["synced"]) // DRIFT


def has_jumped(state, clock_ms, uptime_ms):
    """Return whether the hardware clock cannot have come from the last sleep to here by counting.

    The timer bounds every sleep, so not much more than that can have passed.
    """
    if state is None or "slept" not in state:
        return False
    began, planned = state["slept"]
    passed = clock_ms - state["stepped"] - began
    return not -JUMP_BACK_MS <= passed <= planned + planned // DRIFT + uptime_ms + JUMP_AHEAD_MS


def valid_from(certificate):
    """Return since when a DER certificate is valid, in Unix milliseconds; 0 when it does not say so as UTCTime.

    X.509 writes validity as UTCTime (tag 0x17, "YYMMDDHHMMSSZ") up to 2049 (RFC 5280 section 4.1.2.5); the first
    of a certificate is its notBefore.
    """
    start = certificate.find(b"\x17\x0d") + 2
    digits = certificate[start : start + 12]
    if start < 2 or not digits.isdigit() or certificate[start + 12 : start + 13] != b"Z":
        return 0
    year, month, day, hour, minute, second = [int(digits[at : at + 2]) for at in range(0, 12, 2)]
    return 1000 * (((_days(2000 + year, month, day) * 24 + hour) * 60 + minute) * 60 + second)


def timing(event, clock, state):
    """Return the wire fields that say when ``event`` happened, as exactly as anybody can know now.

    Age counts from this moment. Of an event of an earlier power-on only what was written down with it is known.
    """
    same_power_on = (event["install"], event["boot"]) == (state["install"], state["boot"])
    now = clock.mono()
    age = max(0, now - event["mono"])
    wall = clock.wall(event["mono"]) if same_power_on else _written(event)
    window = _window(event, wall)
    if same_power_on and (wall is None or age // DRIFT <= wall[1]):
        return {"age_ms": min(age, MAX_AGE), "err_ms": min(age // DRIFT + window, MAX_AGE)}
    if wall is not None:
        return {"occurred_at": wall[0], "err_ms": min(wall[1] + window, MAX_AGE)}
    return {"err_ms": MAX_AGE}


def _days(year, month, day):
    """Return days since 1970-01-01; with March as the first month, leap days come last."""
    if month < 3:
        year -= 1
    in_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + in_year - 719468


def _written(event):
    return (event["at"], event["at_err"]) if "at" in event else None


def _window(event, wall):
    """Return how long before its ``mono`` the event may have happened."""
    if "since" not in event:
        return event.get("window_ms", 0)
    if wall is None or event["since"] is None:
        return MAX_AGE
    return max(0, wall[0] + wall[1] + NTP_ERROR_MS - event["since"])
