"""The radio: joined by what is remembered, within its budget of the day, its charge told to the cloud."""

import pytest

from firmware import signals
from firmware.errors import RefusedError, UnreachableError, UntrustedError
from firmware.link import DNS_MS, LEASE_MS
from firmware.main import Wake
from firmware.power import DAY_MS, PHASES, charge_mc, radio_spent, radio_wait_ms

HOUR_MS = 3_600_000
BUDGET_MS = 300_000


def test_a_day_s_budget_is_there_at_once_and_comes_back_evenly():
    spent = radio_spent(0, 0, BUDGET_MS, BUDGET_MS)
    assert radio_wait_ms(spent, 0) == 0
    spent = radio_spent(spent, 0, BUDGET_MS // 24, BUDGET_MS)
    assert radio_wait_ms(spent, 0) == HOUR_MS
    assert radio_wait_ms(spent, HOUR_MS) == 0
    assert radio_spent(spent, 9 * DAY_MS, 1000, BUDGET_MS) == 9 * DAY_MS + 1000 * DAY_MS // BUDGET_MS


def test_a_wake_s_charge_is_its_start_and_the_time_in_each_of_its_phases():
    assert charge_mc(2600, [664, 1200, 100]) == [3 + 636 * 67 // 1000, 664 * 146 // 1000, 1200 * 146 // 1000, 21]


def test_the_charge_of_the_last_wake_rides_with_the_next(wake, fake_uplink):
    wake()
    first = fake_uplink.batches[0]["perf"]
    wake(position=True)
    perf = fake_uplink.batches[1]["perf"]
    assert 0 < perf["charge_mc"] < 1000
    assert perf["charge_mc"] == sum(perf[phase + "_mc"] for phase in PHASES)
    # The first has none before it: it told what it had drawn by then.
    assert [first[phase + "_mc"] for phase in PHASES[:3]] == [perf[phase + "_mc"] for phase in PHASES[:3]]
    assert (first["publish_mc"], first["total_mc"]) == (0, 0)


def test_every_message_of_a_wake_names_it_and_tells_the_meter_of_all_wakes_before(wake, fake_uplink):
    wake()
    wake(position=True)
    wake("timer", after_ms=6 * HOUR_MS)
    wake(position=False)
    told = [message["perf"] for _, message in fake_uplink.published]
    assert [perf["wake"].rpartition("-")[2] for perf in told] == ["1", "1", "2", "3", "3", "4"]
    first, second, third, _, fourth = told[1:]
    assert all({phase + "_mc" for phase in PHASES} < perf.keys() for perf in told)
    assert first["total_mc"] == 0
    assert second["total_mc"] == second["charge_mc"]
    assert third["total_mc"] == second["total_mc"] + third["charge_mc"]
    assert fourth["total_mc"] == third["total_mc"] + fourth["charge_mc"]


def test_what_a_wake_drew_that_reached_nobody_is_on_the_meter(wake, fake_board, fake_uplink):
    wake()
    fake_board.wifi = False
    wake(position=True)
    wake("timer")
    fake_board.wifi = True
    wake("timer")
    perf = fake_uplink.batches[-1]["perf"]
    assert perf["wake"].endswith("-1-4")
    # Two wakes in vain, of which only the second is the wake before.
    assert perf["total_mc"] > 2 * perf["charge_mc"] > 2000


def test_a_radio_that_finds_no_network_counts_as_joining(wake, fake_board, fake_uplink):
    fake_board.wifi = False
    wake()
    fake_board.wifi = True
    wake(position=True)
    perf = fake_uplink.batches[0]["perf"]
    assert perf["wifi_mc"] > 1000
    assert perf["tls_mc"] == perf["publish_mc"] == 0


def test_nobody_home_for_two_days_costs_no_more_than_the_budget(wake, fake_board):
    fake_board.wifi = False
    sleep_ms, _ = wake()
    began, on_air = fake_board.clock, 0
    while fake_board.clock - began < 2 * DAY_MS:
        before = len(fake_board.joins)
        sleep_ms, _ = wake("timer", min(sleep_ms, 600_000), position=not fake_board.position)
        on_air += (len(fake_board.joins) - before) * 15_000
    assert on_air < 3.2 * BUDGET_MS
    assert "the day's radio time is used up" in fake_board.lines


def test_a_used_up_budget_lets_the_board_sleep_until_it_is_back(wake, fake_board, fake_uplink):
    fake_uplink.desired = {"settings": {"radio_day_s": 30}}
    wake()
    fake_uplink.fault = UnreachableError("down")
    fake_board.wifi = False
    for _ in range(4):
        sleep_ms, _ = wake("door", 1000, position=not fake_board.position)
    joins = len(fake_board.joins)
    assert sleep_ms > 600_000
    wake("timer", sleep_ms)
    assert len(fake_board.joins) == joins + 1


def test_the_network_is_joined_as_the_last_time(wake, fake_board):
    wake()
    wake(position=True)
    assert fake_board.joins == [None, ["aabbccddeeff", 6, "10.0.0.7", "255.0.0.0", "10.0.0.1", "10.0.0.2"]]


def test_an_old_lease_is_asked_for_anew_at_the_known_place(wake, fake_board):
    wake()
    wake("timer", LEASE_MS + 600_000, position=True)
    assert fake_board.joins[-1] == ["aabbccddeeff", 6]
    wake(position=False)
    assert len(fake_board.joins[-1]) == 6


def test_a_network_that_moved_is_found_from_the_beginning_in_the_same_wake(wake, fake_board, fake_uplink):
    wake()
    fake_board.remembers = False
    wake(position=True)
    assert [known is None for known in fake_board.joins] == [True, False, True]
    assert fake_uplink.kinds == ["boot", "open"]


def test_a_broker_that_does_not_answer_puts_the_lease_in_doubt(wake, fake_board, fake_uplink):
    wake()
    fake_uplink.fault = UnreachableError("down")
    wake(position=True)
    fake_uplink.fault = None
    wake("timer", 10_000)
    assert fake_board.joins[-1] == ["aabbccddeeff", 6]


def test_a_name_is_looked_up_once_and_again_when_its_address_fails(wake, fake_board, fake_uplink, configure):
    configure(host="broker.example")
    wake()
    wake(position=True)
    assert fake_uplink.hosts == ["192.0.2.1"] * 2
    assert fake_board.lookups == [("broker.example", "10.0.0.2")]
    fake_uplink.fault = UnreachableError("moved")
    wake(position=False)
    fake_uplink.fault = None
    wake("timer", 10_000)
    assert len(fake_board.lookups) == 2


@pytest.mark.parametrize(
    ("host", "servers"),
    [
        ("10.0.0.1", []),
        ("localhost", []),
        ("pi.local", [None]),
        ("pi", ["10.0.0.2"]),
        ("a.b", ["10.0.0.2"]),
        ("x1.iot.example", ["10.0.0.2"]),
    ],
)
def test_a_name_is_asked_of_the_name_server_and_one_of_the_home_of_whom_it_names(
    host, servers, wake, fake_board, fake_uplink, configure
):
    configure(host=host)
    wake()
    assert fake_board.lookups == [(host, server) for server in servers]
    assert fake_uplink.hosts == (["192.0.2.1"] if servers else [host])


def test_a_name_that_nobody_knows_is_a_failure_like_any_other(wake, fake_board, fake_uplink, configure):
    configure(host="broker.example")
    fake_board.address = None
    sleep_ms, _ = wake()
    assert (fake_uplink.connections, sleep_ms) == (0, 10_000)
    assert any("broker.example" in line for line in fake_board.lines)


def test_the_time_server_is_looked_up_with_a_deadline_and_asked_by_its_address(wake, fake_board, fake_uplink):
    wake()
    assert fake_board.time_servers == ["192.0.2.123"]
    fake_board.time_server = None
    wake("timer", 2 * DAY_MS)
    assert fake_board.uptime_ms() < DNS_MS + 1000
    assert (len(fake_board.time_servers), len(fake_uplink.heartbeats)) == (1, 2)
    assert any("pool.ntp.org" in line for line in fake_board.lines)


@pytest.mark.parametrize(
    ("fault", "signal"),
    [
        (None, signals.SENT),
        (UnreachableError("down"), signals.UNREACHABLE),
        (UntrustedError("impostor"), signals.UNTRUSTED),
        (RefusedError("revoked"), signals.REFUSED),
        (MemoryError("full"), signals.CRASHED),
    ],
)
def test_an_attended_board_shows_how_its_report_went(fault, signal, fake_board, fake_uplink):
    fake_uplink.fault = fault
    Wake(fake_board, fake_uplink, is_attended=True).run()
    assert fake_board.blinks == [signal]


def test_an_attended_board_shows_that_there_is_no_network_and_that_its_battery_is_low(fake_board, fake_uplink):
    fake_board.wifi = False
    Wake(fake_board, fake_uplink, is_attended=True).run()
    fake_board.millivolts = 3000
    fake_board.wake("cold", 1000)
    Wake(fake_board, fake_uplink, is_attended=True).run()
    assert fake_board.blinks == [signals.NO_WIFI, signals.LOW_BATTERY]


def test_a_board_that_nobody_looks_at_stays_dark(wake, fake_board):
    wake()
    assert fake_board.blinks == []
