"""Power cuts before, in and after every block operation, erases included: whatever was journaled arrives once."""

import pytest

from tests.firmware.lab.cuts import cut_at_each_change, recover

pytestmark = pytest.mark.usefixtures("torn")


def assert_each_once(lab, kinds):
    assert lab.missing() == []
    assert lab.ledger.clashes == []
    assert lab.ledger.lost == 0
    rows = [row["event_type"] for row in lab.ledger.rows.values()]
    assert [kind for kind in rows if kind in ("open", "close")] == kinds


def test_the_first_start(lab):
    cuts = 0
    for cuts in cut_at_each_change(lab, lab.start):  # noqa: B007 - counted
        recover(lab)
        assert_each_once(lab, [])
    assert cuts > 8


def test_an_opening(lab):
    lab.start()
    cuts = 0
    for cuts in cut_at_each_change(lab, lambda cut_at: lab.move(is_open=True, cut_at=cut_at)):  # noqa: B007 - counted
        recover(lab)
        assert_each_once(lab, ["open"])
    assert cuts >= 4


def test_an_opening_that_joins_others_on_flash(lab):
    lab.start()
    lab.set(has_wifi=False)
    for number in range(30):
        lab.move(is_open=number % 2 == 0)
    lab.set(has_wifi=True)
    for _ in cut_at_each_change(lab, lambda cut_at: lab.move(is_open=True, cut_at=cut_at)):
        recover(lab)
        assert_each_once(lab, ["open", "close"] * 15 + ["open"])


def test_a_start_from_nothing_after_years(lab):
    lab.start()
    lab.move(is_open=True)
    lab.set(rtc="")
    for _ in cut_at_each_change(lab, lab.start):
        recover(lab)
        assert_each_once(lab, ["open"])


def test_settings_that_are_adopted(lab):
    lab.start()
    lab.ledger.settings = {"heartbeat_s": 600, "colour": "red"}
    for _ in cut_at_each_change(lab, lambda cut_at: lab.move(is_open=True, cut_at=cut_at)):
        recover(lab)
        assert_each_once(lab, ["open"])
        assert lab.ledger.heartbeats[-1]["settings"]["heartbeat_s"] == 600


def test_a_second_cut_while_the_board_recovers_from_the_first(lab):
    lab.start()
    for cut_at in cut_at_each_change(lab, lambda cut_at: lab.move(is_open=True, cut_at=cut_at)):
        lab.start(cut_at=cut_at)
        recover(lab)
        assert_each_once(lab, ["open"])


def test_a_journal_that_makes_room(lab):
    lab.start()
    lab.set(has_wifi=False)
    lab.fill_flash(4)
    for number in range(24):
        lab.move(is_open=number % 2 == 0)
    told = len(lab.journaled)
    for _ in cut_at_each_change(lab, lambda cut_at: lab.move(is_open=True, cut_at=cut_at)):
        lab.empty_flash()
        lab.set(has_wifi=True)
        recover(lab)
        assert len(lab.missing()) <= lab.ledger.lost <= told
        assert lab.ledger.clashes == []
        lab.set(has_wifi=False)


@pytest.mark.parametrize("fault", ["PUBACK lost", "PUBACK without commit", "PUBLISH lost"])
def test_an_opening_through_a_broker_with(fault, lab):
    lab.start()
    for _ in cut_at_each_change(lab, lambda cut_at: lab.move(is_open=True, cut_at=cut_at)):
        lab.broker.faults.append(fault)
        recover(lab)
        assert_each_once(lab, ["open"])
