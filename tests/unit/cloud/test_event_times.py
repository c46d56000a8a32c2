"""When an event happened, and where it stands in its journal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.devices.model import Position
from cloud.images.model import read_announced
from cloud.mailbox_events.model import EARLIEST_MS, corrected_time, read_event
from firmware.wire.messages import MAX_AGE
from tests.unit.cloud.messages import INSTALL, OTHER_INSTALL, event

ARRIVED = 1_795_257_700_000
YEAR_2001 = 1_000_000_000_000
DAY_MS = 24 * 3600 * 1000


def read(item, boot=7):
    return read_event(item, INSTALL, boot, ARRIVED)


def test_a_time_that_can_be_right_is_believed():
    found = read(event("open", 1, occurred_at=ARRIVED - 5000, err_ms=20))
    assert (found.occurred_at, found.err_ms, found.time_fault) == (ARRIVED - 5000, 20, "")


def test_a_time_in_2001_is_replaced_by_the_arrival_and_named_as_a_fault():
    found = read(event("open", 1, occurred_at=YEAR_2001))
    assert found.occurred_at == ARRIVED
    assert found.time_fault == (
        "occurred_at: expected a time from 2024 to now, got 1000000000000 ms; replaced by the time of arrival"
    )


def test_a_time_in_2001_gives_way_to_the_age_where_one_is_stated():
    found = read(event("open", 1, occurred_at=YEAR_2001, age_ms=4000))
    assert found.occurred_at == ARRIVED - 4000
    assert found.time_fault.endswith("replaced by the time of arrival less the stated age")


def test_without_a_clock_an_event_is_as_old_as_it_says():
    assert read(event("open", 1, occurred_at=None, age_ms=90_000)).occurred_at == ARRIVED - 90_000


def test_without_clock_and_age_an_event_happened_when_it_arrived():
    found = read(event("open", 1, occurred_at=None))
    assert (found.occurred_at, found.time_fault) == (ARRIVED, "")


def test_a_clock_that_is_a_little_ahead_is_early_not_wrong():
    found = read(event("open", 1, occurred_at=ARRIVED + 60_000))
    assert (found.occurred_at, found.time_fault) == (ARRIVED, "")


def test_a_clock_that_is_days_ahead_is_wrong():
    assert "got" in read(event("open", 1, occurred_at=ARRIVED + 2 * DAY_MS)).time_fault


def test_an_age_of_ten_years_does_not_reach_before_there_were_boards():
    assert read(event("open", 1, occurred_at=None, age_ms=10 * 366 * DAY_MS)).occurred_at == EARLIEST_MS


def test_a_server_whose_own_clock_is_wrong_still_takes_events():
    assert corrected_time("occurred_at", None, 5000, 1_000_000) == (1_000_000, "")


times = st.none() | st.integers(0, 2**53 - 1)


@given(times, st.none() | st.integers(0, 10 * 366 * DAY_MS), st.integers(0, 2**53 - 1))
def test_nothing_happens_after_its_report_arrives(stated, age, arrived):
    corrected, _ = corrected_time("occurred_at", stated, age, arrived)
    assert 0 <= corrected <= arrived


def test_an_event_of_an_earlier_boot_keeps_its_place():
    assert read(event("open", 12, boot=3), boot=7).position == Position(3, 12, INSTALL)


@pytest.mark.parametrize(
    "event_id",
    [
        "x-3-12",
        f"{INSTALL}-3-13",
        f"{INSTALL}-3",
        f"{INSTALL}--12",
        f"{INSTALL}-{2**40}-12",
        f"{INSTALL}-{'9' * 40}-12",
        f"{INSTALL.upper()}-3-12",
        f"{INSTALL}-3-12-1",
        "-",
        "12",
    ],
)
def test_an_event_id_of_another_form_stands_where_its_message_says(event_id):
    assert read(event("open", 12, event_id=event_id), boot=7).position == Position(7, 12, INSTALL)


def test_an_event_of_an_earlier_install_keeps_its_install():
    assert read(event("open", 12, boot=3, install=OTHER_INSTALL)).position == Position(3, 12, OTHER_INSTALL)


@pytest.mark.parametrize(
    ("times", "err_ms"),
    [
        ({"occurred_at": ARRIVED - 5000, "err_ms": 70}, 70),
        ({"occurred_at": None, "age_ms": 5000, "err_ms": 70}, 70),
        ({"occurred_at": ARRIVED + 5000, "err_ms": 70}, 5000),
        ({"occurred_at": ARRIVED + 5000, "err_ms": 9000}, 9000),
        ({"occurred_at": YEAR_2001, "age_ms": 5000, "err_ms": 70}, 70),
        ({"occurred_at": YEAR_2001, "err_ms": 70}, MAX_AGE),
        ({"occurred_at": None, "err_ms": 70}, MAX_AGE),
    ],
)
def test_a_time_is_as_wrong_as_its_device_says_or_as_it_was_corrected(times, err_ms):
    assert read(event("open", 1, **times)).err_ms == err_ms


def announced(**times):
    item = {"image_id": "a", "sha256": "0" * 64, "bytes": 1, "width": 1, "height": 1, "err_ms": 0}
    return read_announced(item | times, ARRIVED)


def test_an_image_without_a_clock_was_captured_its_age_ago():
    assert announced(age_ms=7000).captured_at == ARRIVED - 7000


def test_an_image_of_the_future_was_captured_by_now():
    assert announced(captured_at=ARRIVED + 5000).captured_at == ARRIVED


def test_an_image_of_2001_is_captured_when_it_arrives_and_named_as_a_fault():
    found = announced(captured_at=YEAR_2001)
    assert found.captured_at == ARRIVED
    assert found.time_fault.startswith("captured_at: expected a time from 2024 to now, got 1000000000000 ms")
