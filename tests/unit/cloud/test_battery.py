"""How long a battery lasts: a line through its days, how far it may be off, and when nobody can tell."""

import random
from dataclasses import replace

import pytest

from cloud import pipeline
from cloud.devices.battery.model import (
    DAY_MS,
    LONGEST_DAYS,
    STEADY,
    TOO_FEW,
    Drawn,
    Outlook,
    Reading,
    daily_mc,
    outlook,
    typical,
)
from cloud.devices.battery.repository import BatteryRepository
from cloud.devices.battery.service import battery_of, forget_old_health
from cloud.devices.profile import Health
from cloud.devices.repository import DeviceRegister
from cloud.ports.device_hub import DeviceMessage
from firmware.wire import codec, messages, topics
from tests.conftest import make_home
from tests.unit.cloud.messages import INSTALL, event, events, rows, say

NOW = 20_000 * DAY_MS
EMPTY_MV = 3300


def readings(levels, noise=0.0, seed=1):
    """Return four readings a day, the last day yesterday, with a noise of so many mV."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    first = NOW // DAY_MS - len(levels)
    return [
        Reading((first + day) * DAY_MS + hour * DAY_MS // 4, round(mv + dice.gauss(0, noise)), Drawn())
        for day, mv in enumerate(levels)
        for hour in range(4)
    ]


def falling(days, a_day=2.0, start=4000):
    return [start - a_day * day for day in range(days)]


def days_from_now(at):
    return (at - NOW) / DAY_MS


def test_a_steady_fall_ends_where_its_line_does():
    found = outlook(readings(falling(60)), EMPTY_MV, NOW)
    assert days_from_now(found.empty_at) == pytest.approx((4000 - 2 * 60 - EMPTY_MV) / 2, abs=2)
    assert found.reason is None


@pytest.mark.parametrize("seed", range(8))
def test_the_end_lies_between_its_bounds_which_noise_widens(seed):
    quiet = outlook(readings(falling(40), noise=1, seed=seed), EMPTY_MV, NOW)
    loud = outlook(readings(falling(40), noise=15, seed=seed), EMPTY_MV, NOW)
    for found in (quiet, loud):
        assert found.earliest <= found.empty_at <= found.latest
    assert loud.latest - loud.earliest > quiet.latest - quiet.earliest


def test_the_bounds_hold_the_truth_nearly_always():
    truth = (4000 - 2 * 40 - EMPTY_MV) / 2
    hits = 0
    for seed in range(60):
        found = outlook(readings(falling(40), noise=15, seed=seed), EMPTY_MV, NOW)
        hits += days_from_now(found.earliest) <= truth <= days_from_now(found.latest)
    assert hits >= 50


def test_a_few_odd_days_move_nothing():
    levels = falling(60)
    plain = outlook(readings(levels), EMPTY_MV, NOW)
    for day in (5, 21, 40):
        levels[day] -= 120
    odd = outlook(readings(levels), EMPTY_MV, NOW)
    assert days_from_now(odd.empty_at) == pytest.approx(days_from_now(plain.empty_at), rel=0.05)


@pytest.mark.parametrize("levels", [[], falling(1), falling(9, 20), falling(13, 20)])
def test_little_is_not_enough(levels):
    assert outlook(readings(levels), EMPTY_MV, NOW) == Outlook(reason=TOO_FEW)


def test_few_readings_over_a_long_time_are_not_enough_either():
    sparse = readings(falling(60))[::32]
    assert outlook(sparse, EMPTY_MV, NOW) == Outlook(reason=TOO_FEW)


@pytest.mark.parametrize("a_day", [0.0, -1.0])
def test_what_does_not_fall_has_no_end(a_day):
    assert outlook(readings(falling(40, a_day), noise=5), EMPTY_MV, NOW) == Outlook(reason=STEADY)


def test_a_fall_that_is_lost_in_noise_has_no_end():
    assert outlook(readings(falling(20, 0.2), noise=40), EMPTY_MV, NOW).reason == STEADY


def test_a_new_battery_begins_a_new_line():
    levels = falling(40, 8, start=3700) + falling(20, 2, start=4150)
    found = outlook(readings(levels), EMPTY_MV, NOW)
    assert days_from_now(found.empty_at) == pytest.approx((4150 - 2 * 20 - EMPTY_MV) / 2, abs=3)
    fresh = falling(40, 8, start=3700) + falling(5, 2, start=4150)
    assert outlook(readings(fresh), EMPTY_MV, NOW) == Outlook(reason=TOO_FEW)


def test_one_that_is_empty_already_ends_now():
    found = outlook(readings(falling(30, 10, start=3400)), EMPTY_MV, NOW)
    assert found.earliest == found.empty_at == found.latest == NOW


def test_a_battery_that_hardly_falls_lasts_ten_years_at_most():
    found = outlook(readings(falling(90, 0.05)), EMPTY_MV, NOW)
    assert found.reason == STEADY or days_from_now(found.latest) <= LONGEST_DAYS


def test_what_a_wake_draws_is_the_median_of_those_that_said_it():
    said = [Reading(NOW, None, Drawn(charge_mc=mc, tls_mc=180)) for mc in (300, 310, 9000)]
    assert typical([*said, Reading(NOW, 4000, Drawn())]) == Drawn(charge_mc=310, tls_mc=180)
    assert typical([]) == Drawn()


def heartbeat(**said):
    return {"fw": "1", "next_s": 600, "rssi": -60, **said}


PERF = {"charge_mc": 310, "awake_mc": 27, "wifi_mc": 97, "tls_mc": 183, "publish_mc": 3}


def test_a_heartbeat_leaves_its_battery_and_its_charge_in_the_history(app, home):
    say(app, home.board, "heartbeat", heartbeat(batt_mv=3950, perf=PERF))
    found = rows(app, "SELECT batt_mv, battery_level, charge_mc, tls_mc, household_id FROM device_health")
    assert [tuple(row) for row in found] == [(3950, 65, 310, 183, home.household_id)]


def test_a_heartbeat_that_comes_again_is_there_once(app, home):
    for _ in range(3):
        say(app, home.board, "heartbeat", heartbeat(batt_mv=3950, perf=PERF))
    assert rows(app, "SELECT count(*) FROM device_health")[0][0] == 1


def test_a_heartbeat_that_knows_of_no_battery_leaves_nothing(app, home):
    say(app, home.board, "heartbeat", heartbeat(perf={"wifi_ms": 700}))
    say(app, home.board, "heartbeat", heartbeat())
    assert rows(app, "SELECT count(*) FROM device_health")[0][0] == 0


def opening(seq, wake, **perf):
    """Return a board's report of an opening, of the wake of this number since the power came."""
    metered = {"total_mc": 310 * wake, "wake": f"{INSTALL}-1-{wake}"}
    return events(event("open", seq), batt_mv=3950, rssi=-61, perf=PERF | metered | perf)


def say_together(app, board, *reports, at=None):
    """Let the server take reports of events that arrive together."""
    with app.database.write() as unit_of_work:
        received_at = unit_of_work.now if at is None else at
        payloads = [codec.encode(messages.EVENTS, one) for one in reports]
        group = [DeviceMessage(board.thing, topics.EVENTS, one, received_at) for one in payloads]
        pipeline.take(app.ports, app.queue, unit_of_work, group)


def history(app, device):
    with app.database.read() as unit_of_work:
        return BatteryRepository(unit_of_work).readings(device.household_id, device.id, 0)


def wakes(app, device):
    return [one.wake.rpartition("-")[2] for one in history(app, device)]


def test_each_opening_leaves_its_charge_in_the_history(app, home):
    for seq in (1, 2, 3):
        say(app, home.board, "events", opening(seq, seq, charge_mc=300 + seq))
    found = [(one.batt_mv, one.drawn.charge_mc, one.drawn.tls_mc, one.total_mc) for one in history(app, home.board)]
    assert found == [(3950, 301, 183, 310), (3950, 302, 183, 620), (3950, 303, 183, 930)]
    assert rows(app, "SELECT DISTINCT signal_strength, firmware_version FROM device_health") == [(-61, "1")]


def test_a_wake_is_in_the_history_once_in_however_many_reports_and_however_often_they_come(app, home):
    for _ in range(3):
        say(app, home.board, "events", opening(1, 1))
    say_together(app, home.board, opening(2, 2), opening(3, 2), opening(2, 2))
    say_together(app, home.board, opening(3, 2), opening(3, 3), opening(1, 1))
    assert wakes(app, home.board) == ["1", "2", "3"]


def test_a_wake_that_brings_an_opening_and_a_heartbeat_is_there_once(app, home):
    told = opening(1, 7)
    say(app, home.board, "heartbeat", heartbeat(batt_mv=3950, perf=told["perf"]))
    say(app, home.board, "events", told)
    say(app, home.board, "events", opening(2, 8))
    assert wakes(app, home.board) == ["7", "8"]


def test_wakes_of_one_name_are_two_where_two_boards_have_them(app, home):
    other = make_home(app, "other@example.org")
    for board in (home.board, other.board):
        say(app, board, "events", opening(1, 1))
    assert wakes(app, home.board) == wakes(app, other.board) == ["1"]


def test_reports_that_name_no_wake_or_say_nothing_of_a_battery_leave_nothing(app, home):
    say(app, home.board, "events", events(event("open", 1)))
    say(app, home.board, "events", events(event("open", 2), batt_mv=3950, perf=PERF))
    say(app, home.board, "events", events(event("open", 3), perf={"wake": "x-1-1", "total_mc": 9}))
    assert rows(app, "SELECT count(*) FROM device_health")[0][0] == 0


def test_openings_count_for_the_prediction(app, home):
    for day in range(20):
        say_together(
            app, home.board, opening(day + 1, day + 1) | {"batt_mv": 4000 - 5 * day}, at=NOW - (20 - day) * DAY_MS
        )
    found = outlook(history(app, home.board), EMPTY_MV, NOW)
    assert days_from_now(found.empty_at) == pytest.approx((4000 - EMPTY_MV) / 5 - 20, abs=2)


def metered(day, total_mc, wake="a-1-9"):
    return Reading(round(day * DAY_MS), None, Drawn(), total_mc, wake)


def test_what_wakes_draw_a_day_is_what_the_meters_counted():
    assert daily_mc([metered(0, 1000), metered(1, 3000), metered(4, 5000)]) == 1000
    # The power was away: another meter begins, and what lies between is on none.
    assert daily_mc([metered(0, 0), metered(2, 4000), metered(8, 10, "a-2-1"), metered(10, 10, "a-2-9")]) == 1000


@pytest.mark.parametrize("few", [[], [metered(0, 5)], [metered(0, 5), metered(0.9, 99)], [Reading(0, 4000, Drawn())]])
def test_what_wakes_draw_a_day_is_not_told_before_a_day_is_over(few):
    assert daily_mc(few) is None


def test_what_no_expectation_looks_at_any_more_is_forgotten_but_what_each_device_said_last(app, home):
    other = make_home(app, "other@example.org")
    with app.database.read() as unit_of_work:
        now = unit_of_work.now
    for day in (200, 150, 120, 95, 91, 89, 1):
        say_together(app, home.board, opening(day, 200 - day), at=now - day * DAY_MS)
        if day > 100:
            say_together(app, other.board, opening(day, 200 - day), at=now - day * DAY_MS)
    for _ in range(2):
        forget_old_health(app.database, at_once=3)
        assert wakes(app, home.board) == ["111", "199"]
        assert wakes(app, other.board) == ["80"]


def test_the_last_of_each_value_is_not_forgotten(app, home):
    with app.database.write() as unit_of_work:
        said = (Health(battery_level=55), Health(battery_level=50, temperature=4.5), Health(signal_strength=-70))
        for day, health in enumerate(said):
            DeviceRegister(replace(unit_of_work, now=day * DAY_MS)).add_health(home.board, health)
    forget_old_health(app.database)
    assert rows(app, "SELECT battery_level, temperature, signal_strength FROM device_health ORDER BY id") == [
        (50, 4.5, None),
        (None, None, -70),
    ]


def test_another_household_s_history_is_nobody_else_s(app, home):
    say(app, home.board, "heartbeat", heartbeat(batt_mv=3950))
    with app.database.read() as unit_of_work:
        assert len(battery_of(unit_of_work, home.board).readings) == 1
        assert battery_of(unit_of_work, home.gateway).readings == []
