"""Episodes: one opening and closing of the door each, whatever is lost, doubled, or late."""

import itertools

import pytest

from firmware.wire import topics
from tests.unit.cloud.messages import OTHER_INSTALL, event, events, now, rows, say, say_events, wish_of


def episodes(app):
    """Return of each episode whether its opening and its closing are known, in the order of their making."""
    query = "SELECT opened_at IS NOT NULL, closed_at IS NOT NULL, close_event_id FROM episodes ORDER BY id"
    return [(bool(opened), bool(closed), close) for opened, closed, close in rows(app, query)]


def episode_numbers(app):
    """Return of each event, by type and sequence number, which episode it belongs to."""
    ids = [row[0] for row in rows(app, "SELECT id FROM episodes ORDER BY id")]
    found = rows(app, "SELECT event_type, seq, episode_id FROM mailbox_events ORDER BY seq")
    return [(kind, seq, ids.index(episode) if episode else None) for kind, seq, episode in found]


def settle_jobs(app):
    return rows(app, "SELECT count(*) FROM jobs WHERE stage = 'settle_episode' AND state = 'waiting'")[0][0]


def test_an_opening_and_its_close_are_one_episode(app, home):
    say_events(app, home.board, event("open", 1), event("close", 2))
    assert episodes(app) == [(True, True, event("close", 2)["event_id"])]
    assert settle_jobs(app) == 1


def test_an_opening_alone_is_an_episode_that_runs(app, home):
    say_events(app, home.board, event("open", 1))
    assert episodes(app) == [(True, False, None)]
    assert settle_jobs(app) == 0


def test_a_repeated_event_changes_nothing(app, home):
    for _ in range(3):
        say_events(app, home.board, event("open", 1), event("close", 2))
    assert len(episodes(app)) == 1
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(2,)]
    assert settle_jobs(app) == 1


def test_a_repeated_event_is_acknowledged_again_with_a_newer_revision(app, home):
    first = wish_of(say_events(app, home.board, event("open", 1)), home.board)
    again = wish_of(say_events(app, home.board, event("open", 1)), home.board)
    assert again["ack"] == first["ack"]
    assert again["rev"] > first["rev"]


def test_an_event_twice_in_one_message_is_stored_once(app, home):
    say_events(app, home.board, event("open", 1), event("open", 1))
    assert len(episodes(app)) == 1


def test_a_close_whose_opening_was_lost_is_an_episode(app, home):
    say_events(app, home.board, event("close", 2))
    assert episodes(app) == [(False, True, event("close", 2)["event_id"])]


def test_two_closes_in_a_row_are_two_episodes(app, home):
    say_events(app, home.board, event("open", 1), event("close", 2), event("close", 3))
    assert [close for _, _, close in episodes(app)] == [event("close", seq)["event_id"] for seq in (2, 3)]


def test_an_opening_ends_the_one_before_whose_close_was_lost(app, home):
    say_events(app, home.board, event("open", 1))
    say_events(app, home.board, event("open", 2), event("close", 3))
    assert episodes(app) == [(True, True, None), (True, True, event("close", 3)["event_id"])]
    assert settle_jobs(app) == 2


def test_a_close_of_a_new_install_ends_what_the_old_one_left_open(app, home):
    say_events(app, home.board, event("open", 5))
    say_events(app, home.board, event("close", 1, install=OTHER_INSTALL), install=OTHER_INSTALL)
    assert [closed for _, closed, _ in episodes(app)] == [True, True]


def test_an_event_of_an_earlier_boot_that_comes_late_joins_its_own_episode(app, home):
    say_events(app, home.board, event("open", 1, boot=1))
    say_events(app, home.board, event("open", 0, boot=2), event("close", 1, boot=2), boot=2)
    say_events(app, home.board, event("close", 2, boot=1))
    assert [close for _, _, close in episodes(app)] == [
        event("close", 2, boot=1)["event_id"],
        event("close", 1, boot=2)["event_id"],
    ]


def test_still_open_and_tamper_belong_to_the_opening_they_follow(app, home):
    items = [event(kind, seq) for seq, kind in enumerate(("open", "still_open", "tamper", "close", "low_battery"))]
    say_events(app, home.board, *items)
    assert [number for _, _, number in episode_numbers(app)] == [0, 0, 0, 0, None]


def test_a_tamper_belongs_to_the_movement_that_was_too_many(app, home):
    say_events(app, home.board, event("open", 1), event("close", 2), event("tamper", 3))
    assert [number for _, _, number in episode_numbers(app)] == [0, 0, 0]


def test_a_tamper_of_which_no_movement_is_known_is_an_episode_of_its_own(app, home):
    say_events(app, home.board, event("tamper", 3))
    assert [number for _, _, number in episode_numbers(app)] == [0]
    assert episodes(app) == [(False, True, None)]
    assert settle_jobs(app) == 2


JOURNAL = (
    event("open", 1),
    event("close", 2),
    event("boot", 3),
    event("open", 4),
    event("still_open", 5),
    event("close", 6),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[1::3])
def test_door_events_make_one_episode_a_close_in_whatever_order_they_arrive(app, home, order):
    doors = [item for item in JOURNAL if item["event_type"] in ("open", "close")]
    for place in order:
        say_events(app, home.board, doors[place])
    assert sorted(close for _, _, close in episodes(app)) == [event("close", seq)["event_id"] for seq in (2, 6)]


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 1, 3, 2), (2, 3, 0, 1), (1, 3, 2, 0), (0, 2, 1, 3)])
def test_an_event_overtaken_by_its_neighbour_still_finds_its_episode(app, home, order):
    doors = [item for item in JOURNAL if item["event_type"] in ("open", "close")]
    for place in order:
        say_events(app, home.board, doors[place])
    assert {close: opened for opened, _, close in episodes(app)} == {
        event("close", seq)["event_id"]: True for seq in (2, 6)
    }


def test_a_whole_journal_in_one_message_makes_the_episodes_of_its_order(app, home):
    say_events(app, home.board, *JOURNAL)
    assert [number for _, _, number in episode_numbers(app)] == [0, 0, None, 1, 1, 1]


def test_an_impossible_time_is_stored_and_told_once(app, home):
    for _ in range(2):
        say_events(app, home.board, event("open", 1, occurred_at=1_000_000_000_000))
    parked = rows(app, "SELECT stage, reason, subject_id, household_id FROM jobs WHERE state = 'parked'")
    assert len(parked) == 1
    stage, reason, thing, household_id = parked[0]
    assert (stage, thing, household_id) == ("events", home.board.thing, home.household_id)
    assert "expected a time from 2024 to now, got 1000000000000 ms" in reason
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(1,)]


def test_an_event_id_that_looks_like_a_place_cannot_break_the_answer(app, home):
    wish = wish_of(say_events(app, home.board, event("open", 5, event_id="x-1-5")), home.board)
    assert wish["ack"] == {"install": event("open", 5)["event_id"].split("-")[0], "boot": 1, "seq": 5}


def test_a_boards_report_is_kept_with_its_device(app, home):
    say(app, home.board, topics.EVENTS, events(event("open", 1), batt_mv=3800, rssi=-60, lost=3))
    assert rows(app, "SELECT batt_mv, rssi, lost, firmware FROM devices WHERE kind = 'board'") == [(3800, -60, 3, "1")]
    assert now() - rows(app, "SELECT last_seen FROM devices WHERE kind = 'board'")[0][0] < 60_000
