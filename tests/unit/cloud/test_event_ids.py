"""Event ids are each device's own: whoever takes another's does no harm to it."""

import pytest

from tests.conftest import make_home
from tests.unit.cloud.messages import dlq, event, rows, say_events, wish_of

OPENING = (event("open", 1), event("close", 2))


@pytest.fixture
def thief(app):
    """The home of another household, whose board says that the ids of ours are its own."""
    return make_home(app, "thief@example.org")


def ids_of(app, home):
    found = rows(app, f"SELECT event_id FROM mailbox_events WHERE device_id = '{home.board.id}' ORDER BY id")  # noqa: S608
    return [event_id for (event_id,) in found]


@pytest.mark.parametrize("thief_is_first", [True, False])
def test_ids_that_another_households_board_took_are_still_ours(app, home, thief, thief_is_first):
    answers = {}
    for one in (thief, home) if thief_is_first else (home, thief):
        answers[one] = say_events(app, one.board, *OPENING)
    assert ids_of(app, home) == ids_of(app, thief) == [one["event_id"] for one in OPENING]
    assert wish_of(answers[home], home.board)["ack"]["seq"] == 2
    assert {link.thing for link in answers[thief]} == {thief.board.thing, thief.gateway.thing}
    assert rows(app, "SELECT count(*), count(DISTINCT household_id) FROM episodes") == [(2, 2)]
    assert dlq(app) == []


def test_an_id_that_was_taken_before_it_was_used_keeps_no_event_out(app, home, thief):
    """A thief who has seen one id knows the next ones, for they are counted."""
    say_events(app, thief.board, *(event("open", seq) for seq in range(1, 6)))
    answered = say_events(app, home.board, *OPENING)
    assert wish_of(answered, home.board)["ack"]["seq"] == 2
    assert len(ids_of(app, home)) == 2


def test_within_a_household_too_an_id_is_its_boards_own(app, home):
    second = make_home(app, mailbox="Cabin")
    say_events(app, second.board, *OPENING)
    say_events(app, home.board, *OPENING)
    assert ids_of(app, home) == ids_of(app, second)
    assert rows(app, "SELECT count(DISTINCT mailbox_id) FROM episodes") == [(2,)]
