"""A server with letters, mails and faults, and everything that it keeps, to be compared."""

from sqlalchemy import select

from cloud.operations.rows import stored_tables
from tests.unit.cloud.fakes import FakeOcrEngine, deliver, drain, with_ports
from tests.unit.cloud.messages import photo, say_bytes

MOVED = ("feeds", "position")
FOLDERS = ("images", "keys", "pki", "outbox")


def filled(app, home):
    """Return the application after two letters, one of them unreadable, with an e-mail each and a foreign message."""
    app = with_ports(app, ocr_engine=FakeOcrEngine())
    deliver(app, home, photo("read", 1))
    drain(app)
    blank = with_ports(app, ocr_engine=FakeOcrEngine(words=()))
    deliver(blank, home, photo("blank", 2), seq=4)
    drain(blank)
    say_bytes(app, home.board.thing, "events", b"\xff\x00 no JSON")
    return app


def every_row(database):
    """Return the rows of every table, by table, but for where feeds end: a restore leaves a gap there."""
    with database.read() as unit_of_work:
        connection = unit_of_work.connection
        return {
            table.name: [tuple(row) for row in connection.execute(whole(table).order_by(*table.primary_key.columns))]
            for table in stored_tables(connection)
        }


def whole(table):
    return select(*(column for column in table.columns if (table.name, column.name) != MOVED))


def every_file(data):
    """Return content and mode of every file that a backup holds, by name."""
    files = [file for name in FOLDERS for file in (data / name).rglob("[!.]*") if file.is_file()]
    return {str(file.relative_to(data)): (file.read_bytes(), file.stat().st_mode & 0o777) for file in files}


def silent(_part, _done, _total):
    """Hear of progress and say nothing."""
