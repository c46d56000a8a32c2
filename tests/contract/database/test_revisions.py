"""The chain of revisions makes exactly the tables, on every database, up, down and up again."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, Table, create_engine, inspect, make_url, text
from sqlalchemy.exc import IntegrityError

from cloud import migrations
from cloud.images.repository import ImageRepository
from cloud.images.service import new_image
from cloud.migrations.upgrade import newest_revision, upgrade
from cloud.tables import metadata
from tests.databases import SQLITE


@pytest.fixture
def engine(dialect, tmp_path):
    """An engine on a database without any table."""
    if dialect.name == SQLITE:
        engine = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
        yield engine
        engine.dispose()
        return
    url = make_url(dialect.url).set(drivername="mysql+pymysql")
    with create_engine(url).connect() as connection:
        collation = connection.exec_driver_sql("SELECT @@collation_database").scalar_one()
        connection.exec_driver_sql(f"CREATE DATABASE revisions COLLATE {collation}")
        connection.engine.dispose()
    engine = create_engine(url.set(database="revisions"))
    yield engine
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE revisions")
    engine.dispose()


def differences(engine):
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), metadata)


def run(engine, action, revision):
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        action(config, revision)


def tables(engine):
    return set(inspect(engine).get_table_names()) - {"alembic_version", "sqlite_sequence"}


def test_the_chain_makes_exactly_the_tables_up_down_and_up(engine):
    upgrade(engine)
    assert differences(engine) == []
    run(engine, command.downgrade, "base")
    assert tables(engine) == set()
    run(engine, command.upgrade, "head")
    assert differences(engine) == []
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == newest_revision()


def test_each_revision_can_be_taken_back_alone(engine):
    steps = len(list((Path(migrations.__file__).parent / "versions").glob("[0-9]*.py")))
    for _ in range(steps):
        run(engine, command.upgrade, "+1")
        run(engine, command.downgrade, "-1")
        run(engine, command.upgrade, "+1")
    assert differences(engine) == []


@pytest.fixture
def two_of_a_name(engine):
    """Insert two images that two devices call "one", with nothing else around them."""

    def insert():
        check = "PRAGMA foreign_keys=OFF" if engine.dialect.name == "sqlite" else "SET foreign_key_checks = 0"
        columns = {
            "household_id": "h",
            "image_id": "one",
            "sha256": "",
            "bytes": 1,
            "state": "waiting",
            "created_at": 1,
        }
        with engine.begin() as connection:
            connection.exec_driver_sql(check)
            rows = [columns | {"id": name, "device_id": f"device {name}"} for name in "ab"]
            connection.execute(metadata.tables["images"].insert(), rows)

    return insert


def test_images_of_one_name_stay_apart_when_names_become_unique_again(engine, two_of_a_name):
    run(engine, command.upgrade, "0008")
    two_of_a_name()
    run(engine, command.downgrade, "0007")
    with engine.connect() as connection:
        names = connection.exec_driver_sql("SELECT id, image_id FROM images ORDER BY id")
        assert [tuple(row) for row in names] == [("a", "one"), ("b", "b")]


def test_a_server_with_images_is_brought_to_the_newest_revision_and_checks_keys_as_before(app, home):
    gateway = home.gateway
    with app.database.write() as unit_of_work:
        ImageRepository(unit_of_work).add(new_image(unit_of_work, gateway, "one", "0" * 64, 1))
        engine = unit_of_work.connection.engine
    upgrade(engine, "0007")
    app.database.migrate()
    with app.database.write() as unit_of_work:
        assert ImageRepository(unit_of_work).named(gateway, "one") is not None
        orphan = {"id": "two", "household_id": "nobody", "device_id": gateway.id, "image_id": "two", "sha256": "0" * 64}
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
            unit_of_work.connection.execute(
                metadata.tables["images"].insert().values(orphan | {"bytes": 1, "state": "waiting", "created_at": 1})
            )


def test_who_was_in_an_older_household_joined_it_after_their_own(engine):
    run(engine, command.upgrade, "0013")
    with engine.begin() as connection:
        for table, rows in {
            "users": [{"id": "bob", "email": "bob@example.org", "name": "Bob", "created_at": 20}],
            "households": [
                {"id": "alice's", "name": "Alice's", "created_at": 10},
                {"id": "bob's", "name": "Bob's", "created_at": 20},
                {"id": "carol's", "name": "Carol's", "created_at": 30},
            ],
            "memberships": [
                {"household_id": name, "user_id": "bob", "role": "member"} for name in ("alice's", "bob's", "carol's")
            ],
        }.items():
            connection.execute(Table(table, MetaData(), autoload_with=connection).insert(), rows)
    run(engine, command.upgrade, "head")
    with engine.connect() as connection:
        joined = connection.execute(text("SELECT household_id, joined_at FROM memberships ORDER BY joined_at"))
        assert [tuple(row) for row in joined] == [("bob's", 20), ("alice's", 21), ("carol's", 30)]


def test_whom_an_operator_made_before_addresses_were_confirmed_counts_as_confirmed(engine):
    run(engine, command.upgrade, "0018")
    people = {
        "made": {},
        "registered": {"password_hash": "argon2"},
        "confirmed": {"email_verified_at": 9},
        "outside": {"email": "0123@no-address.invalid"},
    }
    with engine.begin() as connection:
        for name, known in people.items():
            told = {"id": name, "email": f"{name}@example.org", "name": name, "created_at": 5} | known
            connection.execute(metadata.tables["users"].insert(), told)
    upgrade(engine)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id, email_verified_at FROM users")
        assert dict(map(tuple, rows)) == {"made": 5, "registered": None, "confirmed": 9, "outside": None}
