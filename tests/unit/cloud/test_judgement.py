"""When an episode is settled, and as what; when two readings are the same letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.letters.model import same_letter
from cloud.mailbox_events.model import HISTORY_MS, Episode, Movement
from cloud.notifications.model import (
    COLLECTION,
    DELIVERY,
    LEFT_OPEN,
    RATTLE_EDGES,
    STORM_PAUSE_MS,
    VIBRATION,
    Signs,
    amended,
    is_news,
    is_of_storm,
    judgement,
)

CLOSED = 1_000_000
SETTLE = CLOSED + 120_000
EPISODE = Episode(
    id="episode",
    household_id="household",
    mailbox_id="mailbox",
    board_id="board",
    opened_at=CLOSED - 1000,
    closed_at=CLOSED,
    close_event_id="close",
    settle_at=SETTLE,
    image_count=None,
    kind=None,
    settled_at=None,
)

NO_SIGNS = Signs()


def judged(*, count=None, ended=0, has_gateway=True, now=CLOSED + 1, signs=NO_SIGNS, **changed):
    episode = EPISODE._replace(image_count=count, **changed)
    return judgement(episode, images_ended=ended, has_gateway=has_gateway, now=now, signs=signs)


def test_a_door_that_is_open_is_not_judged():
    assert judged(closed_at=None, settle_at=None, now=SETTLE * 2) is None


def test_an_episode_is_judged_once():
    assert judged(count=1, ended=1, settled_at=CLOSED + 5) is None


def test_a_close_waits_for_the_camera():
    assert judged() is None
    assert judged(count=2, ended=1) is None


def test_a_delivery_is_settled_when_every_image_has_ended():
    assert judged(count=2, ended=2) == DELIVERY


def test_a_camera_that_saw_nothing_new_means_a_collection():
    assert judged(count=0) == COLLECTION
    assert judged(count=0, now=SETTLE + 1) == COLLECTION


@pytest.mark.parametrize("has_gateway", [True, False])
@pytest.mark.parametrize("count", [None, 3])
def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_the_settling_time(has_gateway, count):
    assert judged(count=count, has_gateway=has_gateway, now=SETTLE - 1) is None
    assert judged(count=count, has_gateway=has_gateway, now=SETTLE) == DELIVERY


@pytest.mark.parametrize(
    ("count", "ended", "signs", "kind"),
    [
        (0, 0, Signs(edges=RATTLE_EDGES), VIBRATION),
        (None, 0, Signs(edges=RATTLE_EDGES), VIBRATION),
        (0, 0, Signs(edges=RATTLE_EDGES - 1), COLLECTION),
        (0, 0, Signs(left_open=True), LEFT_OPEN),
        (None, 0, Signs(left_open=True), LEFT_OPEN),
        (0, 0, Signs(shaken=True), VIBRATION),
        (None, 0, Signs(shaken=True, left_open=True), VIBRATION),
        (1, 1, Signs(shaken=True), DELIVERY),
        (1, 1, Signs(left_open=True, edges=RATTLE_EDGES), DELIVERY),
        (None, 1, Signs(left_open=True, edges=RATTLE_EDGES), DELIVERY),
    ],
)
def test_a_letter_counts_more_than_how_the_door_moved(count, ended, signs, kind):
    assert judged(count=count, ended=ended, now=SETTLE, signs=signs) == kind


@pytest.mark.parametrize(
    ("judged_as", "count", "ended", "kind"),
    [
        (COLLECTION, 0, 0, VIBRATION),
        (DELIVERY, None, 0, VIBRATION),
        (LEFT_OPEN, None, 0, VIBRATION),
        (DELIVERY, 1, 1, None),
        (DELIVERY, None, 1, None),
        (VIBRATION, 0, 0, None),
        (None, 0, 0, None),
    ],
)
def test_a_storm_that_is_told_later_amends_what_no_image_speaks_for(judged_as, count, ended, kind):
    episode = EPISODE._replace(image_count=count, kind=judged_as, settled_at=judged_as and SETTLE)
    assert amended(episode, images_ended=ended, signs=Signs(shaken=True)) == kind
    assert amended(episode, images_ended=ended, signs=Signs(edges=RATTLE_EDGES)) is None


@pytest.mark.parametrize(
    ("changed", "last"),
    [
        ({}, CLOSED),
        ({"opened_at": None}, CLOSED),
        ({"opened_at": None, "close_event_id": None}, CLOSED),
        ({"close_event_id": None}, CLOSED - 1000),
        ({"close_event_id": None, "closed_at": CLOSED * 9}, CLOSED - 1000),
    ],
)
def test_an_episode_is_news_for_a_week_after_what_was_seen_last_of_it(changed, last):
    episode = EPISODE._replace(**changed)
    assert is_news(episode, last + HISTORY_MS)
    assert not is_news(episode, last + HISTORY_MS + 1)


def test_a_door_that_is_open_is_news():
    assert is_news(EPISODE._replace(closed_at=None, close_event_id=None), CLOSED + 100 * HISTORY_MS)


def moves(*at):
    return [Movement(one, "open") for one in at]


@pytest.mark.parametrize(
    ("told", "is_one"),
    [
        ([], False),
        (moves(EPISODE.opened_at, CLOSED), False),
        ([*moves(EPISODE.opened_at, CLOSED), Movement(CLOSED + STORM_PAUSE_MS, "tamper")], True),
        ([*moves(EPISODE.opened_at, CLOSED), Movement(CLOSED + STORM_PAUSE_MS + 1, "tamper")], False),
        (
            [
                *moves(*(CLOSED + STORM_PAUSE_MS * step for step in range(20))),
                Movement(CLOSED + STORM_PAUSE_MS * 20, "tamper"),
            ],
            True,
        ),
        ([*moves(CLOSED, CLOSED + STORM_PAUSE_MS + 1), Movement(CLOSED + STORM_PAUSE_MS + 2, "tamper")], False),
        ([Movement(EPISODE.opened_at - STORM_PAUSE_MS * 5, "tamper"), *moves(EPISODE.opened_at, CLOSED)], True),
    ],
)
def test_an_episode_is_of_a_storm_where_no_pause_parts_them(told, is_one):
    assert is_of_storm(EPISODE, told) is is_one


TEXT = " ".join(f"word{number}" for number in range(200))


def test_two_readings_of_one_sheet_are_the_same_letter():
    assert same_letter(TEXT, TEXT)
    assert same_letter(TEXT, TEXT.upper())
    assert same_letter(TEXT, TEXT.replace("word7 ", "w0rd7 ").replace("word90 ", "ward90 "))


def test_two_letters_of_one_sender_are_two_letters():
    assert not same_letter(TEXT, " ".join(f"word{number}" for number in range(100, 300)))


@pytest.mark.parametrize("short", ["", " ", "two words"])
def test_a_text_too_short_to_compare_is_the_same_as_nothing(short):
    assert not same_letter(short, short)
    assert not same_letter(short, TEXT)


@given(st.text(), st.text())
def test_being_the_same_letter_goes_both_ways(one, other):
    assert same_letter(one, other) == same_letter(other, one)
