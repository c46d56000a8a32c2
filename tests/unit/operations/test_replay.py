"""What lies in the DLQ is tried again once, and what it brought about is undone first."""

import threading

import pytest

from cloud import pipeline
from cloud.errors import NotFoundError, RefusedError, RetryLaterError
from cloud.operations.replay import Outcome, replay, replay_all
from cloud.ports.event_queue import Event, Parked
from firmware.wire import codec, messages, topics
from tests.databases import execute
from tests.unit.cloud.fakes import FakeDeviceGate, FakeMailer, FakeOcrEngine, deliver, drain, lease, with_ports
from tests.unit.cloud.messages import dlq, event, events, photo, rows, say_bytes, wish_of


@pytest.fixture
def working(app):
    """The application with parts outside that work."""
    return with_ports(app, ocr_engine=FakeOcrEngine(), mailer=FakeMailer())


def parked_ids(app):
    return [one for (one,) in rows(app, "SELECT id FROM jobs WHERE state = 'parked' ORDER BY id")]


def failed(app, home, **ports):
    """Let a letter come and fail; return the id of the entry that it left."""
    broken = with_ports(app, **({"ocr_engine": FakeOcrEngine(), "mailer": FakeMailer()} | ports))
    deliver(broken, home, photo("letter", 1))
    drain(broken)
    (entry_id,) = parked_ids(app)
    return entry_id


def park_message(app, home, *items):
    """Put a good message into the DLQ, as a fault of ours would have."""
    payload = codec.encode(messages.BY_KIND[topics.EVENTS], events(*items))
    with app.database.write() as unit_of_work:
        parked = Parked(topics.EVENTS, "a fault of ours", home.household_id, home.board.thing, payload)
        app.queue.park(unit_of_work, parked)
    return parked_ids(app)[-1]


def test_an_image_that_could_not_be_read_becomes_a_letter_when_it_is_tried_again(app, working, home):
    entry_id = failed(app, home, ocr_engine=FakeOcrEngine(faults=[RefusedError("a model is missing")]))
    assert rows(app, "SELECT state FROM images") == [("failed",)]
    assert replay(app, entry_id).outcome is Outcome.QUEUED
    assert drain(working)[:2] == ["read_image", "analyse_letter"]
    assert rows(app, "SELECT state, reason FROM images") == [("letter", None)]
    assert dlq(app) == []


def test_an_image_of_which_no_letter_was_made_is_looked_at_again_without_reading_it_again(app, working, home):
    deliver(app, home, photo("letter", 1))
    broken = with_ports(app, ocr_engine=FakeOcrEngine())
    while (job := lease(app)) and job.stage != "analyse_letter":
        pipeline.run(broken.ports, app.queue, job)
    pipeline.park(app.ports, app.queue, job, "a fault of ours")
    assert rows(app, "SELECT state FROM images") == [("failed",)]
    (entry_id,) = parked_ids(app)
    replay(app, entry_id)
    assert rows(app, "SELECT state, reason FROM images") == [("read", None)]
    drain(working)
    assert working.ports.ocr_engine.readings == 0
    assert parked_ids(app) == []
    assert rows(app, "SELECT state FROM images") == [("letter",)]


def test_a_mail_that_failed_is_sent_once(app, working, home):
    entry_id = failed(app, home, mailer=FakeMailer([RefusedError("no such mailbox")]))
    replay(app, entry_id)
    drain(working)
    assert len(working.ports.mailer.sent) == 1
    assert rows(app, "SELECT state, reason FROM mail_outbox") == [("sent", None)]


def test_a_message_is_taken_with_the_time_of_its_arrival(app, home):
    entry_id = park_message(app, home, event("open", 1, occurred_at=None, age_ms=5000))
    execute(app, "UPDATE jobs SET created_at = created_at - 3600000")
    (came_at,) = rows(app, "SELECT created_at FROM jobs")[0]
    replayed = replay(app, entry_id)
    assert replayed.outcome is Outcome.TAKEN
    assert [link.kind for link in replayed.downlinks] == [topics.DESIRED]
    assert rows(app, "SELECT occurred_at FROM mailbox_events") == [(came_at - 5000,)]
    assert dlq(app) == []


def test_a_board_is_told_by_the_server_that_its_message_was_taken_after_all(app, home):
    entry_id = park_message(app, home, event("open", 1), event("close", 2))
    replay(app, entry_id)
    job = lease(app)
    assert job.stage == "tell_device"
    with pytest.raises(RetryLaterError, match="expected the running server to tell"):
        pipeline.run(app.ports, app.queue, job)
    app.queue.retry(job, 0, "no server runs yet")
    gate = FakeDeviceGate()
    assert drain(with_ports(app, device_gate=gate)) == ["tell_device", "tell_device"]
    assert {link.thing for link in gate.told} == {home.board.thing, home.gateway.thing}
    assert wish_of(gate.told, home.board)["ack"]["seq"] == 2
    assert wish_of(gate.told, home.gateway)["capture"]["event_id"] == event("close", 2)["event_id"]


def test_who_is_gone_or_was_never_known_is_told_nothing(app, home):
    entry_id = park_message(app, home, event("open", 1))
    replay(app, entry_id)
    execute(app, "UPDATE devices SET deleted_at = 1")
    gate = FakeDeviceGate()
    drain(with_ports(app, device_gate=gate))
    assert gate.told == []


def test_a_message_that_is_refused_again_stays_with_its_new_reason(app, home):
    say_bytes(app, home.board.thing, topics.EVENTS, b"no JSON")
    (entry_id,) = parked_ids(app)
    execute(app, "UPDATE jobs SET reason = 'an older reason'")
    assert replay(app, entry_id).outcome is Outcome.PARKED
    assert parked_ids(app) == [entry_id]
    assert "expected JSON" in dlq(app)[0][1]


def test_an_entry_is_replayed_once_however_many_ask(app, home):
    entry_id = park_message(app, home, event("open", 1), event("close", 2))
    outcomes = []

    def ask():
        try:
            outcomes.append(replay(app, entry_id).outcome)
        except NotFoundError:
            outcomes.append("gone")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["gone", "gone", "gone", "taken"]
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(2,)]
    assert rows(app, "SELECT count(*) FROM jobs WHERE stage = 'settle_episode'") == [(1,)]


def test_another_households_entry_is_not_found(app, home):
    entry_id = park_message(app, home, event("open", 1))
    with pytest.raises(NotFoundError):
        replay(app, entry_id, "01900000-0000-7000-8000-000000000000")
    assert parked_ids(app) == [entry_id]


def test_the_bytes_of_a_refused_upload_were_not_kept(app, home):
    with app.database.write() as unit_of_work:
        app.queue.park(unit_of_work, Parked("uploads", "expected a JPEG", home.household_id, "image-1"))
    (entry_id,) = parked_ids(app)
    assert replay(app, entry_id).outcome is Outcome.IMPOSSIBLE
    assert parked_ids(app) == [entry_id]


def test_all_are_replayed_or_those_of_one_reason(app, home):
    for seq in (1, 3, 5):
        park_message(app, home, event("open", seq))
    say_bytes(app, home.board.thing, topics.EVENTS, b"100% no_JSON")
    assert [one.outcome for one in replay_all(app, "100%_")] == []
    assert [one.outcome for one in replay_all(app, "fault of ours")] == [Outcome.TAKEN] * 3
    assert [one.outcome for one in replay_all(app)] == [Outcome.PARKED]
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(3,)]


def test_work_whose_subject_is_gone_is_parked_again(app, home):
    with app.database.write() as unit_of_work:
        app.queue.put(unit_of_work, "send_mail", Event("mail_queued", home.household_id, "no-mail"))
    drain(app)
    (entry_id,) = parked_ids(app)
    replay(app, entry_id)
    drain(app)
    assert parked_ids(app) == [entry_id]
