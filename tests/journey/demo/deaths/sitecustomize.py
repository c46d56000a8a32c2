"""Kills the server that loads it with SIGKILL at chosen commits, each death once; put on PYTHONPATH by the tests.

The file named by PILLARBOX_TEST_DEATHS holds one death a line: name, moment (before, after, later), SQL.
A death is due when its SQL, run inside the transaction that is about to commit, returns a row.
"""

import os
import signal
import sys
import threading
from pathlib import Path

LATER_S = 0.4


def _arm(book: Path) -> None:
    from sqlalchemy import Engine, event  # noqa: PLC0415 - only the server that dies needs it

    lock = threading.Lock()
    deaths = [line.split("\t") for line in book.read_text().splitlines()]
    done = book.with_suffix(".done")

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def note(name: str) -> None:
        with done.open("a") as file:
            file.write(name + "\n")
            file.flush()
            os.fsync(file.fileno())

    def before_commit(connection) -> None:
        with lock:
            over = done.read_text().splitlines() if done.exists() else []
            for name, moment, sql in deaths:
                if name in over or connection.connection.cursor().execute(sql).fetchone() is None:
                    continue
                note(name)
                if moment == "later":
                    threading.Timer(LATER_S, die).start()
                else:
                    if moment == "after":
                        connection.connection.dbapi_connection.commit()
                    die()
                return

    event.listen(Engine, "commit", before_commit)


if "up" in sys.orig_argv and "PILLARBOX_TEST_DEATHS" in os.environ:
    _arm(Path(os.environ["PILLARBOX_TEST_DEATHS"]))
