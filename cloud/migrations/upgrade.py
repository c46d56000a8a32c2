"""Bringing a database to a revision of the chain."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from cloud.errors import ConfigurationError, RetryLaterError

LOCK, LOCK_S = "pillarbox-migrate", 60
VERSION_TABLE = "alembic_version"


def upgrade(engine: Engine, to: str | None = None) -> None:
    """Run the revisions between; a database that is there already costs one query.

    Raises ConfigurationError for tables, or a revision, of a newer program than this one.
    """
    now, wanted = revision(engine), to or newest_revision()
    if now == wanted:
        return
    for one in (now, wanted):
        check_known(one)
    from alembic import command  # noqa: PLC0415 - costs memory that an up-to-date server need not spend
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    # Of two processes that start at once the second waits here, and then finds nothing to do.
    with engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection, _locked(connection):
        config.attributes["connection"] = connection
        (command.upgrade if now is None or now < wanted else command.downgrade)(config, wanted)


def revisions() -> list[Path]:
    """Return the files of the chain, oldest first: a revision's file begins with its number."""
    return sorted((Path(__file__).parent / "versions").glob("[0-9]*.py"))


def number_of(file: Path) -> str:
    """Return a revision's number."""
    return file.name.partition("_")[0]


def newest_revision() -> str:
    """Return the last number of the chain."""
    return number_of(revisions()[-1])


def check_known(one: str | None) -> None:
    """Raise ConfigurationError for a revision that this program does not have: a newer one made it."""
    if one is not None and one not in map(number_of, revisions()):
        raise ConfigurationError(
            f"expected tables of revision {newest_revision()} or older, got {one}; use the newer Pillarbox"
        )


def check_asked(one: str) -> None:
    """Raise ConfigurationError for a revision that somebody asks for and this program does not have."""
    if one not in map(number_of, revisions()):
        raise ConfigurationError(
            f"expected revision {newest_revision()} or older, got {one}; there is no such revision"
        )


def revision(engine: Engine) -> str | None:
    """Return the revision that the tables are at, None where there are none."""
    if not inspect(engine).has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608 - a constant


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    """Hold a lock of the connection: on MySQL every change of a table ends the transaction."""
    if connection.dialect.name == "sqlite":
        # Alembic changes a table by making another in its place, which SQLite forbids where others refer to it.
        connection.detach()  # nobody else may get a connection that does not check
        connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        yield
        return
    if not connection.scalar(text(f"SELECT GET_LOCK('{LOCK}', {LOCK_S})")):
        raise RetryLaterError(f"expected another process to migrate the database within {LOCK_S} s")
    yield
    connection.execute(text(f"DO RELEASE_LOCK('{LOCK}')"))  # it would outlive this block in the pool
