"""The battery lives that the documentation claims."""

import json

import pytest

from tools.check.battery_life import (
    CELL_MAH,
    PAGE,
    SLEEPERS,
    USABLE,
    VISITS_A_DAY,
    life_days,
    main,
    page,
)
from tools.check.charge import BASELINE

WAKES = {"opening": 310.0, "closing": 310.0, "heartbeat": 414.0}


def test_the_page_tells_the_battery_lives_of_today():
    assert main(checks=True) == 0


def test_a_wake_that_draws_more_changes_the_page():
    text = PAGE.read_text()
    drawn = json.loads(BASELINE.read_text())
    assert page(text, drawn) == text
    assert page(text, drawn | {"opening": 2 * drawn["opening"]}) != text


def test_a_life_is_the_cell_s_charge_by_what_a_day_takes():
    visits = 3 * 620 + 4 * 414
    a_day = visits / 3600 + (14 + 3.3 + 2.1) * 0.024 + 3000 * 0.03 / 30.4
    assert life_days(14, 3, WAKES) == pytest.approx(CELL_MAH * USABLE / a_day)


def test_more_visits_and_more_current_shorten_it():
    lives = [[life_days(one.asleep_ua, visits, WAKES) for visits in VISITS_A_DAY] for one in SLEEPERS]
    assert all(life == sorted(life, reverse=True) for life in lives)
    assert life_days(10_000, 1, WAKES) < 14
    assert life_days(14, 3, WAKES) > 365
