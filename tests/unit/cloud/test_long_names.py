"""Names and reports as long as may be are stored on every database, and what is longer is refused at the door."""

import json

import pytest

from cloud.accounts.model import LONGEST_NAME
from cloud.accounts.repository import AccountRepository
from cloud.accounts.service import ensure_household
from cloud.accounts.sharing.service import make_key
from cloud.devices import model
from cloud.devices.service import ensure_mailbox
from cloud.errors import RefusedError
from cloud.tables import api_keys, devices, households, mailboxes, users
from firmware.wire import topics
from tests.unit.cloud.messages import dlq, rows, say

LETTER = "\N{OPEN MAILBOX WITH RAISED FLAG}"
# As long as one may be in a heartbeat.
WORDS = LETTER * 500


def test_a_name_as_long_as_may_be_is_kept_whole(app, home):
    name, mailbox = LETTER * LONGEST_NAME, LETTER * model.LONGEST_NAME
    with app.database.write() as unit_of_work:
        member = ensure_household(unit_of_work, "new@example.org", name)
        ensure_mailbox(unit_of_work, member.household_id, mailbox)
        make_key(unit_of_work, member, name, ["read"])
    assert (name,) in rows(app, "SELECT name FROM users")
    assert (f"Household of {name}",) in rows(app, "SELECT name FROM households")
    assert (mailbox,) in rows(app, "SELECT name FROM mailboxes")
    assert rows(app, "SELECT name FROM api_keys") == [(name,)]
    assert home is not None


def test_a_longer_name_is_refused(app, home):
    with app.database.write() as unit_of_work:
        member = AccountRepository(unit_of_work).owners(home.household_id)[0]
        with pytest.raises(RefusedError, match=r"a name of at most 100 characters, got 101"):
            ensure_household(unit_of_work, "new@example.org", "n" * 101)
        with pytest.raises(RefusedError, match=r"a name of 1 to 100 characters for the key, got 101"):
            make_key(unit_of_work, member, "n" * 101, ["read"])
        for wrong in ("", "n" * 201):
            with pytest.raises(RefusedError, match=rf"1 to 200 characters for the mailbox, got {len(wrong)}"):
                ensure_mailbox(unit_of_work, home.household_id, wrong)


def test_no_name_is_longer_than_its_column():
    assert [one.c.name.type.length >= LONGEST_NAME for one in (users, api_keys)] == [True, True]
    assert len("Household of ") + LONGEST_NAME <= households.c.name.type.length
    assert [one.c.name.type.length >= model.LONGEST_NAME for one in (mailboxes, devices)] == [True, True]


def heartbeat(words):
    refused = {f"n{number}": WORDS for number in range(32)}
    return {"fw": "1.0", "next_s": 3600, "settings": {"a": "w" * 500, "b": "w" * 500, "c": words}, "refused": refused}


def test_settings_that_a_board_reports_are_kept_up_to_what_a_column_holds(app, home):
    words = "w" * (model.MOST_REPORTED - len(model.reported_settings(heartbeat("")).encode()))
    say(app, home.board, topics.HEARTBEAT, heartbeat(words))
    ((stored,),) = rows(app, "SELECT reported FROM devices WHERE kind = 'board'")
    assert len(stored.encode()) == model.MOST_REPORTED
    assert json.loads(stored)["settings"]["c"] == words
    assert dlq(app) == []


def test_what_a_board_reports_beyond_that_is_refused_and_told(app, home):
    say(app, home.board, topics.HEARTBEAT, heartbeat(WORDS))
    assert rows(app, "SELECT reported, last_seen FROM devices WHERE kind = 'board'") == [(None, None)]
    ((kind, reason),) = rows(app, "SELECT stage, reason FROM jobs WHERE state = 'parked'")
    assert kind == topics.HEARTBEAT
    assert reason.startswith("settings, refused: expected at most 65,535 bytes together, got 67,396")
