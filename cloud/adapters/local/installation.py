"""One data folder to a database: both hold the id of the installation that they are of (docs/decisions/0139)."""

from pathlib import Path
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from cloud.adapters.local.files import write_durably
from cloud.errors import ConfigurationError
from cloud.http_tables import installation
from cloud.ports.database import Database
from cloud.tables import households

ID_FILE = "installation"
# Of the only row.
_NUMBER = 1


def check_folder(database: Database, data: Path, keys: Path, *, is_inside: bool) -> None:
    """Raise ConfigurationError where the database belongs to another data folder; at first each takes the other's id.

    ``keys`` is the folder in ``data`` that a server has from its first start on; the id is there. A database that
    ``is_inside`` its folder always belongs to it.
    """
    file, held = keys / ID_FILE, _held(database)
    known = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    if held is None and (known or is_inside or keys.is_dir() or not _is_used(database)):
        known = known or str(uuid4())
        write_durably(file, known.encode())  # first: a database without an id takes that of any folder
        held = _take(database, known)
    if known != held and is_inside and held:
        write_durably(file, held.encode())
    elif known != held:
        raise ConfigurationError(
            f"expected the data folder of the server that this database belongs to, got {data}, which has other images "
            f"and keys; choose its folder (--data), or a database of this server's own. Where that folder is lost, and "
            f"its images with it, this one takes its place once {file} says {held or uuid4()}"
        )


def _take(database: Database, known: str) -> str:
    """Give the database the folder's id, and return the id that it has: another server may have been first."""
    try:
        with database.write() as unit_of_work:
            unit_of_work.connection.execute(installation.insert().values(number=_NUMBER, id=known))
    except IntegrityError:
        return _held(database) or ""
    return known


def _held(database: Database) -> str | None:
    with database.read() as unit_of_work:
        return unit_of_work.connection.execute(select(installation.c.id)).scalar_one_or_none()


def _is_used(database: Database) -> bool:
    """Return whether somebody's rows are there, as of a server that never took an id."""
    with database.read() as unit_of_work:
        return unit_of_work.connection.execute(select(households.c.id).limit(1)).first() is not None
