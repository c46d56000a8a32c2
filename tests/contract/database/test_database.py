"""What SQLite promises besides: the disk, the file, and what its faults mean."""

import multiprocessing
import os
import signal
import sqlite3
import stat

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from cloud.adapters.local.database import SqliteDatabase
from cloud.errors import RetryLaterError
from cloud.migrations import upgrade
from cloud.tables import metadata
from tests.contract.database.rows import add, names
from tests.waiting import PATIENCE_S


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "pillarbox.db"


@pytest.fixture
def database(file):
    database = SqliteDatabase(file)
    database.migrate()
    yield database
    database.close()


def test_a_database_that_another_process_holds_is_a_passing_fault(database, file):
    impatient = SqliteDatabase(file)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        # SQLite waits ten seconds for the other process; here it need not.
        with impatient.read() as unit_of_work:
            unit_of_work.connection.exec_driver_sql("PRAGMA busy_timeout = 1")
        with pytest.raises(RetryLaterError, match="database is locked"), impatient.write() as unit_of_work:
            add(unit_of_work, "a")
    finally:
        other.close()
        impatient.close()
    with database.write() as unit_of_work:
        add(unit_of_work, "b")
    assert names(database) == ["b"]


def test_a_full_disk_is_a_passing_fault_and_loses_nothing_committed(database):
    with database.write() as unit_of_work:
        add(unit_of_work, "a")

    def write_more_than_fits():
        with database.write() as unit_of_work:
            unit_of_work.connection.exec_driver_sql("PRAGMA max_page_count = 1")
            for number in range(20_000):
                add(unit_of_work, f"{number} " + "x" * 150)

    with pytest.raises(RetryLaterError, match="database or disk is full"):
        write_more_than_fits()
    assert names(database) == ["a"]


def test_a_bug_is_no_passing_fault(database):
    with pytest.raises(OperationalError, match="no such table"), database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("SELECT * FROM nowhere")


def test_every_commit_is_on_the_disk(database):
    with database.write() as unit_of_work:
        pragma = unit_of_work.connection.exec_driver_sql
        assert pragma("PRAGMA synchronous").scalar_one() == 2
        assert pragma("PRAGMA journal_mode").scalar_one() == "wal"


def _commit_until_killed(file, pipe):
    database = SqliteDatabase(file)
    number = 0
    while True:
        with database.write() as unit_of_work:
            add(unit_of_work, f"{number:06d} a")
            add(unit_of_work, f"{number:06d} b")
        pipe.send(number)
        number += 1


def test_what_was_committed_survives_the_death_of_the_process_and_halves_do_not(database, file):
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_commit_until_killed, args=(file, theirs), daemon=True)
    process.start()
    committed = -1
    while committed < 20:
        assert ours.poll(PATIENCE_S)
        committed = ours.recv()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while ours.poll(0):
        committed = ours.recv()
    found = names(database)
    assert found[: 2 * (committed + 1)] == [f"{number:06d} {half}" for number in range(committed + 1) for half in "ab"]
    assert len(found) % 2 == 0


def _migrate(file, barrier, results):
    barrier.wait(PATIENCE_S)
    database = SqliteDatabase(file)
    database.migrate()
    results.put(names(database))
    database.close()


def test_several_processes_may_make_the_same_database_at_once(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(4), spawn.Queue()
    arguments = (tmp_path / "new" / "pillarbox.db", barrier, results)
    processes = [spawn.Process(target=_migrate, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    assert [results.get(timeout=PATIENCE_S) for _ in processes] == [[]] * 4
    for process in processes:
        process.join()


def test_the_chain_of_revisions_makes_exactly_the_tables(database, file):
    assert file.exists()
    assert database is not None
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    engine.dispose()
    assert revision == upgrade.newest_revision()


def test_only_its_owner_may_read_the_database(database, file):
    with database.write() as unit_of_work:
        add(unit_of_work, "a")
    assert {stat.S_IMODE(one.stat().st_mode) for one in file.parent.glob("pillarbox.db*")} == {0o600}
