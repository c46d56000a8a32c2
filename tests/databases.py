"""The databases that the tests run on: SQLite, and a private MariaDB that is emptied before each test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from cloud import bootstrap
from cloud.settings import Settings
from cloud.tables import metadata
from tools.parts.mariadb import fetch_mariadb
from tools.parts.mariadb_server import MariadbServer
from tools.parts.mysql import MysqlServer, fetch_mysql

SQLITE, MARIADB = "sqlite", "mariadb"
# Any value lets Oracle's MySQL take MariaDB's place (make test-mysql): Debian has it in unstable only.
ON_MYSQL = "PILLARBOX_TEST_ON_MYSQL"


# For a test of a module that runs on both, to which the database makes no difference.
on_sqlite_alone = pytest.mark.parametrize("dialect", [SQLITE], indirect=True)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One of the databases, and the setting that chooses it."""

    name: str
    url: str = ""


def database_server(folder: Path, *, durable: bool = True) -> MariadbServer:
    """Return a server of MariaDB, or of MySQL in its place where that is wanted."""
    if os.environ.get(ON_MYSQL):
        return MysqlServer(fetch_mysql(), folder, durable=durable)
    return MariadbServer(fetch_mariadb(), folder, durable=durable)


@contextmanager
def running_mariadb(folder: Path) -> Iterator[MariadbServer]:
    """Run a server that forgets nothing but in a power cut."""
    server = database_server(folder, durable=False)
    server.start()
    yield server
    server.stop()


@contextmanager
def migrated_schema(server: MariadbServer, folder: Path) -> Iterator[str]:
    """Yield the address of a schema with every table."""
    database = bootstrap.open_database(Settings(_env_file=None, data=folder, database_url=server.url()))
    database.migrate()
    database.close()
    yield server.url()


def empty(url: str) -> None:
    """Delete every row of every table."""
    patient = {"init_command": "SET SESSION lock_wait_timeout = 60"}
    engine = create_engine(make_url(url).set(drivername="mysql+pymysql"), connect_args=patient)
    with engine.begin() as connection:
        connection.execute(text("SET foreign_key_checks = 0"))
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    engine.dispose()


def execute(app, sql: str, **values) -> None:
    """Do what no use case does; ``:name`` in the text stands for a value."""
    with app.database.write() as unit_of_work:
        unit_of_work.connection.execute(text(sql), values)


@contextmanager
def poisoned(app, action: str, condition: str) -> Iterator[None]:
    """Let the database refuse rows: ``action`` as in "INSERT ON jobs", ``condition`` over ``new`` or ``old``."""
    with app.database.read() as unit_of_work:
        sqlite = unit_of_work.connection.dialect.name == "sqlite"
    refuse = (
        f"WHEN {condition} BEGIN SELECT raise(abort, 'poison'); END"
        if sqlite
        else f"FOR EACH ROW IF {condition} THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1048; END IF"
    )
    execute(app, f"CREATE TRIGGER poison BEFORE {action} {refuse}")
    try:
        yield
    finally:
        execute(app, "DROP TRIGGER poison")  # or it is in the way of every later test on this database
