"""The small rules: door, battery, settings."""

import pytest

from firmware import power, settings
from firmware.door import PATIENCE_MS, Debounce, movements, opposite, passed


@pytest.mark.parametrize(
    ("samples", "settled_at"),
    [
        ([("open", 0), ("open", 14), ("open", 15)], 15),
        ([("open", 0), ("close", 5), ("open", 6), ("open", 20), ("open", 21)], 21),
        ([("close", 14), ("close", 28), ("close", 29)], 29),
        ([("open", 400)], 400),
    ],
)
def test_a_state_settles_once_it_was_unchanged_for_long_enough(samples, settled_at):
    debounce = Debounce(15, "open", 0)
    assert [at for state, at in samples if debounce.sample(state, at)] == [settled_at]


def test_a_switch_that_chatters_for_ever_settles_when_patience_ends():
    debounce = Debounce(15, "open", 0)
    settled = [at for at in range(PATIENCE_MS + 2) if debounce.sample("open" if at % 2 else "close", at)]
    assert settled == [PATIENCE_MS, PATIENCE_MS + 1]


@pytest.mark.parametrize(
    ("last", "now", "moved", "events"),
    [
        ("close", "open", True, ("open",)),
        ("open", "close", False, ("close",)),
        ("close", "close", False, ()),
        ("close", "close", True, ("open", "close")),
        ("open", "open", True, ("close", "open")),
    ],
)
def test_movements_between_two_looks(last, now, moved, events):
    assert movements(last, now, moved) == events


def test_open_and_close_are_opposite():
    assert (opposite("open"), opposite("close")) == ("close", "open")


@pytest.mark.parametrize(("open_ms", "number"), [(0, 0), (9_999, 0), (10_000, 1), (19_999, 1), (20_000, 2), (10**9, 2)])
def test_thresholds_passed_by_an_open_door(open_ms, number):
    assert passed(open_ms, [10, 20]) == number


@pytest.mark.parametrize(("measured", "known"), [(0, None), (999, None), (1000, 1000), (4200, 4200)])
def test_noise_is_no_battery(measured, known):
    assert power.battery(measured) == known


@pytest.mark.parametrize(("mv", "allowed"), [(None, True), (3299, False), (3300, True)])
def test_the_radio_needs_a_battery_that_bears_it(mv, allowed):
    assert power.allows_radio(mv, 3300) is allowed


@pytest.mark.parametrize(
    ("mv", "was_low", "low"),
    [(3500, False, False), (3499, False, True), (3599, True, True), (3600, True, False), (None, True, False)],
)
def test_a_battery_is_low_until_it_has_clearly_recovered(mv, was_low, low):
    assert power.is_low(mv, was_low, 3500) is low


def test_defaults_are_settings_that_would_be_accepted():
    values = settings.defaults({})
    assert settings.sift(values) == (values, {})


def test_a_board_may_be_provisioned_with_other_defaults():
    assert settings.defaults({"ack_wait_ms": 70, "thing": "board-1"})["ack_wait_ms"] == 70


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("debounce_ms", 0),
        ("debounce_ms", 501),
        ("debounce_ms", "15"),
        ("debounce_ms", 15.0),
        ("debounce_ms", True),
        ("still_open_s", 300),
        ("still_open_s", [300, 300]),
        ("still_open_s", [0]),
        ("still_open_s", [True]),
        ("still_open_s", list(range(1, 10))),
        ("colour", "red"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_a_reason(name, value):
    accepted, refused = settings.sift({name: value, "heartbeat_s": 60})
    assert accepted == {"heartbeat_s": 60}
    assert list(refused) == [name]
    assert refused[name]


@pytest.mark.parametrize("value", [[], [1], [1, 2, 3, 4, 5, 6, 7, 8]])
def test_rising_seconds_are_accepted(value):
    assert settings.sift({"still_open_s": value}) == ({"still_open_s": value}, {})


def test_a_cutoff_that_would_keep_the_radio_off_is_refused():
    wanted = {"battery_cutoff_mv": 3800}
    assert settings.sift(wanted, 3800) == (wanted, {})
    assert settings.sift(wanted, None) == (wanted, {})
    accepted, refused = settings.sift(wanted, 3799)
    assert accepted == {}
    assert "the radio would stay off" in refused["battery_cutoff_mv"]


def test_saved_settings_come_back_and_damaged_ones_do_not(tmp_path):
    path = str(tmp_path / "settings")
    assert settings.load(path) == ({}, {}, 0)
    settings.save(path, {"heartbeat_s": 60}, {"colour": "no such setting"}, 17)
    assert settings.load(path) == ({"heartbeat_s": 60}, {"colour": "no such setting"}, 17)
    (tmp_path / "settings").write_bytes(b"{}")
    assert settings.load(path) == ({}, {}, 0)
