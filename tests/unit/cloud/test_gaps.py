"""What is missing in a board's journal is known, told as openings, and forgotten when it comes after all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.devices.model import Position
from cloud.mailbox_events.gaps import Gap, expected_before, missing, unplaced, without
from cloud.mailbox_events.model import MOST_COUNTED
from cloud.mailbox_events.repository import MailboxEventRepository
from firmware.wire import topics
from tests.unit.cloud.messages import (
    INSTALL,
    OTHER_INSTALL,
    dlq,
    event,
    events,
    now,
    rows,
    say,
    say_events,
    wish_of,
)

HOUR = 3600_000
GAP = Gap("gap", "device", INSTALL, 1, 3, 6, 1000, 2000)


def gaps(app, home):
    """Return boot, first and last number of every open gap, oldest first."""
    with app.database.read() as unit_of_work:
        found = MailboxEventRepository(unit_of_work).open_gaps(home.household_id, 0, unit_of_work.now + 1)
    return sorted((gap.boot or 0, gap.first, gap.last) for gap in found)


def journal(*numbers, boot=1, **fields):
    return [event("open" if seq % 2 else "close", seq, boot=boot, **fields) for seq in numbers]


@pytest.mark.parametrize(("number", "openings"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_every_second_event_may_have_been_an_opening(number, openings):
    assert Gap("gap", "device", INSTALL, 1, 1, number, None, 2000).openings == openings


def test_nothing_is_expected_before_the_first_event_of_a_journal():
    assert not expected_before(Position(4, 9, INSTALL), None)


def test_what_a_board_dropped_is_not_counted_twice():
    assert [unplaced(lost, 64) for lost in (0, 64, 70)] == [0, 0, 6]


@given(st.sets(st.integers(min_value=1, max_value=30)))
def test_what_is_missing_and_what_is_known_is_everything(known):
    parts = missing(range(1, 31), [range(one, one + 1) for one in known])
    assert sorted([*known, *(one for part in parts for one in part)]) == list(range(1, 31))


@pytest.mark.parametrize(
    ("seq", "left"),
    [(3, [(4, 6, 1500, 2000)]), (6, [(3, 5, 1000, 1500)]), (4, [(3, 3, 1000, 1500), (5, 6, 1500, 2000)])],
)
def test_an_event_that_comes_after_all_leaves_the_rest_of_its_gap(seq, left):
    parts = without(GAP, seq, 1500, "another")
    assert [(part.first, part.last, part.since, part.until) for part in parts] == left
    assert len({part.id for part in parts}) == len(parts)


def test_numbers_that_are_left_out_are_a_gap_between_the_times_around_it(app, home):
    began = now() - 3 * HOUR
    say_events(app, home.board, *journal(1, 2, occurred_at=began))
    say_events(app, home.board, *journal(7, 8, occurred_at=began + 2 * HOUR))
    with app.database.read() as unit_of_work:
        (gap,) = MailboxEventRepository(unit_of_work).open_gaps(home.household_id, 0, now())
    assert (gap.openings, gap.events, gap.since, gap.until) == (2, 4, began, began + 2 * HOUR)


def test_a_journal_without_holes_has_no_gap(app, home):
    for numbers in ((1, 2), (3,), (4, 5, 6), (5, 6, 7)):
        say_events(app, home.board, *journal(*numbers))
    say_events(app, home.board, *journal(1, 2, boot=2), boot=2)
    assert rows(app, "SELECT count(*) FROM event_gaps") == [(0,)]


def test_the_first_event_of_a_later_boot_is_expected(app, home):
    say_events(app, home.board, *journal(1, 2))
    say_events(app, home.board, *journal(3, 4, boot=2), boot=2)
    assert gaps(app, home) == [(2, 1, 2)]


def test_another_install_has_a_journal_of_its_own(app, home):
    say_events(app, home.board, *journal(1, 2))
    say_events(app, home.board, event("open", 5, install=OTHER_INSTALL), install=OTHER_INSTALL)
    assert gaps(app, home) == []


@pytest.mark.parametrize("order", [((3, 4), (5, 6)), ((5, 6), (3, 4)), ((4,), (3,), (6,), (5,))])
def test_a_gap_closes_when_the_late_events_arrive(app, home, order):
    say_events(app, home.board, *journal(1, 2))
    say_events(app, home.board, *journal(7, 8))
    assert gaps(app, home) == [(1, 3, 6)]
    for numbers in order:
        say_events(app, home.board, *journal(*numbers))
    assert gaps(app, home) == []
    say_events(app, home.board, *journal(9))
    assert gaps(app, home) == []


def test_a_message_that_overtook_another_leaves_no_gap_behind(app, home):
    say_events(app, home.board, *journal(1, 2))
    say_events(app, home.board, *journal(5, 6), after={"install": INSTALL, "boot": 1, "seq": 4})
    assert gaps(app, home) == [(1, 3, 4)]
    say_events(app, home.board, *journal(3, 4))
    say_events(app, home.board, *journal(7))
    assert gaps(app, home) == []


def test_what_the_board_dropped_is_counted_once(app, home):
    say_events(app, home.board, *journal(1, 2))
    say_events(app, home.board, *journal(7, 8), lost=4)
    assert gaps(app, home) == [(1, 3, 6)]
    say_events(app, home.board, *journal(1, boot=2), boot=2, lost=9)
    assert gaps(app, home) == [(0, 1, 5), (1, 3, 6)]
    say_events(app, home.board, *journal(2, boot=2), boot=2, lost=9)
    assert gaps(app, home) == [(0, 1, 5), (1, 3, 6)]


def test_a_board_takes_nothing_back_of_what_it_dropped(app, home):
    say_events(app, home.board, *journal(1, 2), lost=7)
    assert gaps(app, home) == [(0, 1, 7)]
    say_events(app, home.board, *journal(3, 4), lost=0)
    assert gaps(app, home) == [(0, 1, 7)]
    say(app, home.board, topics.EVENTS, events(*journal(5, 6), lost=3), is_retained=True)
    assert gaps(app, home) == [(0, 1, 7)]
    say_events(app, home.board, *journal(7, 8), lost=8)
    assert gaps(app, home) == [(0, 1, 8)]
    assert rows(app, "SELECT lost FROM devices WHERE kind = 'board'") == [(8,)]


def test_what_was_dropped_before_a_format_is_none_of_the_new_journal_s(app, home):
    say_events(app, home.board, *journal(1, 2), lost=7)
    say_events(app, home.board, event("open", 1, install=OTHER_INSTALL), install=OTHER_INSTALL, lost=2)
    assert gaps(app, home) == [(0, 1, 2), (0, 1, 7)]
    assert rows(app, "SELECT lost FROM devices WHERE kind = 'board'") == [(2,)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"boot": MOST_COUNTED + 1},
        {"lost": MOST_COUNTED + 1},
        {"after": {"install": INSTALL, "boot": 2**32 - 1, "seq": 1}},
        {"after": {"install": INSTALL, "boot": 1, "seq": 2**32 - 1}},
        {"seq": 2**32 - 1},
    ],
)
def test_numbers_to_which_no_board_counts_are_refused_and_leave_the_journal_as_it_was(app, home, wrong):
    said = say_events(app, home.board, *journal(1, 2))
    before = wish_of(said, home.board)["ack"]
    item = event("open", wrong.get("seq", 3), boot=wrong.get("boot", 1))
    fields = {name: value for name, value in wrong.items() if name != "seq"}
    assert say_events(app, home.board, item, **fields) == []
    ((stage, reason),) = dlq(app)
    assert stage == "events"
    assert "expected at most 100,000,000, for no board counts further in its life, got" in reason
    assert gaps(app, home) == []
    assert wish_of(say_events(app, home.board, *journal(3)), home.board)["ack"] == before | {"seq": 3}
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(3,)]


def test_an_event_id_with_an_earlier_boot_to_which_no_board_counts_is_placed_by_its_report(app, home):
    item = event("open", 1) | {"event_id": f"{INSTALL}-{2**32 - 1}-1"}
    say_events(app, home.board, item)
    assert rows(app, "SELECT boot FROM mailbox_events") == [(1,)]


def test_a_board_that_has_counted_far_is_taken_at_its_word(app, home):
    say_events(app, home.board, *journal(1, 2))
    said = say_events(app, home.board, *journal(MOST_COUNTED))
    assert wish_of(said, home.board)["ack"]["seq"] == MOST_COUNTED
    assert (dlq(app), gaps(app, home)) == ([], [(1, 3, MOST_COUNTED - 1)])
    with app.database.read() as unit_of_work:
        (gap,) = MailboxEventRepository(unit_of_work).open_gaps(home.household_id, 0, unit_of_work.now + 1)
    assert gap.is_jump


def test_a_gap_that_was_counted_without_a_place_ends_when_its_place_is_found(app, home):
    say_events(app, home.board, *journal(1, 2), lost=2)
    assert gaps(app, home) == [(0, 1, 2)]
    say_events(app, home.board, *journal(5, 6), lost=2)
    assert gaps(app, home) == [(1, 3, 4)]


def test_a_malformed_message_shows_as_a_gap_after_it_was_parked(app, home):
    say_events(app, home.board, *journal(1, 2))
    say_events(app, home.board, *journal(5, 6))
    assert gaps(app, home) == [(1, 3, 4)]
    say(app, home.board, topics.EVENTS, events(*journal(3, 4)))
    assert gaps(app, home) == []
