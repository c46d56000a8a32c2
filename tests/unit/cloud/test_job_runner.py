"""The local job runner: woken by work, asleep without, and never ended by a fault."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.local.event_queue import KEEP_DONE_MS, JobsTableQueue
from cloud.errors import RetryLaterError
from cloud.mail.model import Mail
from cloud.mail.repository import MailRepository
from cloud.ports.event_queue import Event
from cloud.worker.jobs import LONGEST_PAUSE_MS, JobRunner, pause_ms
from tests.databases import execute
from tests.unit.cloud.fakes import FakeMailer, FakeOcrEngine, deliver, with_ports
from tests.unit.cloud.messages import dlq, now, photo, rows
from tests.waiting import until

HOUR_MS = 3_600_000


@pytest.fixture
def runner(app):
    runner = JobRunner(app.queue, workers=2)
    runner.start()
    yield runner
    runner.stop()


def put(app, home, stage="settle_episode", subject="nobody", not_before=0):
    with app.database.write() as unit_of_work:
        app.queue.put(unit_of_work, stage, Event("x", home.household_id, subject, not_before))


def done(app, number):
    query = "SELECT count(*) FROM jobs WHERE state = 'done'"
    until(lambda: rows(app, query) == [(number,)], lambda: f"{number} jobs done, got {rows(app, query)}")


def mail(home):
    return Mail(
        id="mail-1",
        household_id=home.household_id,
        dedupe_key="mail-1",
        recipient="owner@example.org",
        subject="hello",
        content=b"Subject: hello",
        created_at=now(),
    )


def test_a_commit_wakes_a_worker(runner, app, home):
    for number in range(1, 4):
        put(app, home)
        done(app, number)
    assert runner is not None


def test_a_collection_is_settled_by_the_runner(runner, app, home):
    deliver(app, home)
    until(lambda: rows(app, "SELECT kind FROM episodes") == [("collection",)], "the episode to be settled")
    assert runner is not None


def test_a_delayed_job_waits_for_its_time_and_holds_up_nobody(runner, app, home):
    put(app, home, not_before=now() + HOUR_MS)
    put(app, home)
    done(app, 1)
    put(app, home, not_before=now() + 300)
    done(app, 2)
    _, late = rows(app, "SELECT visible_at, ended_at FROM jobs WHERE state = 'done' ORDER BY visible_at")
    assert late[1] >= late[0]
    assert rows(app, "SELECT count(*) FROM jobs WHERE state = 'waiting'") == [(1,)]
    assert runner is not None


def test_work_that_a_dead_server_had_leased_is_taken_up_at_once(app, home):
    put(app, home)
    assert app.queue.lease(("settle_episode",), 24 * 3600 * 1000)
    runner = JobRunner(app.queue, workers=1)
    runner.start()
    done(app, 1)
    runner.stop()


def test_a_mail_that_the_disk_refuses_is_sent_once_the_disk_takes_it(runner, app, home):
    outbox = app.settings.data / "outbox"
    outbox.write_text("no folder")
    with app.database.write() as unit_of_work:
        MailRepository(unit_of_work).add(mail(home))
        app.queue.put(unit_of_work, "send_mail", Event("mail_queued", home.household_id, "mail-1"))
    until(lambda: rows(app, "SELECT tries FROM jobs WHERE tries > 1"), "a second try")
    outbox.unlink()
    done(app, 1)
    assert [file.read_bytes() for file in outbox.glob("*.eml")] == [b"Subject: hello"]
    assert rows(app, "SELECT state FROM mail_outbox") == [("sent",)]
    assert runner is not None


def test_a_mail_server_that_hangs_holds_up_mails_alone(app, home):
    begun, ending = threading.Event(), threading.Event()

    class SlowMailer(FakeMailer):
        def send(self, mail):
            begun.set()
            ending.wait()
            return super().send(mail)

    object.__setattr__(app, "ports", with_ports(app, mailer=SlowMailer()).ports)
    with app.database.write() as unit_of_work:
        MailRepository(unit_of_work).add(mail(home))
        app.queue.put(unit_of_work, "send_mail", Event("mail_queued", home.household_id, "mail-1"))
    runner = JobRunner(app.queue, workers=1)
    runner.start()
    assert begun.wait(60)
    put(app, home)
    done(app, 1)
    ending.set()
    done(app, 2)
    runner.stop()


class BrokenQueue(JobsTableQueue):
    """A queue whose first leases fail, each in another way."""

    def __init__(self, database, faults):
        super().__init__(database)
        self._faults = faults

    def lease(self, stages, *what, **how):
        if "settle_episode" in stages and self._faults:
            raise self._faults.pop(0)
        return super().lease(stages, *what, **how)


@pytest.mark.parametrize("fault", [RetryLaterError("busy"), ValueError("a bug"), MemoryError()])
def test_no_fault_ends_a_worker(app, home, fault):
    put(app, home)
    runner = JobRunner(BrokenQueue(app.database, [fault]), workers=1)
    runner.start()
    done(app, 1)
    runner.stop()


def test_an_idle_runner_does_not_look_again_until_there_is_work(app, home):
    class CountedQueue(JobsTableQueue):
        looks = 0

        def lease(self, *what, **how):
            CountedQueue.looks += 1
            return super().lease(*what, **how)

    queue = CountedQueue(app.database)
    runner = JobRunner(queue, workers=2)
    runner.start()
    until(lambda: CountedQueue.looks == 4, "every thread to look once")
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE households SET name = 'x'")
    assert not threading.Event().wait(0.3)
    assert CountedQueue.looks == 4
    runner.stop()
    assert home is not None


def test_a_stopped_runner_leaves_no_thread(app):
    runner = JobRunner(app.queue, workers=2)
    runner.start()
    before = time.monotonic()
    runner.stop()
    assert time.monotonic() - before < 10
    names = {thread.name for thread in threading.enumerate()}
    assert not {"reader", "sender", "worker-1", "worker-2"} & names


def test_jobs_done_long_ago_are_forgotten_and_the_dlq_is_kept(app, home):
    for _ in range(3):
        put(app, home)
    jobs = [app.queue.lease(("settle_episode",), 60_000) for _ in range(3)]
    with app.database.write() as unit_of_work:
        app.queue.finish(unit_of_work, jobs[0])
        app.queue.finish(unit_of_work, jobs[1])
        app.queue.fail(unit_of_work, jobs[2], "a reason")
    longer = KEEP_DONE_MS + 1
    execute(app, "UPDATE jobs SET ended_at = ended_at - :longer WHERE id <> :id", longer=longer, id=jobs[1].job_id)
    app.queue.forget_done()
    assert [(state,) for _, state in rows(app, "SELECT id, state FROM jobs ORDER BY id")] == [("done",), ("parked",)]
    assert len(dlq(app)) == 1


@given(st.integers(1, 1000), st.floats(0, 1))
def test_pauses_double_up_to_ten_minutes_and_are_spread(tries, jitter):
    pause = pause_ms(tries, jitter)
    longest = min(500 * 2 ** (tries - 1), LONGEST_PAUSE_MS)
    assert longest // 2 <= pause <= longest


def test_a_job_that_outlasts_the_end_is_given_back(app, home):
    begun, ending = threading.Event(), threading.Event()

    class SlowEngine(FakeOcrEngine):
        def read(self, image):
            begun.set()
            ending.wait()
            return super().read(image)

    object.__setattr__(app, "ports", with_ports(app, ocr_engine=SlowEngine()).ports)
    deliver(app, home, photo())
    runner = JobRunner(app.queue, workers=1)
    runner.start()
    assert begun.wait(60)
    assert not runner.stop(0.05)
    assert rows(app, "SELECT state, lease_until FROM jobs WHERE stage = 'read_image'") == [("waiting", None)]
    ending.set()
    assert runner.stop(60)
    assert runner.fault() == "ended: reader, sender, worker-1"
    assert rows(app, "SELECT state FROM jobs WHERE stage = 'read_image'") == [("done",)]
