"""The promises of every writer: committed before it is told, and a failure is its owner's alone."""

import asyncio
import threading

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from cloud.adapters.local.writer import GroupCommitWriter
from cloud.errors import ConflictError, RetryLaterError
from cloud.tables import households
from tests.waiting import PATIENCE_S


@pytest.fixture
def writer(database):
    writer = GroupCommitWriter(database)
    yield writer
    writer.close()


class Gate:
    """Work that holds up the writer, so that what is submitted meanwhile becomes one group."""

    def __init__(self, writer):
        self._open, entered = threading.Event(), threading.Event()

        def wait(_unit_of_work):
            entered.set()
            assert self._open.wait(PATIENCE_S)

        self._held = writer.submit(wait)
        assert entered.wait(PATIENCE_S)

    def open(self):
        self._open.set()
        self._held.result(PATIENCE_S)


def adding(name, *, then=None):
    def work(unit_of_work):
        row = {"id": name, "name": name, "created_at": 1}
        unit_of_work.connection.execute(households.insert().values(**row))
        if then:
            then(unit_of_work)
        return name

    return work


def refuse(_unit_of_work):
    raise ConflictError("it is there already")


def names(database):
    with database.read() as unit_of_work:
        return sorted(unit_of_work.connection.execute(select(households.c.name)).scalars())


def test_a_result_is_given_once_it_is_committed(database, writer):
    assert writer.submit(adding("a")).result(PATIENCE_S) == "a"
    assert names(database) == ["a"]


def test_work_that_came_meanwhile_is_one_transaction(database, writer):
    times = []
    gate = Gate(writer)
    futures = [
        writer.submit(adding(str(number), then=lambda unit_of_work: times.append(unit_of_work.now)))
        for number in range(50)
    ]
    gate.open()
    assert [future.result(PATIENCE_S) for future in futures] == [str(number) for number in range(50)]
    assert len(names(database)) == 50
    assert len(set(times)) == 1


def test_a_failure_in_a_group_fails_alone_and_leaves_no_trace(database, writer):
    gate = Gate(writer)
    good, refused = writer.submit(adding("a")), writer.submit(adding("b", then=refuse))
    twice, last = writer.submit(adding("a")), writer.submit(adding("c"))
    gate.open()
    assert (good.result(PATIENCE_S), last.result(PATIENCE_S)) == ("a", "c")
    with pytest.raises(ConflictError, match="it is there already"):
        refused.result(PATIENCE_S)
    with pytest.raises(IntegrityError):
        twice.result(PATIENCE_S)
    assert names(database) == ["a", "c"]


def test_a_failure_alone_is_raised_as_it_is(database, writer):
    with pytest.raises(ConflictError):
        writer.submit(adding("a", then=refuse)).result(PATIENCE_S)
    assert names(database) == []


def test_what_follows_a_commit_is_called_for_those_that_were_committed(writer):
    called = []

    def after(name):
        return lambda unit_of_work: unit_of_work.after_commit(lambda: called.append(name))

    gate = Gate(writer)
    kept = writer.submit(adding("a", then=after("a")))
    lost = writer.submit(lambda unit_of_work: (after("b")(unit_of_work), refuse(unit_of_work)))
    gate.open()
    kept.result(PATIENCE_S)
    assert isinstance(lost.exception(PATIENCE_S), ConflictError)
    assert called == ["a"]


def test_it_is_awaited_by_many(database, writer):
    async def write_many():
        return await asyncio.gather(*(writer.write(adding(f"{number:03d}")) for number in range(200)))

    assert asyncio.run(write_many()) == names(database)


def test_who_awaits_gets_the_error(writer):
    with pytest.raises(ConflictError):
        asyncio.run(writer.write(refuse))


def test_what_nobody_wants_any_more_is_not_written(database, writer):
    gate = Gate(writer)
    unwanted = writer.submit(adding("a"))
    assert unwanted.cancel()
    gate.open()
    writer.submit(adding("b")).result(PATIENCE_S)
    assert names(database) == ["b"]


class LockedDatabase:
    """A database that another process holds."""

    def write(self):
        raise RetryLaterError("expected the database to answer, it said: database is locked")


def test_a_passing_fault_is_everybodys():
    writer = GroupCommitWriter(LockedDatabase())
    futures = [writer.submit(adding(name)) for name in "abc"]
    assert {type(future.exception(PATIENCE_S)) for future in futures} == {RetryLaterError}
    writer.close()


def test_closing_commits_what_was_submitted_and_takes_no_more(database, writer):
    gate = Gate(writer)
    futures = [writer.submit(adding(str(number))) for number in range(300)]
    closing = threading.Thread(target=writer.close)
    closing.start()
    gate.open()
    closing.join(PATIENCE_S)
    assert all(future.done() for future in futures)
    assert len(names(database)) == 300
    with pytest.raises(RetryLaterError, match="closed"):
        writer.submit(adding("late"))
    writer.close()
