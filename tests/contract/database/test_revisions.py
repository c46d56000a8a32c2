"""The chain of revisions makes exactly the tables, on every database, up, down and up again."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url

from cloud import migrations
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
        connection.exec_driver_sql("CREATE DATABASE revisions COLLATE utf8mb4_nopad_bin")
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
