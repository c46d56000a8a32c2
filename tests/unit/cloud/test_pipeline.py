"""The pipeline's driver: each job has one effect, comes again after a passing fault, and is parked for any other."""

from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from cloud import pipeline
from cloud.adapters.local.mailer_folder import FolderMailer
from cloud.devices.repository import DeviceRegister
from cloud.errors import RefusedError, RetryLaterError
from cloud.images import gallery
from cloud.images.repository import ImageRepository
from cloud.mail.repository import MailRepository
from cloud.notifications.repository import AlarmRepository
from cloud.notifications.standing import VIBRATION, Standing
from cloud.pipeline import INBOUND, PIPELINE, STAGES, TAKEN_TOGETHER
from cloud.ports.event_queue import Event
from firmware.wire import topics
from tests.conftest import make_home
from tests.unit.cloud.fakes import FakeDeviceGate, FakeMailer, FakeOcrEngine, deliver, drain, lease, with_ports
from tests.unit.cloud.messages import dlq, event, photo, rows, say_bytes, say_events

PASSING = RetryLaterError("not now")


@pytest.fixture
def app(app):
    return with_ports(app, ocr_engine=FakeOcrEngine(), mailer=FakeMailer())


def outcome(app):
    """Return what the household has: letters, mails sent, episodes settled, entries of the DLQ."""
    return (
        rows(app, "SELECT count(*) FROM letters")[0][0],
        len(app.ports.mailer.sent),
        rows(app, "SELECT count(*) FROM episodes WHERE settled_at IS NOT NULL")[0][0],
        len(dlq(app)),
    )


def test_every_event_has_a_stage_and_every_stage_an_event():
    events = [name for stage in PIPELINE for name in stage.on]
    assert sorted(set(events)) == sorted(events)
    assert all(stage.on for stage in PIPELINE)
    assert {*INBOUND, *TAKEN_TOGETHER} == set(topics.UP)


def test_a_letter_goes_all_the_way(app, home):
    deliver(app, home, photo())
    assert drain(app) == [
        "read_image",
        "settle_episode",
        "analyse_letter",
        "settle_episode",
        "write_notification",
        "send_mail",
    ]
    assert outcome(app) == (1, 1, 1, 0)
    assert rows(app, "SELECT sender, due_date, amount FROM letters") == [
        ("Northmoor Energy Ltd", "2026-12-07", "84.20")
    ]
    mail = message_from_bytes(app.ports.mailer.sent[0].content, policy=default)
    assert mail["X-Pillarbox-Delivery"] == rows(app, "SELECT id FROM episodes")[0][0]
    assert mail["To"].addresses[0].addr_spec == "owner@example.org"


def test_two_images_of_one_delivery_are_one_mail(app, home):
    deliver(app, home, photo("one", 1), photo("two", 2))
    drain(app)
    assert outcome(app) == (1, 1, 1, 0)  # the same words twice in one delivery are one letter
    assert rows(app, "SELECT state FROM images ORDER BY id") == [("letter",), ("duplicate",)]


def test_the_same_letter_again_in_another_delivery_is_a_new_letter_unless_the_image_is_the_same(app, home):
    deliver(app, home, photo("one", 1))
    deliver(app, home, photo("two", 2), seq=4)
    deliver(app, home, photo("three", 1), seq=6)
    drain(app)
    assert outcome(app) == (2, 3, 3, 0)


def test_every_stage_comes_again_after_a_passing_fault(app, home):
    app.ports.ocr_engine.faults[:] = [PASSING]
    app.ports.mailer.faults[:] = [PASSING]
    deliver(app, home, photo())
    again = 0
    while job := lease(app):
        try:
            pipeline.run(app.ports, app.queue, job)
        except RetryLaterError:
            app.queue.retry(job, 0, "again")
            again += 1
    assert again == 2
    assert outcome(app) == (1, 1, 1, 0)


def test_a_fault_that_does_not_pass_is_given_up_and_the_delivery_is_told_without_it(app, home):
    app.ports.ocr_engine.faults[:] = [PASSING] * 100
    deliver(app, home, photo())
    job = next(job for job in iter(lambda: lease(app), None) if job.stage == "read_image")
    last = replace(job, tries=STAGES["read_image"].max_tries)
    with pytest.raises(RetryLaterError):
        pipeline.run(app.ports, app.queue, replace(last, tries=last.tries - 1))
    pipeline.run(app.ports, app.queue, last)
    app.queue.recover()
    drain(app)
    assert dlq(app) == [("read_image", "gave up after 8 tries: not now")]
    assert outcome(app) == (0, 1, 1, 1)
    assert rows(app, "SELECT state, reason FROM images") == [("failed", "gave up after 8 tries: not now")]


def test_an_image_that_nobody_can_read_is_parked_and_its_delivery_told(app, home):
    app.ports.ocr_engine.faults[:] = [RefusedError("expected a page, got a hole")]
    deliver(app, home, photo("bad", 1), photo("good", 2))
    drain(app)
    assert dlq(app) == [("read_image", "expected a page, got a hole")]
    assert outcome(app) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "no text found: a blank page, or an image too blurred to read"),
        (("Northmoor Energy",), "no letter: only 2 words could be read"),
    ],
)
def test_an_image_that_shows_no_letter_is_no_fault_and_its_delivery_is_told(app, home, words, reason):
    blank = with_ports(app, ocr_engine=FakeOcrEngine(words=words))
    deliver(blank, home, photo())
    drain(blank)
    assert outcome(app) == (0, 1, 1, 0)
    assert rows(app, "SELECT state, reason FROM images") == [("no_letter", reason)]
    assert rows(app, "SELECT subject FROM mail_outbox") == [("Something came, but the image shows no letter",)]


@pytest.mark.parametrize("stage", ["read_image", "analyse_letter"])
def test_what_its_owner_deleted_before_its_turn_is_simply_done(app, home, stage):
    deliver(app, home, photo("kept", 1), photo("deleted", 2))
    with app.database.read() as unit_of_work:
        image = ImageRepository(unit_of_work).named(home.gateway, "deleted")
    while (job := lease(app)) and (job.stage, job.event.subject_id) != (stage, image.id):
        pipeline.run(app.ports, app.queue, job)
    with app.database.write() as unit_of_work:
        number = ImageRepository(unit_of_work).number_of(image)
        gallery.remove(unit_of_work, home.household_id, number)
    assert pipeline.run(app.ports, app.queue, job)
    drain(app)
    assert outcome(app) == (1, 1, 1, 0)
    assert rows(app, "SELECT image_count FROM episodes") == [(1,)]


def test_the_letter_of_a_camera_that_was_deleted_meanwhile_is_kept(app, home):
    deliver(app, home, photo())
    with app.database.write() as unit_of_work:
        DeviceRegister(unit_of_work).remove(home.gateway)
    drain(app)
    assert dlq(app) == []
    assert rows(app, "SELECT mailbox_id FROM letters") == [(home.mailbox_id,)]


def test_an_alarm_about_a_device_that_was_deleted_meanwhile_is_told_to_nobody(app, home):
    with app.database.write() as unit_of_work:
        standing = Standing(home.board.id, home.household_id, None, None, None, None)
        alarm_id = AlarmRepository(unit_of_work).add(standing, VIBRATION)
        pipeline.put_all(app.queue, unit_of_work, [Event("alarm_raised", home.household_id, alarm_id)])
        DeviceRegister(unit_of_work).remove(home.board)
    assert drain(app) == ["write_alarm"]
    assert outcome(app) == (0, 0, 0, 0)


def test_a_job_that_takes_its_process_down_each_time_is_given_up_in_the_end(app, home):
    deliver(app, home, photo())
    job = next(job for job in iter(lambda: lease(app), None) if job.stage == "read_image")
    pipeline.run(app.ports, app.queue, replace(job, tries=500))
    assert dlq(app) == [("read_image", "gave up: 499 tries ended without an answer")]
    assert app.ports.ocr_engine.readings == 0


def test_a_job_that_is_given_out_twice_has_one_effect(app, home):
    deliver(app, home, photo())
    while job := lease(app):
        for _ in range(2):
            pipeline.run(app.ports, app.queue, job)
    assert outcome(app) == (1, 1, 1, 0)
    assert app.ports.ocr_engine.readings == 1


def test_two_workers_that_hold_the_same_job_have_one_effect(app, home):
    deliver(app, home, photo())
    while job := lease(app):
        stage = STAGES[job.stage]
        first = stage.perform(app.ports, job.event) if stage.perform else None
        pipeline.run(app.ports, app.queue, job)  # the other worker, which is faster
        with app.database.write() as unit_of_work:
            if app.queue.finish(unit_of_work, job):
                pipeline.put_all(app.queue, unit_of_work, stage.handle(unit_of_work, job.event, first))
    assert rows(app, "SELECT count(*) FROM letters") == [(1,)]
    assert rows(app, "SELECT count(*) FROM mail_outbox WHERE state = 'sent'") == [(1,)]


class PowerCutError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("stage", [stage.name for stage in PIPELINE])
def test_a_crash_between_the_slow_part_and_the_commit_repeats_the_job_and_nothing_else(app, home, stage):
    app = with_ports(app, mailer=FolderMailer(app.settings.data / "outbox"), device_gate=FakeDeviceGate())
    deliver(app, home, photo())
    ((episode_id,),) = rows(app, "SELECT id FROM episodes")
    others = [("image_deleted", "0" * 64), ("device_deleted", home.gateway.id)]
    others += [("answer_owed", home.board.id), ("board_left", home.board.id)]
    if stage == "write_alarm":
        others.append(("door_left_open", episode_id))
    if stage == "write_reset":
        ((user_id,),) = rows(app, "SELECT id FROM users")
        others.append(("reset_asked", user_id))
    mails = 2 if stage in {"write_alarm", "write_reset"} else 1
    with app.database.write() as unit_of_work:
        pipeline.put_all(app.queue, unit_of_work, [Event(name, home.household_id, subject) for name, subject in others])
    crashed = False
    while job := lease(app):
        if job.stage == stage and not crashed:
            crashed = True
            with pytest.raises(PowerCutError):
                _run_into_power_cut(app, job)
            app.queue.recover()
        else:
            pipeline.run(app.ports, app.queue, job)
    assert crashed
    assert rows(app, "SELECT count(*) FROM letters") == [(1,)]
    assert rows(app, "SELECT count(*), min(state) FROM mail_outbox") == [(mails, "sent")]
    assert len(list((app.settings.data / "outbox").glob("*.eml"))) == mails


def _run_into_power_cut(app, job):
    stage = STAGES[job.stage]
    result = stage.perform(app.ports, job.event) if stage.perform else None
    with app.database.write() as unit_of_work:
        app.queue.finish(unit_of_work, job)
        pipeline.put_all(app.queue, unit_of_work, stage.handle(unit_of_work, job.event, result))
        raise PowerCutError


def test_a_mail_that_a_provider_refuses_is_failed_with_the_reason(app, home):
    app.ports.mailer.faults[:] = [RefusedError("550 no such user")]
    deliver(app, home, photo())
    drain(app)
    assert rows(app, "SELECT state, reason FROM mail_outbox") == [("failed", "550 no such user")]
    assert dlq(app) == [("send_mail", "550 no such user")]


def test_a_mail_waits_for_days_for_a_provider_that_is_down():
    assert STAGES["send_mail"].max_tries * 450 > 4 * 24 * 3600  # pauses grow to 7.5 minutes on average


def test_a_job_about_what_nobody_can_delete_and_is_not_there_is_parked(app, home):
    for stage in ("write_notification", "write_alarm", "send_mail"):
        with app.database.write() as unit_of_work:
            app.queue.put(unit_of_work, stage, Event("x", home.household_id, "nobody"))
    drain(app)
    assert [stage for stage, _ in dlq(app)] == ["write_notification", "write_alarm", "send_mail"]
    assert all("expected" in reason for _, reason in dlq(app))


def test_a_delivery_without_any_camera_is_told_in_words_when_its_time_has_come(app, home):
    impatient = with_ports(app, settle_ms=0)
    say_events(impatient, home.board, event("open", 1), event("close", 2))
    drain(impatient)
    assert outcome(app) == (0, 1, 1, 0)


def test_a_collection_is_settled_and_told_to_nobody(app, home):
    deliver(app, home)
    drain(app)
    assert outcome(app) == (0, 0, 1, 0)
    assert rows(app, "SELECT kind FROM episodes") == [("collection",)]


def test_an_image_that_never_comes_does_not_hold_its_delivery_for_ever(app, home):
    impatient = with_ports(app, settle_ms=0)
    deliver(impatient, home, photo(), count=2)
    drain(impatient)
    assert outcome(app)[1:] == (1, 1, 0)


def test_a_late_image_is_read_but_its_delivery_is_told_once(app, home):
    impatient = with_ports(app, settle_ms=0)
    say_events(impatient, home.board, event("open", 1), event("close", 2))
    drain(impatient)
    deliver(app, home, photo())
    drain(app)
    assert outcome(app) == (1, 1, 1, 0)


def test_households_get_their_own_letters_only(app, home):
    other = make_home(app, "other@example.org")
    deliver(app, home, photo("one", 1))
    deliver(app, other, photo("two", 2))
    drain(app)
    for one in (home, other):
        with app.database.read() as unit_of_work:
            mails = MailRepository(unit_of_work).headings(one.household_id, 10)
        assert len(mails) == 1
    assert {mail.recipient for mail in app.ports.mailer.sent} == {"owner@example.org", "other@example.org"}


def test_the_same_image_in_two_households_is_read_in_both(app, home):
    other = make_home(app, "other@example.org")
    deliver(app, home, photo("one", 1))
    deliver(app, other, photo("two", 1))
    drain(app)
    assert rows(app, "SELECT count(*), count(DISTINCT household_id) FROM letters") == [(2, 2)]
    with app.database.read() as unit_of_work:
        assert ImageRepository(unit_of_work).letter_of(other.household_id, photo("two", 1).sha256)


def test_a_message_of_an_unknown_device_is_kept_for_the_operator(app):
    assert say_bytes(app, "board-nobody", "events", b'{"v": 1}') == []
    assert rows(app, "SELECT stage, reason, household_id, subject_id, payload FROM jobs") == [
        ("events", "expected a message of a known device, got one of 'board-nobody'", None, "board-nobody", b'{"v": 1}')
    ]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "expected JSON in UTF-8"),
        (b"\xff\xfe", "expected JSON in UTF-8"),
        (b"[" * 100_000, "expected JSON in UTF-8"),
        (b"[]", "expected an object, got a list of 0"),
        (b'{"v": 2}', "v: expected 1, got 2"),
        (b'{"v": 1}', "fw: expected text of 1 to 32 characters, got nothing"),
        (b" " * 200_000, "expected at most 131072 bytes"),
        (b"", "expected JSON in UTF-8"),
    ],
)
@pytest.mark.parametrize("kind", ["events", "heartbeat"])
def test_a_malformed_message_is_parked_with_its_reason(app, home, kind, payload, reason):
    say_bytes(app, home.board.thing, kind, payload)
    (stage, why), *others = dlq(app)
    assert (stage, others) == (kind, [])
    assert reason in why
    assert rows(app, "SELECT household_id, subject_id, payload FROM jobs") == [
        (home.household_id, home.board.thing, payload)
    ]


def test_a_job_that_ended_is_not_parked_any_more(app, home):
    deliver(app, home, photo())
    job = lease(app)
    pipeline.run(app.ports, app.queue, job)
    pipeline.park(app.ports, app.queue, job, "too late")
    assert dlq(app) == []


def test_parking_a_job_of_a_stage_without_consequence_just_parks_it(app, home):
    with app.database.write() as unit_of_work:
        app.queue.put(unit_of_work, "settle_episode", Event("x", home.household_id, "nobody"))
    pipeline.park(app.ports, app.queue, lease(app), "a reason")
    assert dlq(app) == [("settle_episode", "a reason")]
