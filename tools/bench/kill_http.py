"""Kill the server, or the process beside it, while boards report over HTTP: what was answered is stored once."""

import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import func, select

from cloud import bootstrap
from cloud.adapters.local.group_work_process import CHILD_MODULE
from cloud.settings import Settings
from cloud.tables import mailbox_events
from tools.bench.api import Board, make_boards, start_pillarbox
from tools.parts.mariadb_server import MariadbServer

# The process beside the server starts within a second or two of such a load.
RUN_MS = (500, 5000)
RESEND_S = 120.0
# Its folder is another one, and a schema belongs to one.
SCHEMA = "http"


class Caller(threading.Thread):
    """Reports one event after the other, each under a name of its own, and keeps which were answered."""

    def __init__(self, port: int, board: Board, run: str, is_over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._run, self._is_over = port, run, is_over
        self.board = board
        self.answered: set[str] = set()
        self.unanswered: set[str] = set()

    def run(self) -> None:
        """Report until the run is over."""
        number, line = 0, http.client.HTTPConnection("127.0.0.1", self._port, timeout=RESEND_S)
        while not self._is_over.is_set():
            number += 1
            name = f"{self._run}.{self.board.number}.{number}"
            into = self.answered if report(line, self.board, name) else self.unanswered
            into.add(name)


def report(line: http.client.HTTPConnection, board: Board, name: str) -> bool:
    """Report an event; returns whether it was answered, not whether it was stored."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {board.token}"}
    body = json.dumps({"device_id": board.number, "event_type": "open", "event_id": name})
    try:
        line.request("POST", "/mailbox/events", body, headers)
        answer = line.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        line.close()
        time.sleep(0.01)  # nobody is there any more
        return False
    assert answer.status in (200, 503), f"expected 200, or 503 of a database that is away, got {answer.status}"  # noqa: S101
    return answer.status == 200


class Household:
    """A data folder, its boards, and the server that runs on it."""

    def __init__(self, folder: Path, url: str, database: MariadbServer | None) -> None:
        self._settings = Settings(data=folder, database_url=SecretStr(url))
        self._folder, self._url, self._database = folder, url, database
        self._server, self._port = start_pillarbox(folder, url)
        self._boards = make_boards(self._port)

    def run(self, turn: int) -> int:
        """Kill once at a random moment under load, start again, and return how many reports were stored.

        Raises AssertionError when one that was answered is missing, or any is there twice.
        """
        is_over = threading.Event()
        callers = [Caller(self._port, board, f"r{turn}", is_over) for board in self._boards]
        for caller in callers:
            caller.start()
        _wait()
        self._kill(turn)
        is_over.set()
        for caller in callers:
            caller.join()
        self._end()
        answered = set().union(*(caller.answered for caller in callers))
        lost = answered - self._stored(turn)
        assert not lost, f"expected all that were answered, got none of {sorted(lost)[:5]}"  # noqa: S101
        # The same address: tokens name it.
        self._server, self._port = start_pillarbox(self._folder, self._url, self._port)
        self._resend(callers)
        everything = answered.union(*(caller.unanswered for caller in callers))
        assert self._stored(turn) == everything, "expected each report that was sent again"  # noqa: S101
        return len(everything)

    def close(self) -> None:
        """Kill the server."""
        self._end()

    def _kill(self, turn: int) -> None:
        """Kill the process beside the server, the database server, or nobody but the server itself."""
        if turn % 3 == 1:
            for child in self._beside():
                os.kill(child, signal.SIGKILL)
            _wait()
        if turn % 3 == 2 and self._database:
            self._database.kill()
            self._database.start()
            _wait()
        self._server.kill()

    def _end(self) -> None:
        self._server.kill()
        self._server.wait()

    def _beside(self) -> Iterable[int]:
        children = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children").read_text().split()
        return [int(child) for child in children if CHILD_MODULE in Path(f"/proc/{child}/cmdline").read_text()]

    def _resend(self, callers: Iterable[Caller]) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=RESEND_S)
        deadline = time.monotonic() + RESEND_S
        for caller in callers:
            for name in sorted(caller.unanswered):
                while not report(line, caller.board, name):
                    assert time.monotonic() < deadline, f"expected an answer for {name}"  # noqa: S101

    def _stored(self, turn: int) -> set[str]:
        """Return the names of the run's stored reports; raises AssertionError when one is there twice."""
        name = mailbox_events.c.event_id
        query = select(name, func.count()).where(name.like(f"http.r{turn}.%")).group_by(name)
        database = bootstrap.open_database(self._settings)
        with database.read() as unit_of_work:
            found = unit_of_work.connection.execute(query).all()
        database.close()
        twice = [row[0] for row in found if row[1] != 1]
        assert not twice, f"expected each report once, got {twice} more often"  # noqa: S101
        return {row[0].removeprefix("http.") for row in found}


def _wait() -> None:
    time.sleep(random.uniform(*RUN_MS) / 1000)  # noqa: S311 - no secret


def run_all(folder: Path, runs: int, server: MariadbServer | None) -> int:
    """Return how many reports were stored in so many runs."""
    household = Household(folder, server.url(SCHEMA) if server else "", server)
    try:
        return sum(household.run(turn) for turn in range(runs))
    finally:
        household.close()
