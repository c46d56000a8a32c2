"""The check on statements that run in other tests sees what it should, and whose it is."""

from types import FunctionType

import pytest
from sqlalchemy import select

from cloud.images.repository import ImageRepository
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.tables import images
from tests.unit.cloud.scoping import ways
from tests.unit.cloud.statements import CLOUD, asks_of_all, heard
from tests.unit.cloud.unscoped import ASKED_BY_ELSE

GIVEN = "FROM (SELECT value ->> 0 AS household_id FROM json_each(?)) AS given CROSS JOIN images"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT images.id, images.household_id FROM images WHERE images.id = ?",
        "SELECT images.id\nFROM images",
        "SELECT count(*) FROM episodes JOIN images ON images.household_id = episodes.household_id",
        "SELECT id FROM images WHERE household_id IN (SELECT household_id FROM memberships)",
        f"SELECT images.id {GIVEN} ON images.id = given.id",
        "UPDATE images SET household_id = ? WHERE images.id = ?",
        "UPDATE images SET household_id=?",
        "DELETE FROM images WHERE images.id IN (?, ?)",
        "INSERT INTO images (id) VALUES (?)",
        "INSERT INTO images (id) SELECT household_id FROM episodes",
    ],
)
def test_a_statement_that_asks_of_all_households_is_seen(statement):
    assert asks_of_all(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT images.id FROM images WHERE images.household_id = ? AND images.id = ?",
        "SELECT images.id FROM images WHERE images.household_id = %(household_id_1)s",
        "SELECT images.id FROM images WHERE images.household_id IN (?, ?)",
        "SELECT images.id FROM images WHERE images.household_id IN (SELECT 1 FROM (SELECT 1) WHERE 1!=1)",
        "SELECT users.id FROM users JOIN memberships ON users.id = user_id WHERE households.id = ?",
        f"SELECT images.id {GIVEN} ON images.household_id = given.household_id",
        "UPDATE images SET state = ? WHERE images.household_id = ?",
        (
            "UPDATE JSON_TABLE(%(rows)s, '$[*]' COLUMNS (state TEXT CHARACTER SET utf8mb4 PATH '$[0]')) AS given "
            "STRAIGHT_JOIN images ON images.household_id = given.household_id SET images.state = given.state"
        ),
        "INSERT INTO images (id, household_id) VALUES (?, ?)",
        "SELECT users.id FROM users WHERE users.email = ?",
        "PRAGMA table_info(images)",
    ],
)
def test_a_statement_that_names_its_household_is_let_through(statement):
    assert not asks_of_all(statement)


def test_a_statement_is_told_of_by_the_way_that_it_came(app, home, asking):
    told = []
    with app.database.read() as unit_of_work, heard(unit_of_work.connection, lambda _: told.append(asking.way())):
        ImageRepository(unit_of_work).named(home.gateway, "photo")
        MailboxEventRepository(unit_of_work).end_episodes(home.household_id, home.board.id)
        unit_of_work.connection.execute(select(images))
    assert told == ["ImageRepository.named", "MailboxEventRepository.end_episodes", None]


def ask_of_all(connection):
    connection.execute(select(images))


def test_what_a_test_itself_asks_is_no_fault_but_what_cloud_asks_is(app, asked_of_all):
    in_cloud = FunctionType(ask_of_all.__code__.replace(co_filename=f"{CLOUD}/forgetful.py"), globals())
    with app.database.read() as unit_of_work:
        ask_of_all(unit_of_work.connection)
        assert asked_of_all == set()
        in_cloud(unit_of_work.connection)
    ((way, statement),) = asked_of_all
    assert (way, " FROM images" in " ".join(statement.split())) == ("forgetful.ask_of_all", True)
    asked_of_all.clear()


def test_no_exception_of_a_statement_outlives_what_it_is_for():
    assert ASKED_BY_ELSE - {way.name for way in ways()} == {
        "GroupRepository._stored",
        "backup._add_rows",
        "backup._images",
    }
