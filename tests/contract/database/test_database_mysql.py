"""What MySQL's dialect promises besides: its faults, its locks, and a lost server."""

import threading
from functools import partial

import pytest
from sqlalchemy import make_url, select, update
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from cloud.adapters.local.database_mysql import MysqlAddress, MysqlDatabase
from cloud.adapters.local.event_queue import JobsTableQueue
from cloud.adapters.local.writer import GroupCommitWriter
from cloud.errors import ConfigurationError, RetryLaterError
from cloud.ports.event_queue import Event
from cloud.ports.insert_many import insert_many
from cloud.ports.update_many import update_many
from cloud.tables import households, jobs
from tests.contract.database.rows import add, names
from tests.databases import MARIADB, database_server, empty
from tests.waiting import PATIENCE_S


@pytest.fixture
def address(mariadb):
    empty(mariadb)
    return MysqlAddress(make_url(mariadb))


@pytest.fixture
def two(address):
    """Two processes' databases, as far as the server can tell."""
    first, second = MysqlDatabase(address), MysqlDatabase(address)
    yield first, second
    first.close()
    second.close()


@pytest.fixture
def pair(two):
    """The same with two rows."""
    with two[0].write() as unit_of_work:
        add(unit_of_work, "a")
        add(unit_of_work, "b")
    return two


def rename(unit_of_work, name, suffix):
    changed = update(households).where(households.c.name.startswith(name)).values(name=name + suffix)
    unit_of_work.connection.execute(changed)


def test_a_deadlock_is_a_passing_fault_of_one_of_the_two(pair):
    holding, faults = threading.Barrier(2), []

    def change(database, first, second):
        try:
            with database.write() as unit_of_work:
                rename(unit_of_work, first, "1")
                holding.wait(PATIENCE_S)
                rename(unit_of_work, second, "1")
        except RetryLaterError as error:
            faults.append(str(error))

    orders = ((pair[0], "a", "b"), (pair[1], "b", "a"))
    threads = [threading.Thread(target=change, args=order) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(faults) == 1
    assert "Deadlock" in faults[0]
    assert names(pair[0]) == ["a1", "b1"]


def insert(unit_of_work, name):
    unit_of_work.connection.execute(households.insert().values(id=name, name=name, created_at=unit_of_work.now))


def adding(name):
    """Return work that adds a row unless it is there, and lets ``between`` come in between."""

    def work(unit_of_work, between):
        if name not in unit_of_work.connection.execute(select(households.c.id)).scalars().all():
            between()
            insert(unit_of_work, name)
            return "added"
        return "it was there"

    return work


class Once:
    """Has another process do the same, the first time that it is called."""

    def __init__(self, other, work):
        self._other, self._work, self.calls = other, work, 0

    def __call__(self):
        self.calls += 1
        if self.calls == 1:
            with self._other.write() as unit_of_work:
                assert self._work(unit_of_work, lambda: None) == "added"


@pytest.mark.parametrize("others", [0, 2])
def test_the_writer_looks_again_when_it_was_overtaken(two, others):
    writer, work = GroupCommitWriter(two[0]), adding("a")
    between = Once(two[1], work)
    begin = threading.Event()
    held = writer.submit(lambda _: begin.wait(PATIENCE_S))
    for number in range(others):
        writer.submit(partial(insert, name=f"b{number}"))
    answer = writer.submit(lambda unit_of_work: work(unit_of_work, between))
    begin.set()
    assert answer.result(PATIENCE_S) == "it was there"
    writer.close()
    assert held.result(PATIENCE_S)
    assert names(two[0]) == ["a", "b0", "b1"][: others + 1]


def test_a_key_that_is_always_there_is_a_fault_even_for_the_writer(two):
    writer, work = GroupCommitWriter(two[0]), adding("a")
    writer.submit(lambda unit_of_work: work(unit_of_work, lambda: None)).result(PATIENCE_S)
    with pytest.raises(IntegrityError):
        writer.submit(lambda unit_of_work: insert(unit_of_work, "a")).result(PATIENCE_S)
    writer.close()


def test_a_row_that_another_process_holds_for_long_is_a_passing_fault(pair):
    first, second = pair

    def rename_impatiently():
        with second.write() as unit_of_work:
            unit_of_work.connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
            rename(unit_of_work, "a", "2")

    with first.write() as holding:
        rename(holding, "a", "1")
        with pytest.raises(RetryLaterError, match="Lock wait timeout"):
            rename_impatiently()
    assert names(first) == ["a1", "b"]


def test_a_lost_connection_is_a_passing_fault_and_the_next_use_connects_anew(two):
    first, second = two

    def lose_the_connection():
        with first.write() as unit_of_work:
            number = unit_of_work.connection.exec_driver_sql("SELECT connection_id()").scalar_one()
            with second.write() as other:
                other.connection.exec_driver_sql(f"KILL {number}")
            add(unit_of_work, "a")

    with pytest.raises(RetryLaterError):
        lose_the_connection()
    with first.write() as unit_of_work:
        add(unit_of_work, "b")
    assert names(first) == ["b"]


def test_a_connection_that_ended_while_it_was_idle_is_no_fault(mariadb, two):
    second = two[1]
    first = MysqlDatabase(MysqlAddress(make_url(mariadb)), surely_alive_s=0)
    with first.write() as unit_of_work:
        number = unit_of_work.connection.exec_driver_sql("SELECT connection_id()").scalar_one()
    with second.write() as other:
        other.connection.exec_driver_sql(f"KILL {number}")
    with first.write() as unit_of_work:
        add(unit_of_work, "a")
    assert names(second) == ["a"]
    first.close()


def test_a_server_that_is_not_there_is_a_passing_fault(mariadb):
    gone = MysqlDatabase(MysqlAddress(make_url(mariadb).set(port=1)))
    with pytest.raises(RetryLaterError, match="Can't connect") as told, gone.write():
        pass
    assert "127.0.0.1" not in str(told.value)  # every caller of the API is told so
    with pytest.raises(RetryLaterError, match="Can't connect"):
        names(gone)
    gone.close()


@pytest.mark.parametrize("wrong", [{"username": "nobody", "password": "secret"}, {"database": "nowhere"}])
def test_a_wrong_user_or_schema_is_told_to_who_runs_the_server(mariadb, wrong):
    database = MysqlDatabase(MysqlAddress(make_url(mariadb).set(**wrong)))
    with pytest.raises(ConfigurationError, match="expected a schema and a user who may change it, got") as told:
        database.migrate()
    assert "secret" not in str(told.value)
    database.close()


def test_what_was_committed_survives_the_death_of_the_server(tmp_path):
    server = database_server(tmp_path / MARIADB)
    server.start()
    database = MysqlDatabase(MysqlAddress(make_url(server.url())))
    database.migrate()
    for number in range(20):
        with database.write() as unit_of_work:
            add(unit_of_work, f"{number:02d}")
    server.kill()
    with pytest.raises(RetryLaterError):
        names(database)
    server.start()
    assert names(database) == [f"{number:02d}" for number in range(20)]
    database.close()
    server.stop()


def test_workers_of_two_processes_get_every_job_once(two):
    queues = [JobsTableQueue(database) for database in two]
    with two[0].write() as unit_of_work:
        for number in range(40):
            queues[0].put(unit_of_work, "read_image", Event("x", "household-1", str(number)))
    taken = []

    def work(queue):
        while job := queue.lease(("read_image",), 60_000):
            taken.append(job.event.subject_id)

    threads = [threading.Thread(target=work, args=(queue,)) for queue in queues * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=int) == [str(number) for number in range(40)]


def test_a_job_that_another_process_is_leasing_is_passed_over(two):
    first, second = two
    queue = JobsTableQueue(second)
    with first.write() as unit_of_work:
        JobsTableQueue(first).put(unit_of_work, "read_image", Event("x", "household-1", "a"))
    with first.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("SELECT id FROM jobs FOR UPDATE").all()
        assert queue.lease(("read_image",), 60_000) is None
    assert queue.lease(("read_image",), 60_000) is not None


def test_what_does_not_fit_is_a_bug_and_never_cut_silently(two):
    with pytest.raises(DataError), two[0].write() as unit_of_work:
        add(unit_of_work, "x" * 201)
    assert names(two[0]) == []


def test_a_bug_is_no_passing_fault_and_its_text_tells_no_values(two):
    with pytest.raises(ProgrammingError) as caught, two[0].write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("SELEC 'a secret'")
    assert "secret" not in str(caught.value.orig)


def test_times_do_not_depend_on_the_servers_zone(two):
    with two[0].read() as unit_of_work:
        zone = select(households.c.id).limit(0)
        assert unit_of_work.connection.execute(zone).all() == []
        assert unit_of_work.connection.exec_driver_sql("SELECT @@session.time_zone").scalar_one() == "+00:00"


@pytest.mark.parametrize(
    "wrong",
    [{"name": "x" * 10_000}, {"id": "x" * 37}, {"created_at": 2**63}, {"created_at": "soon"}, {"created_at": "true"}],
)
def test_a_value_that_does_not_fit_is_refused_and_not_cut_short(two, wrong):
    row = {"id": "one", "name": "a", "created_at": 1}
    with pytest.raises(DataError), two[0].write() as unit_of_work:
        insert_many(unit_of_work.connection, households, [row, row | {"id": "other"} | wrong])
    assert names(two[0]) == []


def test_a_change_that_does_not_fit_is_refused_and_not_cut_short(two):
    queue = JobsTableQueue(two[0])
    with two[0].write() as unit_of_work:
        add(unit_of_work, "a")
        (home,) = unit_of_work.connection.execute(select(households.c.id)).scalars()
        queue.put(unit_of_work, "stage", Event("happened", home, "subject"))
        (number,) = unit_of_work.connection.execute(select(jobs.c.id)).scalars()
    changed = {"id": number, "household_id": home, "stage": "x" * 1000}
    with pytest.raises(DataError), two[0].write() as unit_of_work:
        update_many(unit_of_work.connection, jobs, [changed])
    with two[0].read() as unit_of_work:
        assert unit_of_work.connection.execute(select(jobs.c.stage)).scalars().all() == ["stage"]


def test_a_server_that_does_not_say_how_it_reads_quotes_is_refused(address, monkeypatch):
    monkeypatch.setattr("cloud.adapters.local.database_mysql._SQL_MODE", "STRICT_ALL_TABLES")
    database = MysqlDatabase(address)
    with pytest.raises(ConfigurationError, match="NO_BACKSLASH_ESCAPES"), database.read():
        pass
    database.close()
