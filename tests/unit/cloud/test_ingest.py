"""Ingest: one commit a group, acknowledged and answered only after it, and one bad message parked alone."""

import itertools
import threading
from dataclasses import dataclass, field

import pytest

from cloud import bootstrap
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.errors import RetryLaterError
from cloud.ports.device_hub import DeviceMessage, Downlink
from cloud.worker.ingest import Ingest
from cloud.worker.lane import newest
from firmware.wire import codec, messages, topics
from tests.conftest import make_home
from tests.databases import MARIADB, poisoned
from tests.unit.cloud.messages import announcement, dlq, event, events, now, photo, rows
from tests.waiting import PATIENCE_S, until


@dataclass
class FakeHub:
    """Devices that speak when told to; keeps what they are sent and which messages were acknowledged."""

    take: object = None
    connected: object = None
    sent: list[Downlink] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    refuses: tuple[str, ...] = ()
    stopped: bool = False
    held_up: list[bool] = field(default_factory=list)

    def start(self, take, connected):
        self.take, self.connected = take, connected

    def hold_up(self):
        self.held_up.append(True)

    def go_on(self):
        self.held_up.append(False)

    def publish(self, downlink):
        if downlink.kind in self.refuses:
            raise codec.WireError("expected something else")
        self.sent.append(downlink)

    def stop(self):
        self.stopped = True

    def say(self, number, device, kind, message):
        payload = message if isinstance(message, bytes) else codec.encode(messages.BY_KIND[kind], message)
        self.take(DeviceMessage(device.thing, kind, payload, now()), lambda: self.acknowledged.append(number))


@pytest.fixture
def hub():
    return FakeHub()


@pytest.fixture
def ingest(app, hub):
    ingest = Ingest(app, hub, bootstrap.databases_beside(app))
    ingest.start()
    yield ingest
    ingest.stop()


@pytest.fixture
def boards(app):
    """Boards of some households."""
    return [make_home(app, f"{number}@example.org").board for number in range(6)]


def acknowledged(hub, *numbers):
    until(lambda: sorted(hub.acknowledged) == sorted(numbers), lambda: f"{numbers}, got {hub.acknowledged}")


def test_a_message_is_acknowledged_and_answered_after_its_commit(ingest, app, home, hub):
    hub.say(1, home.board, topics.EVENTS, events(event("open", 1), event("close", 2)))
    acknowledged(hub, 1)
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(2,)]
    assert {link.thing for link in hub.sent} == {home.board.thing, home.gateway.thing}
    assert ingest is not None


def say_at_once(hub, board, *seqs):
    """Have events said, as messages 0, 1, 2 and so on, before the thread starts, so that they are one group."""
    gathered = []
    hub.take = lambda message, done: gathered.append((message, done))
    for number, seq in enumerate(seqs):
        hub.say(number, board, topics.EVENTS, events(event("open", seq)))
    hub.start = lambda take, _connected: [take(*one) for one in gathered]


def test_one_poison_message_is_parked_alone(app, home, hub):
    ingest = Ingest(app, hub)
    say_at_once(hub, home.board, 1, 2, 666, 4, 5)
    with poisoned(app, "INSERT ON mailbox_events", "new.seq = 666"):
        ingest.start()
        acknowledged(hub, 0, 1, 2, 3, 4)
        ingest.stop()
    assert [seq for (seq,) in rows(app, "SELECT seq FROM mailbox_events ORDER BY seq")] == [1, 2, 4, 5]
    ((stage, reason),) = dlq(app)
    assert stage == "events"
    assert reason.startswith("a fault of ours: IntegrityError")
    assert rows(app, "SELECT household_id, subject_id FROM jobs WHERE state = 'parked'") == [
        (home.household_id, home.board.thing)
    ]


def test_a_message_that_cannot_even_be_parked_is_left_and_harms_no_other(app, home, hub, monkeypatch):
    ingest = Ingest(app, hub)
    say_at_once(hub, home.board, 1, 666, 3)
    monkeypatch.setattr(app.queue, "park", lambda *_: 1 / 0)
    with poisoned(app, "INSERT ON mailbox_events", "new.seq = 666"):
        ingest.start()
        acknowledged(hub, 0, 2)
        ingest.stop()
    assert hub.acknowledged == [0, 2]


def test_what_shares_a_commit_is_bounded_by_its_bytes(app, home, hub, monkeypatch):
    monkeypatch.setattr("cloud.worker.lane.MOST_BYTES", 500)
    ingest, commits = Ingest(app, hub), []
    app.database.commits.listen(commits.append)
    say_at_once(hub, home.board, *range(1, 7))
    ingest.start()
    acknowledged(hub, *range(6))
    ingest.stop()
    assert 2 <= len(commits) <= 4  # a message of one event has some 200 bytes


def test_the_broker_is_held_up_while_too_many_messages_wait_and_let_go_on_once_half_are_stored(app, home, hub):
    ingest = Ingest(app, hub, most_waiting=4)
    # Said before the thread starts, so that all of them wait.
    hub.take = ingest._take  # noqa: SLF001 - as the hub calls it
    hub.start = lambda _take, _connected: None
    for seq in range(1, 5):
        hub.say(seq, home.board, topics.EVENTS, events(event("open", seq)))
    assert hub.held_up == []
    fifth = threading.Thread(target=hub.say, args=(5, home.board, topics.EVENTS, events(event("open", 5))))
    fifth.start()
    until(lambda: hub.held_up == [True], "the broker to be held up")
    ingest.start()
    acknowledged(hub, 1, 2, 3, 4, 5)
    fifth.join(PATIENCE_S)
    assert not fifth.is_alive()
    assert hub.held_up[-1] is False
    ingest.stop()


def test_the_reason_of_a_fault_tells_nothing_of_what_was_written(app, home, hub, ingest):
    with poisoned(app, "INSERT ON mailbox_events", "new.seq = 2"):
        hub.say(1, home.board, topics.EVENTS, events(event("open", 1)))
        hub.say(2, home.board, topics.EVENTS, events(event("open", 2)))
        acknowledged(hub, 1, 2)
    ((_, reason),) = dlq(app)
    assert "IntegrityError" in reason
    assert event("open", 2)["event_id"] not in reason
    assert ingest is not None


def test_a_malformed_message_is_acknowledged_and_the_next_one_taken(app, home, hub, ingest):
    hub.say(1, home.board, topics.EVENTS, b"{")
    hub.say(2, home.board, topics.EVENTS, events(event("open", 1)))
    acknowledged(hub, 1, 2)
    assert len(dlq(app)) == 1
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(1,)]
    assert ingest is not None


def test_an_answer_that_cannot_be_sent_holds_up_nobody(home, hub, ingest):
    hub.refuses = (topics.UPLOAD_GRANT,)
    hub.say(1, home.gateway, topics.UPLOAD_REQUEST, photo().request)
    hub.say(2, home.gateway, topics.IMAGES, announcement(event_id="x-1-1"))
    acknowledged(hub, 1, 2)
    assert [link.kind for link in hub.sent] == [topics.DESIRED]
    assert ingest is not None


def test_every_connection_republishes_what_each_device_should_do(home, hub, ingest):
    for _ in range(2):
        hub.sent.clear()
        hub.connected()
        until(lambda: len(hub.sent) == 2, "both devices to be told")
        assert {(link.thing, link.kind) for link in hub.sent} == {
            (home.board.thing, topics.DESIRED),
            (home.gateway.thing, topics.DESIRED),
        }
    assert ingest is not None


def test_a_republished_wish_is_never_older_than_one_sent_before(home, hub, ingest):
    for seq in range(1, 9):
        hub.connected()
        hub.say(seq, home.board, topics.EVENTS, events(event("open", seq)))
        hub.connected()
    acknowledged(hub, *range(1, 9))
    ingest.stop()
    revisions = [link.message["rev"] for link in hub.sent if link.thing == home.board.thing]
    assert revisions == sorted(revisions)


def test_every_device_is_answered_in_the_order_it_spoke_whichever_lane_is_its(ingest, boards, app, hub):
    hub.connected()
    for seq in range(1, 6):
        for number, board in enumerate(boards):
            hub.say(10 * seq + number, board, topics.EVENTS, events(event("open", seq)))
    hub.connected()
    acknowledged(hub, *(10 * seq + number for seq in range(1, 6) for number in range(len(boards))))
    ingest.stop()
    for board in boards:
        said = [link.message for link in hub.sent if link.thing == board.thing]
        assert [one["rev"] for one in said] == sorted(one["rev"] for one in said)
        assert said[-1]["ack"]["seq"] == 5
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(5 * len(boards),)]


def test_followers_hear_of_what_every_lane_stored(ingest, boards, app, hub):
    told = set()
    app.database.commits.listen(told.update)
    for number, board in enumerate(boards):
        hub.say(number, board, topics.EVENTS, events(event("open", 1)))
    until(lambda: told == {board.household_id for board in boards}, "every household to be told")
    assert ingest is not None


@pytest.mark.parametrize("dialect", [MARIADB], indirect=True)
def test_a_lane_that_waits_for_a_row_holds_up_no_other(ingest, app, home, hub):
    held, lane_of = home.board, ingest._lane_of  # noqa: SLF001 - nothing else tells
    others = (make_home(app, f"{number}@example.org").board for number in itertools.count())
    free = next(one for one in others if lane_of(one.thing) is not lane_of(held.thing))
    other_server = bootstrap.open_database(app.settings)
    with other_server.write() as unit_of_work:
        DeviceRepository(unit_of_work).by_things([held.thing])
        hub.say(1, held, topics.EVENTS, events(event("open", 1)))
        hub.say(2, free, topics.EVENTS, events(event("open", 1)))
        acknowledged(hub, 2)
    acknowledged(hub, 1, 2)
    other_server.close()


class BusyDatabase:
    """A database that another process holds for some time."""

    def __init__(self, database, times, fault=RetryLaterError):
        self._database = database
        self._times = times
        self._fault = fault
        self.asked = threading.Event()

    def write(self):
        self.asked.set()
        if self._times:
            self._times -= 1
            raise self._fault("expected the database to answer, it said: database is locked")
        return self._database.write()

    def read(self):
        return self._database.read()


@dataclass
class BusyApplication:
    ports: object
    queue: object
    database: BusyDatabase
    metrics: object


@pytest.mark.parametrize("fault", [RetryLaterError, ZeroDivisionError])
def test_messages_wait_for_a_database_that_is_busy(app, home, hub, fault):
    busy = BusyApplication(app.ports, app.queue, BusyDatabase(app.database, 1, fault), app.metrics)
    ingest = Ingest(busy, hub)
    ingest.start()
    hub.say(1, home.board, topics.EVENTS, events(event("open", 1)))
    acknowledged(hub, 1)
    ingest.stop()
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(1,)]
    assert dlq(app) == []


def test_a_server_that_stops_leaves_what_it_could_not_store_unacknowledged(app, home, hub):
    busy = BusyApplication(app.ports, app.queue, BusyDatabase(app.database, 10**9), app.metrics)
    ingest = Ingest(busy, hub)
    ingest.start()
    hub.say(1, home.board, topics.EVENTS, events(event("open", 1)))
    assert busy.database.asked.wait(30)
    ingest.stop()
    assert hub.acknowledged == []
    assert hub.stopped


def test_what_has_arrived_before_the_stop_is_stored_and_acknowledged(app, home, hub):
    ingest = Ingest(app, hub)
    ingest.start()
    for seq in range(1, 30):
        hub.say(seq, home.board, topics.EVENTS, events(event("open", seq)))
    ingest.stop()
    assert sorted(hub.acknowledged) == list(range(1, 30))


def test_a_stop_lets_go_of_a_hub_that_is_held_up(app, home, hub):
    busy = BusyApplication(app.ports, app.queue, BusyDatabase(app.database, 10**9), app.metrics)
    ingest = Ingest(busy, hub, most_waiting=1)
    ingest.start()
    hub.say(1, home.board, topics.EVENTS, events(event("open", 1)))
    assert busy.database.asked.wait(30)
    hub.say(2, home.board, topics.EVENTS, events(event("close", 2)))
    held_up = threading.Thread(target=hub.say, args=(3, home.board, topics.EVENTS, events(event("open", 3))))
    held_up.start()
    ingest.stop()
    held_up.join(PATIENCE_S)
    assert not held_up.is_alive()
    assert hub.acknowledged == []


def link(thing, kind, number):
    return Downlink(thing, kind, {"rev": number})


def test_of_several_wishes_for_one_device_only_the_last_is_sent():
    links = [link("a", "desired", 1), link("b", "desired", 2), link("a", "uploads/grant", 3), link("a", "desired", 4)]
    assert newest(links) == [links[1], links[2], links[3]]
    assert newest([]) == []


def test_what_others_have_to_tell_is_sent_as_the_devices_row_is_by_then(ingest, app, home, hub):
    with app.database.write() as unit_of_work:
        DeviceRepository(unit_of_work).set_wishes(home.board, {"debounce_ms": 40})
    ingest.tell(Downlink(home.board.thing, topics.DESIRED, {"rev": 1}))
    ingest.tell(Downlink(home.gateway.thing, topics.UPLOAD_GRANT, {"image_id": "a", "stored": True}))
    until(lambda: len(hub.sent) == 2, "both messages")
    sent = {link.kind: dict(link.message) for link in hub.sent}
    assert sent[topics.UPLOAD_GRANT] == {"image_id": "a", "stored": True}
    assert sent[topics.DESIRED]["settings"] == {"debounce_ms": 40}
    assert sent[topics.DESIRED]["rev"] > 1


def test_nothing_is_told_to_a_device_that_was_deleted_meanwhile(ingest, app, home, hub):
    with app.database.write() as unit_of_work:
        DeviceRegister(unit_of_work).remove(home.board)
    for thing in (home.board.thing, home.gateway.thing):
        ingest.tell(Downlink(thing, topics.DESIRED, {"rev": 1}))
    until(lambda: hub.sent, "a message")
    assert {link.thing for link in hub.sent} == {home.gateway.thing}
