"""Of what ended more than a week ago nobody is told, whichever way it comes; it is shown as what is new is."""

from datetime import UTC, datetime

import pytest

from cloud import pipeline
from cloud.mailbox_events.handlers import end_episodes
from cloud.mailbox_events.model import HISTORY_MS
from cloud.operations.replay import Outcome, replay_all
from cloud.ports.event_queue import Event, Parked
from cloud.web.app import create_app
from firmware.wire import codec, messages, topics
from tests.databases import execute
from tests.unit.cloud.api.conftest import logged_in, post_event
from tests.unit.cloud.fakes import FakeDeviceGate, FakeMailer, FakeOcrEngine, drain, lease, with_ports
from tests.unit.cloud.messages import announcement, event, events, now, photo, rows, say, say_events, wish_of
from tests.unit.cloud.test_images import ask, upload

MINUTE, HOUR = 60_000, 3_600_000
INSIDE, OUTSIDE = HISTORY_MS - HOUR, HISTORY_MS + HOUR
AGES = pytest.mark.parametrize(("age", "number"), [(MINUTE, 1), (INSIDE, 1), (OUTSIDE, 0), (60 * 24 * HOUR, 0)])


@pytest.fixture
def settings(settings):
    """A server that judges each close at once."""
    return settings.model_copy(update={"settle_s": 0})


@pytest.fixture
def working(app):
    """The application with parts outside that work."""
    return with_ports(app, ocr_engine=FakeOcrEngine(), mailer=FakeMailer(), device_gate=FakeDeviceGate())


@pytest.fixture
def client(app, home):  # noqa: ARG001 - its owner
    ((user_id,),) = rows(app, "SELECT id FROM users")
    return logged_in(app, create_app(app, lambda _: None), user_id)


def iso(age):
    return datetime.fromtimestamp((now() - age) / 1000, tz=UTC).isoformat()


def post_opening(client, age):
    """Report over HTTP that the door of the board was opened and, ten seconds later, closed so long ago."""
    board = next(one["id"] for one in client.get("/devices").json() if one["name"] == "Board")
    for kind, at in (("open", age + 10_000), ("close", age)):
        assert post_event(client, board, kind, timestamp=iso(at)).status_code == 200
    return board


def opening(age, seq=1, *between):
    """Return a board's events of a door that was opened and, an hour later, closed so long ago."""
    kinds = ("open", *between, "close")
    times = (now() - age - HOUR * (len(kinds) - 1 - place) // (len(kinds) - 1) for place in range(len(kinds)))
    return [event(kind, seq + place, occurred_at=at) for place, (kind, at) in enumerate(zip(kinds, times, strict=True))]


def kinds(app):
    return [kind for (kind,) in rows(app, "SELECT kind FROM episodes ORDER BY id")]


def told(app):
    """Return how many notifications are listed and how many e-mails were written."""
    ((listed,),) = rows(app, "SELECT count(*) FROM notifications")
    ((written,),) = rows(app, "SELECT count(*) FROM mail_outbox")
    return listed, written


def pass_time(app, age):
    """Let everything that happened be so long ago."""
    for column in ("opened_at", "closed_at"):
        execute(app, f"UPDATE episodes SET {column} = {column} - {age}")  # noqa: S608 - our own


@AGES
def test_a_delivery_over_http_is_told_while_it_is_news_and_shown_for_ever(app, working, client, age, number):
    board = post_opening(client, age)
    drain(working)
    assert (kinds(app), told(app)) == (["delivery"], (number, number))
    assert len(client.get(f"/mailbox/events?device_id={board}").json()) == 2
    assert len(client.get(f"/mailbox/notifications?device_id={board}").json()) == number
    assert client.get("/").text.count("<article") == 1


def test_an_import_of_many_years_writes_no_mail(app, working, client):
    for years in range(10, 0, -1):
        post_opening(client, years * 365 * 24 * HOUR)
    drain(working)
    assert (kinds(app), told(app)) == (["delivery"] * 10, (0, 0))
    post_opening(client, MINUTE)
    drain(working)
    assert told(app) == (1, 1)


@pytest.mark.parametrize(("age", "is_said"), [(INSIDE, True), (OUTSIDE, False)])
def test_the_page_does_not_promise_a_mail_that_nobody_writes(working, client, age, is_said):
    post_opening(client, age)
    drain_only(working, "settle_episode")
    assert ("Writing the e-mail." in client.get("/").text) is is_said


@AGES
def test_a_delivery_of_a_board_is_told_while_it_is_news(app, working, home, age, number):
    say_events(working, home.board, *opening(age))
    drain(working)
    assert (kinds(app), told(app)) == (["delivery"], (number, number))


@AGES
def test_a_door_left_open_is_told_while_it_is_news(app, working, home, age, number):
    say_events(working, home.board, *opening(age, 1, "still_open"))
    drain(working)
    assert (kinds(app), told(app)) == (["left_open"], (number, number))


@AGES
def test_that_mail_was_taken_out_is_told_while_it_is_news(app, working, home, age, number):
    execute(app, "UPDATE device_settings SET email_notifications = 1")
    opened, closed = opening(age)
    say_events(with_ports(working, settle_ms=HOUR), home.board, opened, closed)
    say(app, home.gateway, topics.IMAGES, announcement(event_id=closed["event_id"], count=0))
    drain(working)
    assert (kinds(app), told(app)) == (["collection"], (number, number))


def test_a_door_that_is_open_is_told_however_long_it_has_been(app, working, home):
    opened, _ = opening(OUTSIDE)
    say_events(working, home.board, opened, event("still_open", 2, occurred_at=now() - OUTSIDE))
    drain(working)
    assert told(app) == (0, 1)


@pytest.mark.parametrize(("age", "number"), [(INSIDE, 1), (OUTSIDE, 0)])
def test_an_opening_without_a_close_is_as_old_as_it_is_whatever_ends_it(app, working, home, age, number):
    opened, _ = opening(age - HOUR)
    say_events(working, home.board, opened)
    say_events(working, home.board, event("open", 2))
    drain(working)
    assert (kinds(app), told(app)) == (["delivery", None], (number, number))


@pytest.mark.parametrize(("age", "number"), [(INSIDE, 1), (OUTSIDE, 0)])
def test_a_board_that_leaves_ends_what_was_open_and_does_not_make_it_news(app, working, home, age, number):
    opened, _ = opening(age - HOUR)
    say_events(working, home.board, opened)
    with app.database.write() as unit_of_work:
        left = Event("board_left", home.household_id, home.board.id)
        pipeline.put_all(app.queue, unit_of_work, end_episodes(unit_of_work, left, None))
    drain(working)
    assert (kinds(app), told(app)) == (["delivery"], (number, number))


def test_the_image_of_an_old_delivery_brings_a_letter_and_no_mail(app, working, home):
    opened, closed = opening(OUTSIDE)
    say_events(with_ports(working, settle_ms=HOUR), home.board, opened, closed)
    one = photo()
    ask(app, home.gateway, one)
    upload(app, one)
    say(app, home.gateway, topics.IMAGES, announcement(one, event_id=closed["event_id"]))
    drain(working)
    assert (kinds(app), rows(app, "SELECT state FROM images")) == (["delivery"], [("letter",)])
    assert told(app) == (0, 0)


def test_the_image_of_a_settled_old_delivery_brings_no_mail_either(app, working, home):
    opened, closed = opening(OUTSIDE)
    say_events(working, home.board, opened, closed)
    drain(working)
    one = photo()
    ask(app, home.gateway, one)
    upload(app, one)
    say(app, home.gateway, topics.IMAGES, announcement(one, event_id=closed["event_id"]))
    drain(working)
    assert (rows(app, "SELECT state FROM images"), told(app)) == ([("letter",)], (0, 0))


@AGES
def test_images_that_a_gateway_took_by_itself_are_told_while_they_are_news(app, working, home, age, number):
    one = photo()
    said = announcement(one)
    said["images"][0]["captured_at"] = now() - age
    ask(app, home.gateway, one)
    upload(app, one)
    say(app, home.gateway, topics.IMAGES, said)
    drain(working)
    assert told(app) == (number, number)


@pytest.mark.parametrize(("age", "written"), [(0, 1), (OUTSIDE, 0)])
@pytest.mark.parametrize("between", [(), ("still_open",)], ids=["delivery", "left open"])
def test_what_waited_to_be_written_until_it_was_news_no_more_is_not_written(app, working, home, between, age, written):
    say_events(working, home.board, *opening(MINUTE, 1, *between))
    drain_only(working, "settle_episode")
    park_all(app)
    pass_time(app, age)
    assert {one.outcome for one in replay_all(app)} == {Outcome.QUEUED}
    drain(working)
    assert told(app) == (1, written)


@pytest.mark.parametrize(("age", "written"), [(0, 1), (OUTSIDE, 0)])
def test_an_alarm_that_waited_for_weeks_is_not_written(app, working, home, age, written):
    say_events(working, home.board, event("tamper", 1))
    drain_only(working, "settle_episode")
    park_all(app)
    execute(app, f"UPDATE alarms SET raised_at = raised_at - {age}")  # noqa: S608 - our own
    assert {one.outcome for one in replay_all(app)} == {Outcome.QUEUED}
    drain(working)
    assert told(app) == (0, written)


def test_a_message_that_was_parked_for_weeks_is_stored_and_told_to_nobody(app, working, home):
    payload = codec.encode(messages.BY_KIND[topics.EVENTS], events(*opening(OUTSIDE)))
    with app.database.write() as unit_of_work:
        parked = Parked(topics.EVENTS, "a fault of ours", home.household_id, home.board.thing, payload)
        app.queue.park(unit_of_work, parked)
    assert [one.outcome for one in replay_all(working)] == [Outcome.TAKEN]
    drain(working)
    assert (kinds(app), told(app)) == (["delivery"], (0, 0))


def test_no_camera_is_asked_for_history(app, working, home, client):
    post_opening(client, OUTSIDE)
    assert rows(app, "SELECT capture FROM devices WHERE capture IS NOT NULL") == []
    new = event("close", 9)
    answered = say_events(working, home.board, event("open", 8), new)
    assert wish_of(answered, home.gateway)["capture"]["event_id"] == new["event_id"]


def test_a_camera_is_asked_for_what_a_board_tells_some_days_later(working, home):
    opened, closed = opening(INSIDE)
    answered = say_events(working, home.board, opened, closed)
    assert wish_of(answered, home.gateway)["capture"]["event_id"] == closed["event_id"]


def drain_only(app, stage):
    """Do every job of this stage, and leave the others."""
    while job := app.queue.lease((stage,), MINUTE):
        pipeline.run(app.ports, app.queue, job)


def park_all(app):
    """Move what waits into the DLQ, as a fault of ours would have."""
    while job := lease(app):
        pipeline.park(app.ports, app.queue, job, "a fault of ours")
