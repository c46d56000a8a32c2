"""Putting a backup back: into an empty data folder and an empty database, of either kind."""

import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import MetaData

from cloud import bootstrap
from cloud.adapters.local.files import make_folder
from cloud.bootstrap import IMAGES, KEYS, OUTBOX, PKI, UPDATE_KEY
from cloud.errors import ConfigurationError, RefusedError
from cloud.live.repository import FeedRepository
from cloud.migrations.upgrade import VERSION_TABLE, check_known
from cloud.operations import rows
from cloud.operations.archive import Archive, Manifest
from cloud.operations.backup import TABLES, Tell
from cloud.ports.database import Database
from cloud.settings import Settings

FOLDERS = (IMAGES, KEYS, PKI, OUTBOX)
# At the top of a disk, and the operating system's.
LOST_AND_FOUND = "lost+found"


def restore(settings: Settings, source: Path, tell: Tell, *, overwrite: bool = False) -> Manifest:
    """Restore the backup in ``source`` and return what was in it; the tables are at the newest revision then.

    Nothing is touched before every byte of the backup is checked. Raises RefusedError for a file that is no whole
    backup, ConfigurationError for a target that is in use, or that holds something unless ``overwrite``.
    """
    data = settings.data.resolve()
    with closing(Archive(source)) as archive:
        check_known(archive.manifest.revision)
        for number, _ in enumerate(archive.check(), start=1):
            tell("checking", number, len(archive.manifest.files))
        with bootstrap.lock(data), closing(bootstrap.open_database(settings)) as database:
            # One that the backup does not have stays: without it no board would ever take an update again.
            keys = [data / UPDATE_KEY] if UPDATE_KEY in archive.manifest.files else []
            _make_room(data, keys, database, overwrite=overwrite)
            database.migrate(archive.manifest.revision)
            _restore_files(archive, data, tell)
            # Last, and all or none: until then a server that is started here is one without any household.
            _restore_rows(archive, database, tell)
            database.migrate()
            with database.write() as unit_of_work:
                FeedRepository(unit_of_work).leave_gap()
    return archive.manifest


def _make_room(data: Path, keys: Sequence[Path], database: Database, *, overwrite: bool) -> None:
    """Empty folders and database, the folders first: where that fails the database is as it was."""
    _expect_folders(data)
    kept = [name for name in FOLDERS if any(file.is_file() for file in (data / name).rglob("[!.]*"))]
    kept += [key.name for key in keys if key.exists()]
    kept += ["the database"] if database.revision() is not None else []
    if kept and not overwrite:
        raise ConfigurationError(
            f"expected nothing in {data} and its database, found {', '.join(kept)}; --overwrite deletes that first"
        )
    for name in FOLDERS:
        _empty(data / name)
    for key in keys:
        key.unlink(missing_ok=True)
    with database.write() as unit_of_work:
        found = MetaData()
        found.reflect(unit_of_work.connection, only=lambda name, _: name in {*rows.OURS, VERSION_TABLE})
        found.drop_all(unit_of_work.connection)


def _expect_folders(data: Path) -> None:
    for folder in (data / name for name in FOLDERS):
        if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
            found = f"a link to {folder.readlink()}" if folder.is_symlink() else "a file"
            raise ConfigurationError(f"expected {folder} to be a folder, found {found}; is its disk mounted?")


def _empty(folder: Path) -> None:
    """Delete what is in a folder, not itself: it may link to a larger disk, or be where that one is mounted.

    Raises ConfigurationError when something cannot be deleted.
    """
    try:
        for one in folder.iterdir() if folder.exists() else ():
            if one.is_symlink() or not one.is_dir():
                one.unlink()
            elif one.name != LOST_AND_FOUND:
                shutil.rmtree(one)
    except OSError as error:
        raise ConfigurationError(f"expected to empty {folder}: {error}; delete what is in it, and try again") from error


def _restore_files(archive: Archive, data: Path, tell: Tell) -> None:
    names = [name for name in archive.manifest.files if not name.startswith(f"{TABLES}/")]
    try:
        for number, name in enumerate(names, start=1):
            make_folder((data / name).parent)
            with archive.open(name) as content, os.fdopen(_new_file(data / name), "wb") as file:
                shutil.copyfileobj(content, file)
            tell("files", number, len(names))
    except OSError as error:
        raise ConfigurationError(f"expected to write to {data}: {error}") from error
    os.sync()  # once for all of them, before the rows that speak of them are committed


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _restore_rows(archive: Archive, database: Database, tell: Tell) -> None:
    counts = archive.manifest.tables
    total, done = sum(counts.values()), 0

    def count(portion: int) -> None:
        nonlocal done
        done += portion
        tell("rows", done, total)

    with database.write() as unit_of_work:
        tables = rows.stored_tables(unit_of_work.connection)
        strange = counts.keys() - {table.name for table in tables}
        if strange:
            raise RefusedError(f"expected tables of revision {archive.manifest.revision}, got {', '.join(strange)}")
        for table in tables:
            if table.name in counts:
                with archive.open(f"{TABLES}/{table.name}.jsonl.gz") as content:
                    rows.load(unit_of_work.connection, table, content, count)
