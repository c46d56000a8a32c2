"""Deliveries that no camera answers: their owner is told in words, once, also by a server that was killed meanwhile."""

import pytest

from firmware.wire import topics
from tests.databases import on_sqlite_alone
from tests.running_server import RunningServer
from tests.things import Thing
from tests.unit.cloud.messages import announcement, event, events, photo
from tests.waiting import until


@pytest.fixture
def server(tmp_path, chosen):  # noqa: ARG001 - the environment names the database
    with RunningServer(tmp_path / "data", PILLARBOX_SETTLE_S="1") as server:
        yield server


@pytest.fixture
def connect(server):
    connected = []

    def connect(kind):
        connected.append(Thing(server.make_device(kind), server.mqtt_port))
        return connected[-1]

    yield connect
    for thing in connected:
        thing.leave()


def mails(server):
    return len(list((server.data / "outbox").glob("*.eml")))


def quiet(server):
    """Return whether nothing is left to do."""
    return server.rows("SELECT count(*) FROM jobs WHERE state = 'waiting'") == [(0,)]


def test_a_mailbox_without_a_camera_tells_of_every_delivery(server, connect):
    board = connect("board")
    board.publish(topics.EVENTS, events(event("open", 1), event("close", 2), event("open", 3), event("close", 4)))
    until(lambda: mails(server) == 2, "two e-mails")
    until(lambda: quiet(server), "the jobs to end")
    assert server.rows("SELECT kind, count(*) FROM episodes GROUP BY kind") == [("delivery", 2)]


@on_sqlite_alone
def test_a_camera_that_never_answers_does_not_hold_up_the_news(server, connect):
    connect("gateway")
    board = connect("board")
    board.publish(topics.EVENTS, events(event("open", 1), event("close", 2)))
    until(lambda: mails(server) == 1, "the e-mail")


@on_sqlite_alone
def test_an_image_that_was_announced_and_never_came_does_not_hold_up_the_news(server, connect):
    gateway, board = connect("gateway"), connect("board")
    board.publish(topics.EVENTS, events(event("open", 1), event("close", 2)))
    gateway.publish(topics.IMAGES, announcement(photo(), event_id=event("close", 2)["event_id"]))
    until(lambda: mails(server) == 1, "the e-mail")
    until(lambda: quiet(server), "the jobs to end")
    assert mails(server) == 1


@on_sqlite_alone
def test_an_opening_whose_close_was_lost_is_told_when_the_next_one_comes(server, connect):
    board = connect("board")
    board.publish(topics.EVENTS, events(event("open", 1)))
    board.publish(topics.EVENTS, events(event("open", 3), event("close", 4)))
    until(lambda: mails(server) == 2, "two e-mails")


def test_a_delivery_settles_although_the_server_was_killed_while_it_waited(server, connect):
    board = connect("board")
    board.publish(topics.EVENTS, events(event("open", 1), event("close", 2)))
    until(lambda: server.rows("SELECT count(*) FROM episodes WHERE closed_at IS NOT NULL") == [(1,)], "the close")
    server.kill()
    server.start()
    until(lambda: mails(server) == 1, "the e-mail")
    until(lambda: quiet(server), "the jobs to end")
    assert mails(server) == 1
