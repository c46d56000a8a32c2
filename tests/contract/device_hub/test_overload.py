"""More than is stored: so many messages wait here, the others with the broker; none is lost, none comes twice."""

import threading

import pytest

from cloud.adapters.local.device_hub_acknowledgements import MOST_AT_ONCE
from cloud.errors import RetryLaterError
from cloud.ports.device_hub import Downlink
from cloud.worker.ingest import Ingest
from firmware.wire import codec, messages, topics
from tests.things import Thing
from tests.unit.cloud.messages import event, events, rows
from tests.waiting import PATIENCE_S, until

HEALTH = {"fw": "1.0", "next_s": 60}
TOPIC = topics.topic("board-1", topics.HEARTBEAT)
MOST_WAITING = 40
# More than the connection's buffers keep.
EVENTS = 1500
# So large that the kernel keeps few of them.
LARGE, MANY_LARGE = 100_000, 300


def heartbeat(number):
    return codec.encode(messages.BY_KIND[topics.HEARTBEAT], HEALTH | {"next_s": number})


def number_of(message):
    return codec.json.loads(message.payload)["next_s"]


class Listener:
    """Takes as many messages as it is allowed, and makes the hub wait with the others."""

    def __init__(self, hub, most):
        self.hub, self.taken, self.acknowledgements = hub, [], []
        self.may_take = threading.Semaphore(most)
        self._is_connected = threading.Event()
        hub.start(self._take, self._is_connected.set)
        assert self._is_connected.wait(PATIENCE_S)

    def _take(self, message, acknowledge):
        self.may_take.acquire()
        self.acknowledgements.append(acknowledge)
        self.taken.append(number_of(message))  # last: who waits for it finds how to acknowledge it


def test_who_does_not_take_holds_up_the_broker_and_gets_every_message_once(place, listen, thing):
    most = MOST_AT_ONCE * 3
    slow = Listener(place.hub(), MOST_WAITING)
    for number in range(1, most + 1):
        thing.publish_unheard(TOPIC, heartbeat(number))
    thing.publish(topics.HEARTBEAT, HEALTH | {"next_s": most + 1})  # returns when the broker has all of them
    until(lambda: len(slow.taken) == MOST_WAITING, "the first messages")
    for acknowledge in slow.acknowledgements:
        acknowledge()
    assert len(slow.taken) == MOST_WAITING
    slow.may_take.release(most)
    until(lambda: len(slow.taken) == most + 1, "the other messages")
    assert slow.taken == list(range(1, most + 2))
    for acknowledge in slow.acknowledgements[MOST_WAITING:]:
        acknowledge()
    slow.hub.stop()
    after = listen()
    thing.publish(topics.HEARTBEAT, HEALTH | {"next_s": 1})
    assert number_of(after.next()[0]) == 1


def test_a_hub_that_is_held_up_answers_devices_while_messages_wait_for_it(place, thing):
    hub, taken, listening = place.hub(), [], threading.Event()

    def take(message, acknowledge):
        taken.append(number_of(message))
        if len(taken) == 1:
            hub.hold_up()
        acknowledge()

    thing.listen_to_own()
    hub.start(take, listening.set)
    assert listening.wait(PATIENCE_S)
    for number in range(1, MANY_LARGE + 1):
        sent = thing.publish_unheard(TOPIC, heartbeat(number).ljust(LARGE))
    sent.wait_for_publish(PATIENCE_S)
    hub.publish(Downlink(thing.name, topics.UPLOAD_GRANT, {"image_id": "image-1", "stored": True}))
    assert thing.heard(topics.UPLOAD_GRANT)["stored"]
    assert len(taken) < MANY_LARGE
    hub.go_on()
    until(lambda: len(taken) == MANY_LARGE, "the other messages")
    assert taken == list(range(1, MANY_LARGE + 1))
    hub.stop()


class HeldDatabase:
    """A database that writes only when it is let."""

    def __init__(self, database):
        self._database = database
        self.may_write = threading.Event()

    def __getattr__(self, name):
        return getattr(self._database, name)

    def write(self):
        if not self.may_write.is_set():
            raise RetryLaterError("the database is held")
        return self._database.write()


@pytest.fixture
def held(app):
    database = HeldDatabase(app.database)
    object.__setattr__(app, "database", database)
    yield database
    database.may_write.set()


def test_ingest_lets_so_many_messages_wait_and_stores_each_once_in_the_end(app, home, place, held):
    board = Thing(place.bundle(home.board.thing), place.broker.port)
    hub = place.hub()
    ingest = Ingest(app, hub, most_waiting=MOST_WAITING)
    ingest.start()
    assert ingest.hears(PATIENCE_S)
    for seq in range(1, EVENTS + 1):
        report = codec.encode(messages.BY_KIND[topics.EVENTS], events(event(("close", "open")[seq % 2], seq)))
        sent = board.publish_unheard(topics.topic(board.name, topics.EVENTS), report)
    sent.wait_for_publish(PATIENCE_S)
    until(lambda: ingest.waiting == MOST_WAITING, "as many messages as may wait")
    held.may_write.set()
    until(lambda: rows(app, "SELECT count(*) FROM mailbox_events") == [(EVENTS,)], "every event to be stored")
    ingest.stop()
    assert ingest.waiting == 0
    board.leave()
