"""Time without a clock: ages with their errors, wall times where there are any, and nothing invented."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from firmware.clock import NTP_ERROR_MS, SYNC_EVERY_MS, Clock, has_jumped, timing, valid_from
from firmware.wire.messages import MAX_AGE

POWER_ON = 946_684_800_000
NOW = 1_800_000_000_000
HOUR = 3_600_000


class Hardware:
    """A clock that can be set and goes on when told."""

    def __init__(self):
        self.now = POWER_ON

    def read(self):
        return self.now

    def write(self, unix_ms):
        self.now = unix_ms


@pytest.fixture
def hardware():
    return Hardware()


@pytest.fixture
def state():
    return {"install": "ab", "boot": 3}


@pytest.fixture
def clock(state, hardware):
    return Clock(state, hardware.read)


def set_by_ntp(clock, hardware, unix_ms=NOW):
    clock.step(unix_ms, hardware.write)
    clock.synced()


def test_the_counter_begins_at_zero_and_does_not_jump_when_the_clock_is_set(clock, hardware):
    assert clock.mono() == 0
    hardware.now += 5000
    set_by_ntp(clock, hardware)
    assert clock.mono() == 5000
    hardware.now += 100
    assert clock.mono() == 5100


def test_the_counter_goes_on_in_the_next_wake(clock, state, hardware):
    set_by_ntp(clock, hardware)
    hardware.now += HOUR
    again = Clock(dict(state), hardware.read)
    assert again.mono() == HOUR
    assert clock.mono() == HOUR


def test_without_ntp_there_is_no_wall_clock(clock):
    assert (clock.wall(0), clock.kind(), clock.needs_sync()) == (None, "none", True)


def test_the_wall_clock_of_a_moment_is_less_certain_the_longer_ntp_is_ago(clock, hardware):
    set_by_ntp(clock, hardware)
    assert clock.wall(clock.mono()) == (NOW, NTP_ERROR_MS)
    assert clock.wall(clock.mono() + HOUR) == (NOW + HOUR, NTP_ERROR_MS + HOUR // 20)


def test_the_clock_is_ntp_in_the_wake_that_asked_and_rtc_later(clock, state, hardware):
    set_by_ntp(clock, hardware)
    assert clock.kind() == "ntp"
    assert Clock(state, hardware.read).kind() == "rtc"


def test_ntp_is_due_again_after_a_day(clock, hardware):
    set_by_ntp(clock, hardware)
    assert not clock.needs_sync()
    hardware.now += SYNC_EVERY_MS + 1
    assert clock.needs_sync()


def test_a_doubted_clock_stays_doubted_until_it_is_set(clock, state, hardware):
    clock.doubt()
    assert Clock(state, hardware.read).is_doubted()
    set_by_ntp(clock, hardware)
    assert not clock.is_doubted()


def event(**other):
    return {"install": "ab", "boot": 3, "mono": 0, **other}


def test_the_age_of_an_event_grows_and_so_does_its_error(clock, state, hardware):
    hardware.now += HOUR
    assert timing(event(), clock, state) == {"age_ms": HOUR, "err_ms": HOUR // 20}


def test_with_a_clock_the_more_exact_of_age_and_time_is_sent(clock, state, hardware):
    set_by_ntp(clock, hardware)
    hardware.now += 10_000
    assert timing(event(), clock, state) == {"age_ms": 10_000, "err_ms": 500}
    hardware.now += HOUR
    assert timing(event(), clock, state) == {"occurred_at": NOW, "err_ms": NTP_ERROR_MS}


def test_a_clock_set_long_after_the_event_is_no_more_exact_than_its_age(clock, state, hardware):
    hardware.now += HOUR
    set_by_ntp(clock, hardware)
    assert timing(event(), clock, state) == {"age_ms": HOUR, "err_ms": HOUR // 20}
    assert clock.wall(0) == (NOW - HOUR, NTP_ERROR_MS + HOUR // 20)


def test_of_an_earlier_power_on_only_what_was_written_down_is_known(clock, state, hardware):
    set_by_ntp(clock, hardware)
    written = event(boot=2, at=NOW - 5000, at_err=70)
    assert timing(written, clock, state) == {"occurred_at": NOW - 5000, "err_ms": 70}
    assert timing(event(boot=2), clock, state) == {"err_ms": MAX_AGE}
    assert timing(event(install="cd"), clock, state) == {"err_ms": MAX_AGE}


def test_a_movement_between_two_looks_is_uncertain_by_the_time_between_them(clock, state):
    assert timing(event(window_ms=700), clock, state) == {"age_ms": 0, "err_ms": 700}


def test_a_movement_while_power_was_off_is_uncertain_since_the_door_was_last_seen(clock, state, hardware):
    found = event(since=NOW - HOUR)
    assert timing(found, clock, state) == {"age_ms": 0, "err_ms": MAX_AGE}
    set_by_ntp(clock, hardware)
    assert timing(found, clock, state) == {"age_ms": 0, "err_ms": HOUR + 2 * NTP_ERROR_MS}
    assert timing(event(since=None), clock, state) == {"age_ms": 0, "err_ms": MAX_AGE}


def test_no_age_and_no_error_exceeds_the_contract(clock, state, hardware):
    hardware.now += 3 * MAX_AGE
    assert timing(event(), clock, state) == {"age_ms": MAX_AGE, "err_ms": 3 * MAX_AGE // 20}


@pytest.mark.parametrize("year", [2024, 2026, 2028, 2044])
@pytest.mark.parametrize(("month", "day"), [(1, 1), (2, 28), (3, 1), (12, 31)])
def test_a_certificate_says_since_when_it_is_valid(year, month, day):
    start = dt.datetime(year, month, day, 23, 59, 58, tzinfo=dt.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + dt.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    assert valid_from(certificate) == int(start.timestamp() * 1000)


@pytest.mark.parametrize("content", [b"", b"\x17\x0d", b"\x17\x0d26112011342xZ", b"\x17\x0d261120113426", b"no date"])
def test_what_is_no_certificate_says_nothing(content):
    assert valid_from(content) == 0


@pytest.mark.parametrize(
    ("passed", "jumped"),
    [(0, False), (HOUR, False), (12 * HOUR, False), (-30_000, False), (-HOUR, True), (14 * HOUR, True)],
)
def test_a_clock_has_jumped_when_it_shows_another_time_than_the_sleep_allows(passed, jumped):
    asleep = {"stepped": POWER_ON, "slept": [5000, HOUR]}
    assert has_jumped(asleep, POWER_ON + 5000 + passed, 400) == jumped


def test_without_an_earlier_sleep_no_clock_has_jumped():
    assert not has_jumped(None, NOW, 0)
    assert not has_jumped({"stepped": 0}, NOW, 0)
