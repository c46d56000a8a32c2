"""What devices say that cannot be taken is kept with its reason, and yet no device fills the disk with it."""

import hashlib

import pytest

from cloud.adapters.local import event_queue_parking as parking
from cloud.operations.replay import Outcome, replay
from cloud.ports.event_queue import TOO_MANY
from firmware.wire import topics
from tests.conftest import make_home
from tests.unit.cloud.messages import dlq, event, events, rows, say, say_bytes


def entries(app):
    """Return what the operator sees of the DLQ, oldest first."""
    with app.database.read() as unit_of_work:
        return [app.dlq.entry(unit_of_work, one.id) for one in app.dlq.entries(unit_of_work, 1000)[::-1]]


def junk(number, size=100):
    return b"{%d " % number + b"x" * size


def test_a_message_that_comes_again_is_counted_in_its_entry(app, home):
    for _ in range(50):
        say_bytes(app, home.board.thing, topics.EVENTS, b"no JSON")
    (entry,) = entries(app)
    assert (entry.times, entry.payload) == (50, b"no JSON")
    assert entry.parked_at >= entry.came_at
    with app.database.read() as unit_of_work:
        (told,) = app.dlq.of_household(unit_of_work, home.household_id, 10)
    assert told.times == 50


def test_only_what_is_the_same_of_the_same_device_is_one_entry(app, home):
    other = make_home(app, "other@example.org")
    for thing in (home.board.thing, other.board.thing):
        for kind in (topics.EVENTS, topics.HEARTBEAT):
            for content in (b"no JSON", b"nor this"):
                say_bytes(app, thing, kind, content)
    assert [entry.times for entry in entries(app)] == [1] * 8


def test_an_entry_that_was_dropped_is_not_counted_on(app, home):
    say_bytes(app, home.board.thing, topics.EVENTS, b"no JSON")
    with app.database.write() as unit_of_work:
        app.dlq.take_out(unit_of_work, entries(app)[0])
    say_bytes(app, home.board.thing, topics.EVENTS, b"no JSON")
    assert [entry.times for entry in entries(app)] == [1]


def test_a_message_with_several_faults_is_one_entry_that_names_them_all(app, home):
    say(app, home.board, topics.EVENTS, events(event("open", 1, occurred_at=1), event("close", 2, occurred_at=2)))
    ((_, reason),) = dlq(app)
    assert all(event(kind, seq)["event_id"] in reason for kind, seq in (("open", 1), ("close", 2)))


@pytest.mark.parametrize(
    ("size", "kept"), [(100, parking.MOST_ENTRIES), (100_000, parking.MOST_BYTES // 100_010)], ids=["many", "large"]
)
def test_no_device_fills_the_disk_and_nothing_is_lost_silently(app, home, size, kept):
    sent = parking.MOST_ENTRIES + 20
    for number in range(sent):
        say_bytes(app, home.board.thing, topics.EVENTS, junk(number, size))
    *whole, more = entries(app)
    assert len(whole) == kept
    assert [entry.payload for entry in whole] == [junk(number, size) for number in range(kept)]
    assert (more.stage, more.subject_id, more.times) == (TOO_MANY, home.board.thing, sent - kept)
    last = junk(sent - 1, size)
    assert more.payload == last[: parking.MOST_HEAD]
    assert f"got {sent - kept} more" in more.reason
    assert f"events of {len(last):,} bytes with the SHA-256 {hashlib.sha256(last).hexdigest()}" in more.reason
    assert "expected JSON in UTF-8" in more.reason


def test_one_device_leaves_the_others_their_room(app, home):
    for number in range(parking.MOST_ENTRIES + 1):
        say_bytes(app, home.board.thing, topics.EVENTS, junk(number))
    say_bytes(app, home.gateway.thing, topics.IMAGES, junk(0))
    assert entries(app)[-1].payload == junk(0)


def test_what_is_dropped_makes_room_and_what_is_only_counted_cannot_be_tried_again(app, home):
    for number in range(parking.MOST_ENTRIES + 1):
        say_bytes(app, home.board.thing, topics.EVENTS, junk(number))
    first, *_, more = entries(app)
    assert replay(app, more.id).outcome is Outcome.IMPOSSIBLE
    with app.database.write() as unit_of_work:
        app.dlq.take_out(unit_of_work, first)
    say_bytes(app, home.board.thing, topics.EVENTS, junk(1000))
    assert entries(app)[-1].payload == junk(1000)


def test_strangers_are_bounded_too(app):
    for number in range(parking.MOST_ENTRIES + 5):
        say_bytes(app, "board-of-nowhere", topics.EVENTS, junk(number))
    assert len(entries(app)) == parking.MOST_ENTRIES + 1
    assert rows(app, "SELECT count(*) FROM jobs WHERE household_id IS NULL") == [(parking.MOST_ENTRIES + 1,)]


def test_how_it_was_kept_is_counted(app, home):
    for number in (*range(parking.MOST_ENTRIES + 2), 0):
        say_bytes(app, home.board.thing, topics.EVENTS, junk(number))
    told = app.metrics.exposed(lambda: ()).decode()
    for kept, number in (("whole", parking.MOST_ENTRIES), ("repeated", 1), ("counted", 2)):
        line = f'pillarbox_ingest_parked_messages_total{{kind="events",outcome="{kept}"}}'
        assert f"{line} {number}.0" in told


def test_a_message_that_was_parked_before_this_was_counted_came_once(app, home):
    say_bytes(app, home.board.thing, topics.EVENTS, b"no JSON")
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE jobs SET tries = 0")
    assert entries(app)[0].times == 1
    say_bytes(app, home.board.thing, topics.EVENTS, b"no JSON")
    assert entries(app)[0].times == 2
