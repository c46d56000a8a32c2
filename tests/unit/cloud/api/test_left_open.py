"""A door that was opened over HTTP and stays open is told of as a board tells of it, for nobody else does."""

from datetime import UTC, datetime

import pytest

from cloud.mailbox_events.model import HISTORY_MS, LEFT_OPEN_MS
from cloud.web.app import create_app
from firmware.settings import STILL_OPEN_DEFAULT
from tests.databases import execute
from tests.unit.cloud.api.conftest import logged_in, post_event
from tests.unit.cloud.fakes import FakeDeviceGate, FakeMailer, drain, with_ports
from tests.unit.cloud.messages import event, now, rows, say_events
from tests.unit.cloud.test_alarms import look, words

SECOND = 1000


@pytest.fixture
def settings(settings):
    """A server that judges each close at once."""
    return settings.model_copy(update={"settle_s": 0})


@pytest.fixture
def mailer():
    return FakeMailer()


@pytest.fixture
def working(app, mailer):
    return with_ports(app, mailer=mailer, device_gate=FakeDeviceGate())


@pytest.fixture
def client(app, home):  # noqa: ARG001 - its owner
    ((user_id,),) = rows(app, "SELECT id FROM users")
    return logged_in(app, create_app(app, lambda _: None), user_id)


@pytest.fixture
def board(client):
    return next(one["id"] for one in client.get("/devices").json() if one["name"] == "Board")


def report(client, board, kind, age):
    stated = datetime.fromtimestamp((now() - age) / 1000, tz=UTC).isoformat()
    assert post_event(client, board, kind, timestamp=stated).status_code == 200


def kinds(app):
    return [kind for (kind,) in rows(app, "SELECT kind FROM episodes ORDER BY id")]


def told(client, board):
    return client.get(f"/mailbox/events?device_id={board}&event_type=still_open").json()


def test_it_is_told_after_as_long_as_a_board_waits():
    assert STILL_OPEN_DEFAULT[0] * SECOND == LEFT_OPEN_MS


def test_a_door_that_stays_open_is_told_once_and_then_judged_as_that(working, client, board, mailer):
    report(client, board, "open", LEFT_OPEN_MS + SECOND)
    for _ in range(3):
        look(working)
    (mail,) = mailer.sent
    assert "Drive is open, and has been since" in words(mail)
    assert len(told(client, board)) == 1
    report(client, board, "close", 0)
    drain(working)
    assert (kinds(working), len(mailer.sent)) == (["left_open"], 1)


def test_the_next_opening_ends_it_and_tells_nothing_again(working, client, board, mailer):
    report(client, board, "open", LEFT_OPEN_MS + SECOND)
    look(working)
    report(client, board, "open", 0)
    drain(working)
    assert (kinds(working), len(mailer.sent)) == (["left_open", None], 1)


@pytest.mark.parametrize(("age", "number"), [(LEFT_OPEN_MS - 60 * SECOND, 0), (HISTORY_MS + SECOND, 0)])
def test_neither_a_short_opening_nor_history_is_a_door_left_open(working, client, board, mailer, age, number):
    report(client, board, "open", age)
    look(working)
    assert (len(mailer.sent), told(client, board)) == (number, [])


def test_a_board_tells_of_its_door_itself(working, home, client, board, mailer):
    say_events(working, home.board, event("open", 1, occurred_at=now() - 10 * LEFT_OPEN_MS))
    look(working)
    assert (mailer.sent, told(client, board)) == ([], [])


def test_who_does_not_want_to_hear_of_openings_does_not(working, client, board, mailer):
    execute(working, "UPDATE device_settings SET mailbox_opened_notify = 0")
    report(client, board, "open", LEFT_OPEN_MS + SECOND)
    look(working)
    assert (mailer.sent, len(told(client, board))) == ([], 1)


def test_what_an_owner_deletes_is_not_told_again(working, client, board, mailer):
    report(client, board, "open", LEFT_OPEN_MS + SECOND)
    look(working)
    ((one,),) = [told(client, board)]
    assert client.delete(f"/mailbox/events/{one['id']}").status_code == 200
    look(working)
    assert (told(client, board), len(mailer.sent)) == ([], 1)


def test_the_door_of_a_deleted_device_is_not_told(working, client, board, mailer):
    report(client, board, "open", LEFT_OPEN_MS + SECOND)
    execute(working, "UPDATE devices SET deleted_at = 1")
    look(working)
    assert mailer.sent == []


@pytest.mark.parametrize(
    ("lasted", "kind"), [(LEFT_OPEN_MS - SECOND, "delivery"), (LEFT_OPEN_MS, "left_open"), (53 * 60_000, "left_open")]
)
def test_a_long_opening_that_has_ended_was_left_open(working, client, board, mailer, lasted, kind):
    ended = now() - 60 * SECOND
    for name, at in (("open", ended - lasted), ("close", ended)):
        stated = datetime.fromtimestamp(at / 1000, tz=UTC).isoformat()
        assert post_event(client, board, name, timestamp=stated).status_code == 200
    drain(working)
    assert (kinds(working), len(mailer.sent)) == ([kind], 1)


def test_history_of_a_door_left_open_is_shown_and_told_to_nobody(working, client, board, mailer):
    report(client, board, "open", HISTORY_MS + 2 * LEFT_OPEN_MS)
    report(client, board, "close", HISTORY_MS + SECOND)
    drain(working)
    assert (kinds(working), mailer.sent) == (["left_open"], [])


def test_how_long_a_boards_own_opening_lasted_is_for_the_board_to_say(working, home):
    opened = event("open", 1, occurred_at=now() - 10 * LEFT_OPEN_MS)
    say_events(working, home.board, opened, event("close", 2))
    drain(working)
    assert kinds(working) == ["delivery"]
