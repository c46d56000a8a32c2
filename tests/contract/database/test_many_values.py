"""Values of every kind that the tables have go through the statements for many rows as they are, on every database."""

from contextlib import nullcontext

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
)

from cloud import http_tables, trouble_tables  # noqa: F401 - their tables are in the metadata then
from cloud.ports.given_rows import GivenRows
from cloud.ports.insert_many import insert_many, insert_telling
from cloud.ports.update_many import update_many
from cloud.tables import metadata

KINDS = Table(
    "kinds",
    MetaData(),
    Column("id", String(36), primary_key=True),
    Column("household_id", String(36)),
    Column("flag", Boolean),
    Column("count", Integer),
    Column("big", BigInteger),
    Column("ratio", Float),
    Column("exact", Double),
    Column("word", String(100)),
)
NOT_MANY = (Text, LargeBinary)
WORDS = {
    "none": None,
    "nothing": "",
    "quotes": "it's \"quoted\" `so` \\ \\' \\n",
    "a NUL": "before\0after",
    "of each plane": "\u00e4 \u2028 \U0001f4ec \u202e",
    "like JSON": 'true false null [1] {"a": $[0]}',
    "like a parameter": "%s %(rows)s :rows ?",
    "its whole length": "\U0001f4ec" * 100,
    "signs": "".join(map(chr, range(1, 32))),
}
OTHERS = {
    "True": {"flag": True, "count": True, "big": True},
    "False": {"flag": False, "count": False, "big": False},
    "none": dict.fromkeys(("flag", "count", "big", "ratio", "exact")),
    "largest": {"flag": True, "count": 2**31 - 1, "big": 2**63 - 1, "ratio": 1e30, "exact": 1.7976931348623157e308},
    "smallest": {"flag": False, "count": -(2**31), "big": -(2**63), "ratio": -1e30, "exact": 5e-324},
    "fractions": {"flag": None, "count": 0, "big": 2**53 + 1, "ratio": 0.5, "exact": 0.1},
}
ROWS = [
    {"id": f"{place:03d}", "household_id": "one", "word": "true"}
    | dict.fromkeys(("flag", "count", "big", "ratio", "exact"))
    | given
    for place, given in enumerate([*({"word": word} for word in WORDS.values()), *OTHERS.values()])
]


@pytest.fixture
def kinds(database):
    """A database with a table that has a column of each kind."""
    with database.write() as unit_of_work:
        KINDS.create(unit_of_work.connection)
    yield database
    with database.write() as unit_of_work:
        KINDS.drop(unit_of_work.connection)


def stored(database):
    with database.read() as unit_of_work:
        return [dict(row) for row in unit_of_work.connection.execute(select(KINDS).order_by(KINDS.c.id)).mappings()]


def write(database, work):
    with database.write() as unit_of_work:
        work(unit_of_work.connection)


def test_the_kinds_are_those_of_the_tables():
    in_use = {type(column.type) for table in metadata.tables.values() for column in table.columns}
    assert {type(column.type) for column in KINDS.columns} == {kind for kind in in_use if kind not in NOT_MANY}


@pytest.mark.parametrize(
    "insert_all",
    [insert_many, lambda *given: insert_telling(*given, "id")],
    ids=["insert_many", "insert_telling"],
)
def test_rows_that_are_inserted_are_as_they_were_given(kinds, insert_all):
    write(kinds, lambda connection: insert_all(connection, KINDS, ROWS))
    assert stored(kinds) == ROWS


def test_rows_that_are_there_stay_as_they_were_given(kinds):
    others = [row | {"word": "other", "flag": True} for row in ROWS]
    write(kinds, lambda connection: insert_many(connection, KINDS, ROWS, unless_there=True))
    write(kinds, lambda connection: insert_many(connection, KINDS, others, unless_there=True))
    assert stored(kinds) == ROWS


def test_rows_that_are_changed_become_as_they_were_given(kinds):
    before = [row | {"word": "before", "flag": True, "count": 7, "big": 7, "ratio": 7, "exact": 7} for row in ROWS]
    write(kinds, lambda connection: insert_many(connection, KINDS, before))
    write(kinds, lambda connection: update_many(connection, KINDS, ROWS))
    assert stored(kinds) == ROWS


GIVEN = GivenRows(
    lambda _, given, joined: (
        f"SELECT kinds.id FROM {given} {joined} kinds ON kinds.word = given.word "  # noqa: S608 - our own names
        "AND kinds.flag = given.flag AND kinds.big = given.big"
    ),
    word="VARCHAR(101) CHARACTER SET utf8mb4",
    flag="BIGINT",
    big="BIGINT",
)


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("word", [word for word in WORDS.values() if word and "\0" not in word])
def test_given_values_find_themselves_only(kinds, word, flag):
    row = {"household_id": "one", "big": 2**63 - 1}
    rows = [row | {"id": name, "word": text, "flag": set_} for name, text, set_ in others_of(word, flag=flag)]
    write(kinds, lambda connection: insert_many(connection, KINDS, rows))
    with kinds.read() as unit_of_work:
        assert GIVEN.read(unit_of_work.connection, [(word, flag, 2**63 - 1)]) == [("it",)]


def others_of(word, *, flag):
    """Return what is meant, and what differs from it by a little."""
    return [
        ("it", word, flag),
        ("longer", word[:99] + "x", flag),
        ("shorter", word[:-1], flag),
        ("not", word, not flag),
    ]


def test_a_name_with_a_nul_does_not_find_what_it_begins_with(kinds):
    row = {"household_id": "one", "flag": True, "big": 1}
    rows = [row | {"id": word, "word": word} for word in ("before", "other", "\\u0000")]
    write(kinds, lambda connection: insert_many(connection, KINDS, rows))
    with kinds.read() as unit_of_work:
        names = ("before\0after", "other", "\\u0000")
        found = GIVEN.read(unit_of_work.connection, [(name, True, 1) for name in names])
    assert sorted(found) == [("\\u0000",), ("other",)]


STORE = GivenRows(
    lambda _, given, __: f"INSERT INTO kinds (id, word) SELECT given.id, given.word FROM {given}",  # noqa: S608 - same
    id="VARCHAR(36)",
    word="VARCHAR(101) CHARACTER SET utf8mb4",
)


def test_a_text_with_a_nul_is_stored_whole_or_refused(kinds):
    with kinds.write() as unit_of_work:
        is_cut = unit_of_work.connection.dialect.name == "sqlite"
        with pytest.raises(ValueError, match="expected texts without NUL") if is_cut else nullcontext():
            STORE.run(unit_of_work.connection, [("it", "before\0after")])
    assert [row["word"] for row in stored(kinds)] == ([] if is_cut else ["before\0after"])


@pytest.mark.parametrize(
    ("table", "name"), [("letters", "text"), ("jobs", "payload"), ("mail_outbox", "content"), ("devices", "settings")]
)
@pytest.mark.parametrize("write_all", [insert_many, update_many])
def test_long_texts_and_bytes_are_refused_alike_on_every_database(database, write_all, table, name):
    row = {"id": "1", "household_id": "one", name: b"x"}
    with database.write() as unit_of_work, pytest.raises(TypeError, match="expected columns of numbers and short"):
        write_all(unit_of_work.connection, metadata.tables[table], [row])


def test_bytes_go_row_by_row(database):
    content = bytes(range(256)) + b"'\\'\"; --"
    table = metadata.tables["firmware_images"]
    row = {"sha256": "a", "version": "1", "chip": "esp32", "content": content, "created_at": 1}
    write(database, lambda connection: connection.execute(insert(table).values(row)))
    with database.read() as unit_of_work:
        assert unit_of_work.connection.execute(select(table.c.content)).scalar_one() == content
