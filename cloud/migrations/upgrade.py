"""Bringing a database to the newest revision of the chain."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from cloud.errors import RetryLaterError

LOCK, LOCK_S = "pillarbox-migrate", 60


def upgrade(engine: Engine) -> None:
    """Run the revisions that are missing; a database that is up to date costs one query."""
    if _revision(engine) == newest_revision():
        return
    from alembic import command  # noqa: PLC0415 - costs memory that an up-to-date server need not spend
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    # Of two processes that start at once the second waits here, and then finds nothing to do.
    with engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection:
        _lock(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def newest_revision() -> str:
    """Return the last number of the chain: a revision's file begins with its own."""
    files = (Path(__file__).parent / "versions").glob("[0-9]*.py")
    return max(file.name.partition("_")[0] for file in files)


def _lock(connection: Connection) -> None:
    """Hold a lock that goes with the connection: on MySQL every change of a table ends the transaction."""
    if connection.dialect.name != "sqlite" and not connection.scalar(text(f"SELECT GET_LOCK('{LOCK}', {LOCK_S})")):
        raise RetryLaterError(f"expected another process to migrate the database within {LOCK_S} s")


def _revision(engine: Engine) -> str | None:
    if not inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
