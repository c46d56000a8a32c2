"""The power meter: what a wake draws, the same every time, and a firmware that knows it about itself."""

import pytest

from simulator.lab.charge import (
    COSTS,
    DHCP_UC,
    FIRST_START,
    FLOOR_MC,
    HANDSHAKE_MS,
    HEARTBEAT_MS,
    JOIN_UC,
    POWER_ON_MS,
    RADIO_UC,
    ROUND_TRIP_UC,
    Charge,
    Router,
    mean,
    measure,
    measure_day,
)
from simulator.lab.lab import ANSWER_MS
from tools.check.charge import BASELINE, above_floor, rises

# A machine that is busy must not make the board wait in vain.
PATIENT_MS = 30_000


@pytest.fixture
def charges(lab_at):
    return measure(lab_at(answer_ms=PATIENT_MS))


def test_the_same_wakes_draw_the_same_again(charges, lab_at):
    assert measure(lab_at(answer_ms=PATIENT_MS)) == charges


def test_an_opening_draws_little_more_than_joining_a_handshake_and_a_publish_must(charges):
    assert charges["opening"].total_mc <= 1.3 * FLOOR_MC
    assert charges["closing"] == charges["opening"]


def test_so_does_every_wake_but_the_first_start_whose_dhcp_alone_is_more(charges):
    for name, charge in charges.items():
        assert name == FIRST_START or charge.total_mc <= 1.3 * FLOOR_MC
    dhcp_mc = (DHCP_UC - JOIN_UC) / 1000
    assert FLOOR_MC + dhcp_mc > 1.3 * FLOOR_MC
    assert charges[FIRST_START].total_mc <= 1.3 * FLOOR_MC + dhcp_mc


def test_a_wake_whose_lease_has_run_out_draws_a_round_trip_more(charges):
    more = charges["heartbeat"].phases["wifi"] - charges["heartbeat a day later"].phases["wifi"]
    assert more in (0, ROUND_TRIP_UC / 1000)
    assert charges["heartbeat"].phases["wifi"] == pytest.approx((JOIN_UC + ROUND_TRIP_UC) / 1000)


@pytest.mark.parametrize("knows_restarts", [True, False])
@pytest.mark.parametrize("lease_s", [3600, 7200, 86_400, 864_000])
def test_a_day_s_wakes_and_their_mean_stay_by_the_floor_whatever_the_router(lease_s, knows_restarts, lab_at):
    charges = measure_day(lab_at(answer_ms=PATIENT_MS), Router(lease_s, knows_restarts))
    assert all(charge.total_mc <= 1.3 * FLOOR_MC for charge in (*charges, mean(charges)))


def test_they_do_so_where_a_dhcp_server_thinks_as_long_as_one_whose_answer_was_published(lab_at):
    # MicroPython's pull request 15757: 67 ms from DHCPDISCOVER to DHCPOFFER.
    costs = {**COSTS, "DHCP answer": (67, 67 * RADIO_UC)}
    charges = measure_day(lab_at(answer_ms=PATIENT_MS), Router(3600, knows_restarts=False), costs)
    assert max(charge.total_mc for charge in charges) > 1.25 * FLOOR_MC
    assert all(charge.total_mc <= 1.3 * FLOOR_MC for charge in charges)


def test_after_a_new_battery_a_router_that_does_not_know_who_starts_again_leaves_it_by_the_floor(lab_at):
    lab = lab_at(answer_ms=PATIENT_MS)
    measure_day(lab, Router(3600, knows_restarts=False))
    started = lab.set(rtc="", clock=POWER_ON_MS).start()
    assert started.joins == 1
    assert sum(started.drawn_uc.values()) / 1000 <= 1.3 * FLOOR_MC


def test_a_router_that_answers_no_program_is_the_one_that_still_costs_more(lab_at):
    charges = measure_day(lab_at(answer_ms=PATIENT_MS), Router(0))
    assert mean(charges).total_mc > 1.3 * FLOOR_MC


def test_an_address_that_the_router_refuses_is_given_up_in_the_same_wake(lab):
    lab.start()
    lab.set(lease_s=-1)
    refused = lab.wake("timer", HEARTBEAT_MS)
    assert (refused.end, refused.joins) == ("sleep", 2)
    assert len(lab.ledger.heartbeats) == 2


def test_a_router_that_is_silent_costs_two_short_waits_a_day(lab):
    lab.set(lease_s=0)
    lab.start()
    joins = [lab.wake("timer", HEARTBEAT_MS).joins for _ in range(6)]
    assert joins == [2, 1, 1, 1, 2, 1]
    assert lab.missing() == []


def test_the_firmware_s_own_count_is_near_the_meter_s(charges):
    for charge in charges.values():
        assert charge.own_mc == pytest.approx(charge.total_mc, rel=0.15)


def test_a_handshake_is_most_of_a_wake(charges):
    assert charges["opening"].phases["tls"] >= HANDSHAKE_MS * RADIO_UC / 1000


def test_a_broker_that_says_nothing_costs_the_whole_wait(lab):
    lab.measure(COSTS)
    lab.start()
    lab.broker.faults.append("no PUBACK")
    waited = lab.move(is_open=True, after_ms=60_000)
    assert waited.drawn_uc["publish"] > 0.9 * ANSWER_MS * RADIO_UC


def test_a_tenth_more_than_before_is_a_problem():
    baseline = {"opening": 100.0}
    assert list(rises({"opening": Charge({"wifi": 109.9}, 100)}, baseline)) == []
    assert len(list(rises({"opening": Charge({"wifi": 110.1}, 100)}, baseline))) == 1


def test_a_baseline_cannot_creep_above_what_the_floor_allows():
    assert len(list(above_floor({"opening": Charge({"wifi": 2 * FLOOR_MC}, 100)}))) == 1
    assert list(above_floor({FIRST_START: Charge({"wifi": 2 * FLOOR_MC}, 100)})) == []


def test_the_committed_baseline_names_the_wakes_that_are_measured(charges):
    assert f'"{next(iter(charges))}"' in BASELINE.read_text()
    assert list(rises(charges, {name: charge.total_mc for name, charge in charges.items()})) == []
