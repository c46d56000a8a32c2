"""Wished settings: what the seed's words mean to a board, and what became of each."""

import pytest

from cloud.devices import wishes
from cloud.devices.schemas import BoardSettings
from firmware import settings


def test_every_wish_on_offer_is_one_that_the_firmware_takes_within_these_bounds():
    assert {name: settings.WHOLE_NUMBERS[name][1:] for name in wishes.BOUNDS} == wishes.BOUNDS
    assert settings.STILL_OPEN_MOST == wishes.MOST_STILL_OPEN
    assert {*wishes.BOUNDS, settings.STILL_OPEN} == {*BoardSettings.model_fields, "active"}


@pytest.mark.parametrize("name", wishes.BOUNDS)
def test_the_bounds_of_a_wish_are_inclusive_on_both_sides(name):
    for value in wishes.BOUNDS[name]:
        assert settings.sift({name: value}) == ({name: value}, {})


@pytest.mark.parametrize(
    ("values", "wished"),
    [
        ({}, {}),
        ({"mail_removed_notify": False}, {}),
        ({"check_interval": 1}, {"heartbeat_s": 60}),
        ({"check_interval": 10_080}, {"heartbeat_s": 604_800}),
        ({"battery_threshold": 20}, {"battery_low_mv": 3500}),
        ({"battery_threshold": 0}, {"battery_low_mv": 3300}),
        ({"is_active": False}, {"active": 0}),
        ({"is_active": True}, {"active": None}),
    ],
)
def test_what_the_seed_says_is_said_in_the_boards_words(values, wished):
    assert wishes.of_behaviour(values) == wished
    accepted, refused = settings.sift(wishes.changed({}, wished))
    assert (accepted, refused) == (wishes.changed({}, wished), {})


def test_the_seeds_default_threshold_is_the_boards():
    assert wishes.of_behaviour({"battery_threshold": 20})["battery_low_mv"] == settings.defaults({})["battery_low_mv"]


def test_a_wish_changes_stays_or_is_taken_back():
    before = {"heartbeat_s": 60, "debounce_ms": 20, "active": 0}
    assert wishes.changed(before, {"heartbeat_s": 90, "active": None, "ack_wait_ms": None}) == {
        "heartbeat_s": 90,
        "debounce_ms": 20,
    }


def test_each_wish_is_taken_refused_or_waiting():
    wished = {"heartbeat_s": 60, "debounce_ms": 20, "radio_budget_ms": 1000, "ack_wait_ms": 1}
    reported = {"heartbeat_s": 60, "debounce_ms": 15, "radio_budget_ms": 20_000}
    found = wishes.outcomes(wished, reported, {"debounce_ms": "no such setting"})
    assert [(one.name, one.state, one.reported, one.reason) for one in found] == [
        ("ack_wait_ms", "waiting", None, None),
        ("debounce_ms", "refused", 15, "no such setting"),
        ("heartbeat_s", "taken", 60, None),
        ("radio_budget_ms", "waiting", 20_000, None),
    ]


def test_a_wish_that_was_refused_and_then_taken_is_taken():
    (one,) = wishes.outcomes({"debounce_ms": 20}, {"debounce_ms": 20}, {"debounce_ms": "expected less"})
    assert (one.state, one.reason) == ("taken", None)
