"""The promises of every event queue, and what the jobs table promises besides."""

import threading
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import Engine, event

from cloud.adapters.local.dlq import JobsTableDlq
from cloud.adapters.local.event_queue import LONGEST_WAIT_S, JobsTableQueue
from cloud.ports.event_queue import Event, Keeping, Parked
from cloud.tables import households
from tests.databases import SQLITE, Dialect
from tests.waiting import PATIENCE_S

STAGES = ("read_image", "send_mail")
EVENT = Event("image_stored", "household-1", "image-1")


@pytest.fixture
def queue(database):
    return JobsTableQueue(database)


@contextmanager
def rolled_back(database):
    with suppress(ZeroDivisionError), database.write() as unit_of_work:
        yield unit_of_work
        raise ZeroDivisionError


def put(database, queue, event=EVENT, stage="read_image"):
    with database.write() as unit_of_work:
        queue.put(unit_of_work, stage, event)


def parked(database, queue, household_id="household-1"):
    with database.read() as unit_of_work:
        return JobsTableDlq(queue).of_household(unit_of_work, household_id, 10)


def now(database):
    with database.read() as unit_of_work:
        return unit_of_work.now


def test_a_job_exists_once_its_transaction_is_committed(database, queue):
    put(database, queue)
    job = queue.lease(STAGES, 60_000)
    assert (job.stage, job.event, job.tries) == ("read_image", EVENT, 1)


def test_a_job_of_a_transaction_that_failed_never_existed(database, queue):
    with rolled_back(database) as unit_of_work:
        queue.put(unit_of_work, "read_image", EVENT)
    assert queue.lease(STAGES, 60_000) is None


def test_jobs_are_given_out_oldest_first_and_to_their_stages_only(database, queue):
    for subject in ("a", "b"):
        put(database, queue, Event("x", "household-1", subject))
    put(database, queue, stage="another")
    assert [queue.lease(STAGES, 60_000).event.subject_id for _ in range(2)] == ["a", "b"]
    assert queue.lease(STAGES, 60_000) is None


def households_of(database, *ids):
    with database.write() as unit_of_work:
        rows = [{"id": one, "name": one, "created_at": 0} for one in ids]
        unit_of_work.connection.execute(households.insert(), rows)


def leased(queue, **how):
    return queue.lease(("read_image",), 60_000, **how).event.subject_id


def test_households_take_turns_where_one_has_many_jobs(database, queue):
    households_of(database, "a", "b", "c")
    for of, subject in (*(("b", f"b{number}") for number in range(4)), ("a", "a0"), ("c", "c0"), ("a", "a1")):
        put(database, queue, Event("image_stored", of, subject))
    put(database, queue, Event("mail_queued", "a", "another stage"), stage="send_mail")
    assert [leased(queue, in_turns=True) for _ in range(7)] == ["a0", "b0", "c0", "a1", "b1", "b2", "b3"]
    assert queue.lease(("read_image",), 60_000, in_turns=True) is None


def test_a_job_that_comes_again_later_takes_no_turn(database, queue):
    households_of(database, "a", "b")
    for of in ("a", "b"):
        put(database, queue, Event("image_stored", of, of))
    job = queue.lease(("read_image",), 60_000, in_turns=True)
    queue.retry(job, 60_000, "busy")
    assert leased(queue, in_turns=True) == "b"
    assert queue.lease(("read_image",), 60_000, in_turns=True) is None


def test_a_job_of_no_household_that_is_known_is_given_out_too(database, queue):
    put(database, queue)
    assert leased(queue, in_turns=True) == EVENT.subject_id


@pytest.mark.parametrize("dialect", [Dialect(SQLITE)], ids=[SQLITE])
def test_the_next_household_and_its_job_are_walked_to_by_the_index_of_its_jobs(database, queue, dialect):
    """However many jobs there are of others, or are done."""
    assert dialect.name == SQLITE
    households_of(database, "a")
    put(database, queue, Event("image_stored", "a", "a0"))
    seen = []

    def note(_connection, _cursor, statement, parameters, *_):
        if "FROM jobs" in statement and statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert leased(queue, in_turns=True) == "a0"
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    _, *walks = seen  # the first asks whether there is any job
    assert len(walks) == 2
    with database.read() as unit_of_work:
        for statement, parameters in walks:
            plan = unit_of_work.connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
            steps = [row[3] for row in plan]
            assert any("ix_jobs_household_id_state_id" in step for step in steps), steps
            assert not any("TEMP B-TREE" in step for step in steps), steps


def test_a_leased_job_is_hidden_until_its_lease_runs_out(database, queue):
    put(database, queue)
    assert queue.lease(STAGES, 60_000)
    assert queue.lease(STAGES, 60_000) is None
    put(database, queue)
    first = queue.lease(STAGES, -1)
    again = queue.lease(STAGES, 60_000)
    assert (again.job_id, again.tries) == (first.job_id, 2)


def test_a_finished_job_never_comes_again(database, queue):
    put(database, queue)
    job = queue.lease(STAGES, -1)
    with database.write() as unit_of_work:
        assert queue.finish(unit_of_work, job) is True
    with database.write() as unit_of_work:
        assert queue.finish(unit_of_work, job) is False
        assert queue.fail(unit_of_work, job, "too late") is False
    assert queue.lease(STAGES, -1) is None
    assert parked(database, queue) == []


def test_a_job_whose_finish_was_not_committed_comes_again(database, queue):
    put(database, queue)
    job = queue.lease(STAGES, -1)
    with rolled_back(database) as unit_of_work:
        queue.finish(unit_of_work, job)
    assert queue.lease(STAGES, -1).job_id == job.job_id


def test_a_failed_job_is_in_the_dlq_with_its_reason(database, queue):
    put(database, queue)
    job = queue.lease(STAGES, -1)
    with database.write() as unit_of_work:
        assert queue.fail(unit_of_work, job, "r" * 5000) is True
    assert queue.lease(STAGES, -1) is None
    (entry,) = parked(database, queue)
    assert (entry.stage, entry.event, entry.subject_id) == ("read_image", "image_stored", "image-1")
    assert entry.reason.startswith("rrr")
    assert entry.parked_at > 0


def test_parked_work_that_never_was_a_job_is_in_the_dlq_of_its_household_only(database, queue):
    with database.write() as unit_of_work:
        queue.park(unit_of_work, Parked("events", "malformed", "household-1", "t" * 64, b"{"))
        queue.park(unit_of_work, Parked("events", "unknown device", None, "board-x", b"{"))
    (entry,) = parked(database, queue)
    assert (entry.stage, entry.event, entry.reason) == ("events", "", "malformed")
    assert parked(database, queue, "household-2") == []


def test_what_is_parked_again_is_counted_in_its_entry(database, queue):
    for reason in ("malformed", "malformed still"):
        with database.write() as unit_of_work:
            kept = queue.park(unit_of_work, Parked("events", reason, "household-1", "t" * 70, b"{"))
    (entry,) = parked(database, queue)
    assert (kept, entry.times, entry.reason) == (Keeping.REPEATED, 2, "malformed still")


def test_the_newest_entries_of_the_dlq_come_first(database, queue):
    for number in range(12):
        with database.write() as unit_of_work:
            queue.park(unit_of_work, Parked("events", str(number), "household-1", "x", b"%d" % number))
    assert [entry.reason for entry in parked(database, queue)] == [str(number) for number in range(11, 1, -1)]


def test_a_returned_job_comes_again_after_its_pause(database, queue):
    put(database, queue)
    job = queue.lease(STAGES, 60_000)
    queue.retry(job, 60_000, "not now")
    assert queue.lease(STAGES, 60_000) is None
    assert queue.next_due(STAGES) > now(database)
    queue.retry(job, 0, "now")
    assert queue.lease(STAGES, 60_000).tries == 2


def test_a_job_that_ended_is_not_returned(database, queue):
    put(database, queue)
    job = queue.lease(STAGES, 60_000)
    with database.write() as unit_of_work:
        queue.finish(unit_of_work, job)
    queue.retry(job, 0, "again")
    assert queue.lease(STAGES, 60_000) is None


def test_a_delayed_job_waits_and_says_until_when(database, queue):
    later = now(database) + 3_600_000
    put(database, queue, Event("x", "household-1", "a", later))
    assert queue.lease(STAGES, 60_000) is None
    assert queue.next_due(STAGES) == later
    assert queue.next_due(("another",)) is None


def test_a_leased_job_is_due_when_its_lease_runs_out(database, queue):
    put(database, queue)
    before = now(database)
    queue.lease(STAGES, 60_000)
    assert before + 60_000 <= queue.next_due(STAGES) <= now(database) + 60_000


def test_a_new_server_ends_the_leases_of_a_dead_one(database, queue):
    put(database, queue)
    queue.lease(STAGES, 24 * 3600 * 1000)
    JobsTableQueue(database).recover()
    assert queue.lease(STAGES, 60_000).tries == 2


def test_many_workers_get_every_job_once(database, queue):
    for number in range(60):
        put(database, queue, Event("x", "household-1", str(number)))
    taken, lock = [], threading.Lock()

    def work():
        while job := queue.lease(STAGES, 60_000):
            with lock:
                taken.append(job.event.subject_id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=int) == [str(number) for number in range(60)]


def test_a_commit_with_a_job_wakes_who_waits_and_another_does_not(database, queue):
    woken = threading.Event()
    generation = queue.generation()

    def wait():
        queue.wait(generation, PATIENCE_S)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    with database.write() as unit_of_work:
        queue.park(unit_of_work, Parked("events", "malformed", None, "x"))
    assert queue.generation() == generation
    assert not woken.is_set()
    put(database, queue)
    assert woken.wait(PATIENCE_S)
    thread.join()


def test_a_job_that_was_rolled_back_wakes_nobody(database, queue):
    generation = queue.generation()
    with rolled_back(database) as unit_of_work:
        queue.put(unit_of_work, "read_image", EVENT)
    assert queue.generation() == generation


def test_a_job_that_is_due_after_everybody_looks_again_wakes_nobody(database, queue):
    generation = queue.generation()
    with database.write() as unit_of_work:
        later = unit_of_work.now + int(LONGEST_WAIT_S * 1000)
        queue.put(unit_of_work, "read_image", EVENT._replace(not_before=later))
    assert queue.generation() == generation
