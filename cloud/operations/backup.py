"""A backup of everything that a server keeps, made while it runs and is written to.

The rows are those of one moment: one reading transaction sees them all. Images are named by their content and never
change, so they are copied after the rows; until then none is deleted, whose deletion waits (docs/decisions/0088).
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, func, select

from cloud import bootstrap
from cloud.adapters.local.files import alone
from cloud.bootstrap import IMAGES, KEYS, OUTBOX, PKI, UPDATE_KEY
from cloud.errors import ConfigurationError
from cloud.operations import rows
from cloud.operations.archive import ArchiveWriter, Manifest
from cloud.ports.database import Database
from cloud.settings import Settings

TABLES = "tables"
Tell = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and of how much."""


def back_up(settings: Settings, target: Path, tell: Tell) -> Manifest:
    """Write a backup to the new file ``target``, for its owner only, and return what is in it.

    Raises ConfigurationError when the file is there already or cannot be written, or when there is no database.
    """
    if target.exists():
        raise ConfigurationError(f"expected a new file for the backup, {target} is there already")
    data = settings.data.resolve()
    with _written(target) as file, closing(bootstrap.open_database(settings)) as database:
        revision = database.revision()
        if revision is None:
            raise ConfigurationError(f"expected a database to back up, the one of {data} is empty")
        archive = ArchiveWriter(file, Manifest(revision, time.time_ns() // 1_000_000))
        with alone(data / IMAGES):
            images = _add_rows(archive, database, target.parent, tell)
            _add_images(archive, data / IMAGES, images, tell)
        _add_folders(archive, data, tell)
        archive.finish()
    return archive.manifest


@contextmanager
def _written(target: Path) -> Iterator[IO[bytes]]:
    """Yield a file that gets its name once it is whole and on the disk, and is gone if it never is."""
    partial = target.with_name(f".{target.name}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise ConfigurationError(f"expected to write the backup to {target}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _add_rows(archive: ArchiveWriter, database: Database, spare: Path, tell: Tell) -> list[tuple[str, str]]:
    """Add every table as it is at one moment; return the images whose bytes were here then."""
    with database.read() as unit_of_work:
        connection = unit_of_work.connection
        tables = rows.stored_tables(connection)
        total = sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)
        done = 0

        def count(portion: int) -> None:
            nonlocal done
            done += portion
            tell("rows", done, total)

        for table in tables:
            # The size of a file stands before it in a tar, so the rows are written beside it first.
            with tempfile.TemporaryFile(dir=spare) as written:
                archive.manifest.tables[table.name] = rows.dump(connection, table, written, count)
                size = written.tell()
                written.seek(0)
                archive.add(f"{TABLES}/{table.name}.jsonl.gz", written, size)
        return _images(connection)


def _images(connection: Connection) -> list[tuple[str, str]]:
    table = next(one for one in rows.stored_tables(connection) if one.name == "images")
    uploaded = select(table.c.household_id, table.c.sha256).where(table.c.uploaded_at.is_not(None)).distinct()
    return [(household_id, sha256) for household_id, sha256 in connection.execute(uploaded)]


def _add_images(archive: ArchiveWriter, folder: Path, images: list[tuple[str, str]], tell: Tell) -> None:
    for number, (household_id, sha256) in enumerate(images, start=1):
        name = f"{household_id}/{sha256[:2]}/{sha256}.jpg"
        if not _add_file(archive, f"{IMAGES}/{name}", folder / name):
            archive.manifest.missing.append(name)
        tell("images", number, len(images))


def _add_folders(archive: ArchiveWriter, data: Path, tell: Tell) -> None:
    found = [file for name in (KEYS, PKI, OUTBOX) for file in sorted((data / name).rglob("*"))]
    files = [file for file in (*found, data / UPDATE_KEY) if file.is_file() and not file.name.startswith(".")]
    for number, file in enumerate(files, start=1):
        _add_file(archive, str(file.relative_to(data)), file)  # a key may be rotated away, a mail taken by its reader
        tell("keys and mails", number, len(files))


def _add_file(archive: ArchiveWriter, name: str, file: Path) -> bool:
    """Add a file; False when it is not there."""
    try:
        content = file.open("rb")
    except FileNotFoundError:
        return False
    with content:
        archive.add(name, content, os.fstat(content.fileno()).st_size)
    return True
