"""Kill the server under load: what was acknowledged is stored, exactly once.

``python -m tools.bench.kill [--runs 20] [--only sqlite|mariadb]`` sends SIGKILL at a random moment of each run to the
process that stores, and in every second run on MariaDB to the database server before: first while callers write
through the group-commit writer and boards' reports come twice each; then while boards report over MQTT, where the
server is started again and takes up what it had not acknowledged; then while boards report over HTTP, where also the
process beside the server is killed and what was not answered is sent again. A row too many or too few ends it with
an error.
"""

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import func, select

from cloud import bootstrap, pipeline
from cloud.errors import RetryLaterError
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import DeviceMessage
from cloud.settings import Settings
from cloud.tables import households, mailbox_events
from firmware.wire import topics
from tools.bench import kill_http, kill_ingest
from tools.bench.ingest import prepare
from tools.bench.mqtt_broker import running_broker
from tools.parts.mariadb import fetch_mariadb
from tools.parts.mariadb_server import MariadbServer

INSTALL = "9f3c2a7be4d01586"
BOARDS, CALLERS = 20, 40
RUN_MS = (200, 1500)

Work = Callable[[UnitOfWork], None]


def store(settings: Settings, first: int, pipe: Connection) -> None:
    """Write rows and reports from the number ``first`` on, and tell each number whose group is committed."""
    app = bootstrap.build(settings)
    number = first
    while True:
        callers = [app.ports.writer.submit(_caller(number, place)) for place in range(CALLERS)]
        # The broker sends again what was not acknowledged in time: every report comes twice.
        reports = [app.ports.writer.submit(_reports(app, number)) for _ in range(2)]
        if _all_committed([*callers, *reports]):
            pipe.send(number)
        number += 1


def _caller(number: int, place: int) -> Work:
    def work(unit_of_work: UnitOfWork) -> None:
        row = {"id": f"{number}-{place}", "name": "of a caller", "created_at": number}
        unit_of_work.connection.execute(households.insert().values(**row))

    return work


def _reports(app: bootstrap.Application, seq: int) -> Work:
    kind = ("open", "close")[seq % 2]
    event = {"event_id": f"{INSTALL}-1-{seq}", "event_type": kind, "seq": seq, "age_ms": 0, "err_ms": 0}
    said = {"v": 1, "fw": "1", "install": INSTALL, "boot": 1, "clk": "none", "lost": 0, "events": [event]}
    payload = json.dumps(said).encode()

    def work(unit_of_work: UnitOfWork) -> None:
        things = [f"board-{board:04d}" for board in range(BOARDS)]
        group = [DeviceMessage(thing, topics.EVENTS, payload, unit_of_work.now) for thing in things]
        pipeline.take(app.ports, app.queue, unit_of_work, group)

    return work


def _all_committed(futures: list[Future[None]]) -> bool:
    faults = [fault for future in futures if (fault := future.exception()) is not None]
    for fault in faults:
        if not isinstance(fault, RetryLaterError):
            raise fault
    return not faults


def run(settings: Settings, first: int, server: MariadbServer | None) -> tuple[int, int]:
    """Kill once at a random moment; returns how many groups were acknowledged, and the next free number.

    Raises AssertionError when one of them is not whole, or anything is there twice.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=store, args=(settings, first, theirs), daemon=True)
    process.start()
    theirs.close()  # so that the end of a process that cannot begin is heard
    acknowledged = {ours.recv()}
    _receive_for(random.uniform(*RUN_MS) / 1000, ours, acknowledged)  # noqa: S311 - no secret
    if server:
        server.kill()
        server.start()
        _receive_for(1.0, ours, acknowledged)
    process.kill()
    process.join()
    _receive_for(0, ours, acknowledged)
    return len(acknowledged), check(settings, first, acknowledged)


def check(settings: Settings, first: int, acknowledged: set[int]) -> int:
    """Return the next free number; raises AssertionError when an acknowledged group is not whole or is there twice."""
    rows = households.c
    by_number = select(rows.created_at, func.count()).where(rows.name == "of a caller", rows.created_at >= first)
    seq = mailbox_events.c.seq
    by_seq = select(seq, func.count(), func.count(mailbox_events.c.device_id.distinct())).where(seq >= first)
    database = bootstrap.open_database(settings)
    with database.read() as unit_of_work:
        execute = unit_of_work.connection.execute
        callers = {row[0]: row[1] for row in execute(by_number.group_by(rows.created_at))}
        reports = {row[0]: tuple(row[1:]) for row in execute(by_seq.group_by(seq))}
    database.close()
    for number in acknowledged:
        assert callers.get(number) == CALLERS, f"{number}: expected {CALLERS} rows, got {callers.get(number)}"  # noqa: S101
    wrong = {number: found for number, found in reports.items() if found != (BOARDS, BOARDS)}
    assert not wrong, f"expected each board's report once, got {wrong}"  # noqa: S101 - a check is what this is for
    assert acknowledged <= set(reports), f"lost {acknowledged - set(reports)}"  # noqa: S101 - same
    return int(max({first, *callers, *reports})) + 2


def _receive_for(seconds: float, pipe: Connection, into: set[int]) -> None:
    deadline = time.monotonic() + seconds
    while pipe.poll(max(0.0, deadline - time.monotonic())):
        try:
            into.add(pipe.recv())
        except EOFError:
            return


def _runs(folder: Path, runs: int, server: MariadbServer | None) -> None:
    name = "MariaDB" if server else "SQLite"
    settings = Settings(data=folder, database_url=SecretStr(server.url() if server else ""))
    things = prepare(settings, BOARDS)
    first, total = 0, 0
    for number in range(runs):
        groups, first = run(settings, first, server if number % 2 else None)
        total += groups
    rows = total * (CALLERS + BOARDS)
    print(f"{name}: {runs} runs, {total:,} groups with {rows:,} rows acknowledged, all stored, each once", flush=True)
    with running_broker(folder) as broker:
        stored = sum(kill_ingest.run(settings, broker, things, server if place % 2 else None) for place in range(runs))
    print(f"{name}: {runs} runs, {stored:,} reports over MQTT, all stored, each once, none acked before", flush=True)
    stored = kill_http.run_all(folder / "http", runs, server)
    print(f"{name}: {runs} runs, {stored:,} reports over HTTP, all stored, each once, none answered before", flush=True)


def main() -> None:
    """Run on both databases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", choices=["sqlite", "mariadb"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pillarbox-kill-") as name:
        if chosen.only != "mariadb":
            _runs(Path(name) / "on-sqlite", chosen.runs, None)
        if chosen.only != "sqlite":
            server = MariadbServer(fetch_mariadb(), Path(name) / "mariadb")
            server.start("pillarbox", kill_http.SCHEMA)
            try:
                _runs(Path(name) / "on-mariadb", chosen.runs, server)
            finally:
                server.stop()


if __name__ == "__main__":
    main()
