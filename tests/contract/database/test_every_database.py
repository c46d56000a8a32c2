"""The promises of every database: whole transactions, one state for a reader, faults that tell nothing."""

import contextlib
import threading

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from cloud.adapters.local.event_queue import JobsTableQueue
from cloud.errors import ConfigurationError
from cloud.ports.event_queue import Parked
from cloud.ports.insert_many import MOST_AT_ONCE, insert_many, insert_telling
from cloud.ports.overtaken import is_overtaken
from cloud.tables import households, jobs
from tests.contract.database.rows import add, names


def test_what_is_written_is_read(database):
    with database.write() as unit_of_work:
        add(unit_of_work, "a")
    assert names(database) == ["a"]


def test_a_unit_of_work_that_raises_leaves_no_trace(database):
    with contextlib.suppress(ZeroDivisionError), database.write() as unit_of_work:
        add(unit_of_work, "a")
        raise ZeroDivisionError
    assert names(database) == []
    with database.write() as unit_of_work:
        add(unit_of_work, "b")
    assert names(database) == ["b"]


def test_a_reader_sees_one_state_while_others_write(database):
    with database.read() as unit_of_work:
        query = select(households.c.name)
        assert unit_of_work.connection.execute(query).all() == []
        with database.write() as writing:
            add(writing, "a")
        assert unit_of_work.connection.execute(query).all() == []
    assert names(database) == ["a"]


def test_ids_are_ordered_by_time_and_never_the_same(database):
    with database.write() as unit_of_work:
        ids = [unit_of_work.new_id() for _ in range(2000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 2000


def test_what_follows_a_commit_is_called_once_after_it_and_never_without_it(database):
    seen = []

    def look():
        seen.append(names(database))

    with database.write() as unit_of_work:
        add(unit_of_work, "a")
        unit_of_work.after_commit(look)
        unit_of_work.after_commit(look)
        assert seen == []
    assert seen == [["a"]]
    with contextlib.suppress(ZeroDivisionError), database.write() as unit_of_work:
        unit_of_work.after_commit(look)
        raise ZeroDivisionError
    assert len(seen) == 1


def test_writers_of_one_process_wait_for_each_other(database):
    def write(number):
        for step in range(10):
            with database.write() as unit_of_work:
                count = len(unit_of_work.connection.execute(select(households.c.id)).all())
                add(unit_of_work, f"{count:03d} {number} {step}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [int(name[:3]) for name in names(database)] == list(range(60))


def test_the_text_of_a_fault_does_not_repeat_what_was_written(database):
    row = households.insert().values(id="1", name="a secret name", created_at=1)
    with database.write() as unit_of_work:
        unit_of_work.connection.execute(row)
    with pytest.raises(IntegrityError) as caught, database.write() as unit_of_work:
        unit_of_work.connection.execute(row)
    assert "secret" not in str(caught.value)


def test_a_reference_to_nothing_is_refused(database):
    sql = "INSERT INTO memberships (household_id, user_id, role, joined_at) VALUES ('nowhere', 'nobody', 'owner', 1)"
    with pytest.raises(IntegrityError), database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql(sql)


@pytest.mark.parametrize(
    ("values", "is_anothers"),
    [
        ("households (id, name, created_at) VALUES ('1', 'again', 1)", True),
        ("memberships (household_id, user_id, role, joined_at) VALUES ('gone', 'nobody', 'owner', 1)", True),
        ("households (id, name, created_at) VALUES ('2', NULL, 1)", False),
    ],
)
def test_another_s_commit_is_told_from_a_fault_of_ours(database, values, is_anothers):
    with database.write() as unit_of_work:
        unit_of_work.connection.execute(households.insert().values(id="1", name="a", created_at=1))
    with pytest.raises(IntegrityError) as caught, database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql(f"INSERT INTO {values}")
    assert is_overtaken(caught.value) is is_anothers


def test_migrating_again_changes_nothing(database):
    with database.write() as unit_of_work:
        add(unit_of_work, "a")
    database.migrate()
    assert names(database) == ["a"]


def test_text_is_compared_byte_by_byte_and_holds_any_character(database):
    texts = ["a", "A", "a ", "\u00e4", "a\u0308", "\u00df", "ss", "\U0001f4ec", "\u2028"]
    with database.write() as unit_of_work:
        for number, one in enumerate(texts):
            row = {"id": one, "name": one, "created_at": number}
            unit_of_work.connection.execute(households.insert().values(**row))
    with database.read() as unit_of_work:
        order = select(households.c.id).order_by(households.c.id)
        assert list(unit_of_work.connection.execute(order).scalars()) == sorted(texts)
        for one in texts:
            found = unit_of_work.connection.execute(select(households.c.name).where(households.c.id == one)).scalars()
            assert list(found) == [one]


def test_tables_of_a_newer_program_are_left_alone(database):
    newest = database.revision()
    note = text("UPDATE alembic_version SET version_num = :number")
    with database.write() as unit_of_work:
        unit_of_work.connection.execute(note, {"number": "9999"})
    with pytest.raises(ConfigurationError, match=f"expected tables of revision {newest} or older, got 9999"):
        database.migrate()
    with database.write() as unit_of_work:
        unit_of_work.connection.execute(note, {"number": newest})


def test_of_rows_that_were_inserted_columns_are_told_or_nothing_is(database):
    texts = ("a", "\u00e4 \U0001f4ec 'quoted' \"twice\" \\ %s :x")
    made = [{"id": f"{place:036d}", "name": text, "created_at": place} for place, text in enumerate(texts)]
    with database.write() as unit_of_work:
        told = insert_telling(unit_of_work.connection, households, made, "name, created_at")
        assert not insert_telling(unit_of_work.connection, households, [], "name")
    assert sorted(told) in ([], [("a", 0), (texts[1], 1)])
    assert sorted(names(database)) == sorted(texts)


# What a statement's text gives a meaning of its own, in one dialect or mode or another.
PECULIAR = (
    "it's",
    "'; DROP TABLE households; --",
    "\\'; DROP TABLE households; --",
    'a "quoted" one',
    "back\\slash\\",
    "\\n is not \n",
    "100 %s :x %(rows)s",
    "\u00e4 \U0001f4ec",
    "$[0]",
)


def household(unit_of_work, name):
    return {"id": unit_of_work.new_id(), "name": name, "created_at": unit_of_work.now}


def test_texts_are_stored_as_they_are_one_by_one_and_many_at_once(database):
    with database.write() as unit_of_work:
        for name in PECULIAR:
            add(unit_of_work, name)
        insert_many(unit_of_work.connection, households, [household(unit_of_work, name) for name in PECULIAR])
    assert names(database) == sorted(PECULIAR * 2)


def test_a_text_finds_itself_only(database):
    with database.write() as unit_of_work:
        insert_many(unit_of_work.connection, households, [household(unit_of_work, name) for name in PECULIAR])
        for name in PECULIAR:
            query = select(households.c.name).where(households.c.name == name)
            assert unit_of_work.connection.execute(query).scalars().all() == [name]


def test_bytes_are_stored_as_they_are(database):
    payload = bytes(range(256)) + b"'\\'\"; --"
    queue = JobsTableQueue(database)
    with database.write() as unit_of_work:
        queue.park(unit_of_work, Parked("events", "a reason", None, "board", payload))
        assert unit_of_work.connection.execute(select(jobs.c.payload)).scalar_one() == payload


def test_more_rows_than_one_statement_takes_are_all_inserted(database):
    with database.write() as unit_of_work:
        rows = [household(unit_of_work, f"{number:05d}") for number in range(MOST_AT_ONCE + 1)]
        insert_many(unit_of_work.connection, households, rows)
        insert_many(unit_of_work.connection, households, rows, unless_there=True)
    assert names(database) == [row["name"] for row in rows]
