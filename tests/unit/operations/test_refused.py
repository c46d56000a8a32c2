"""Refused requests are told of in the log, and never fill it."""

import logging

import pytest

from cloud import correlation
from cloud.log_lines import JsonLines
from cloud.web.refused import MOST_OF_A_KIND, MOST_TOGETHER, WINDOW_S, Refusals


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def refusals(now):
    return Refusals(lambda: now[0])


@pytest.fixture
def told(caplog):
    """What is told, as messages."""
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def refuse(refusals, times, route="/devices", status=404):
    for _ in range(times):
        refusals.tell("GET", route, status)


def test_each_is_a_line(refusals, told):
    refuse(refusals, 2)
    assert told() == ["GET /devices was refused with 404"] * 2


def test_of_many_of_a_kind_the_first_are_told_and_then_how_many_more_they_were(refusals, told, now):
    refuse(refusals, MOST_OF_A_KIND + 7)
    assert len(told()) == MOST_OF_A_KIND
    now[0] += WINDOW_S
    refuse(refusals, 1)
    assert told()[MOST_OF_A_KIND:] == [
        "7 more requests were refused, too many to tell of each",
        "GET /devices was refused with 404",
    ]


def test_a_minute_later_nothing_is_said_of_a_minute_that_was_told_whole(refusals, told, now):
    refuse(refusals, MOST_OF_A_KIND)
    now[0] += WINDOW_S
    refuse(refusals, MOST_OF_A_KIND)
    assert told() == ["GET /devices was refused with 404"] * (2 * MOST_OF_A_KIND)


def test_one_kind_hides_no_other(refusals, told):
    refuse(refusals, 2 * MOST_OF_A_KIND, status=401)
    refuse(refusals, 1, status=422)
    refuse(refusals, 1, route="/mailbox/events", status=401)
    assert told()[MOST_OF_A_KIND:] == ["GET /devices was refused with 422", "GET /mailbox/events was refused with 401"]


def test_all_kinds_together_are_no_flood(refusals, told, now):
    for number in range(2 * MOST_TOGETHER):
        refuse(refusals, 1, route=f"/route/{number}")
    assert len(told()) == MOST_TOGETHER
    now[0] += WINDOW_S
    refuse(refusals, 1)
    assert told()[MOST_TOGETHER] == f"{MOST_TOGETHER} more requests were refused, too many to tell of each"


def test_how_many_more_they_were_belongs_to_nobodys_story(refusals, caplog, now):
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(JsonLines().format(record))
    caplog.set_level(logging.INFO)
    log = logging.getLogger("cloud.web.refused")
    log.addHandler(handler)
    with correlation.story("request-1"):
        refuse(refusals, MOST_OF_A_KIND + 1)
        now[0] += WINDOW_S
        refuse(refusals, 1)
    log.removeHandler(handler)
    assert ["request-1" in line for line in lines[-2:]] == [False, True]
