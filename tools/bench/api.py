"""The HTTP interface beside a bare FastAPI hello: both served by uvicorn, one process each, rounds in turns.

``python -m tools.bench.api [--rounds N] [--seconds S] [--only sqlite|mariadb]`` starts ``pillarbox up`` on a folder
of its own and asks over 64 connections: reports of 64 boards in 8 households, each committed to the disk before its
answer, and pages of 100 of a board with 10,000 events. Every request carries an access token.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import uvicorn
from fastapi import FastAPI

from cloud.worker.serve import configuration
from tools.bench.http_load import Load, Outcome, measure, request
from tools.parts.mariadb import fetch_mariadb
from tools.parts.mariadb_server import MariadbServer

CONNECTIONS, HOUSEHOLDS = 64, 8
LONG_LIST = 10_000
TO_HOLD = {"post": 40, "page": 15}
# Nothing settles while we measure: the deliveries that follow are another bench's.
SETTLE_S = 24 * 3600
# Eight people send what thousands would.
NO_LIMIT = {"PILLARBOX_API_PER_MINUTE": "6000000", "PILLARBOX_API_BURST": "1000000"}
Requests = tuple[tuple[bytes, ...], ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A device and a token of its household."""

    number: int
    token: str


def main() -> int:
    """Measure on each database, print tables, and return 1 when a ratio is not held or an answer was an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--only", choices=["sqlite", "mariadb"])
    parser.add_argument("--serve-hello", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve_hello:
        serve_hello(chosen.serve_hello)
        return 0
    failed = 0
    with tempfile.TemporaryDirectory(prefix="pillarbox-bench-") as name:
        folder = Path(name)
        if chosen.only != "mariadb":
            print("SQLite, every commit on the disk", flush=True)
            failed += _measured(folder / "sqlite", "", chosen)
        if chosen.only != "sqlite":
            server = MariadbServer(fetch_mariadb(), folder / "server")
            server.start()
            try:
                print("MariaDB, every commit on the disk", flush=True)
                failed += _measured(folder / "mariadb", server.url(), chosen)
            finally:
                server.stop()
    return int(failed > 0)


def serve_hello(port: int) -> None:
    """Serve the least that FastAPI can answer, by uvicorn as ``pillarbox up`` configures it."""
    web = FastAPI()

    @web.get("/")
    async def hello() -> dict[str, str]:
        return {"message": "hello"}

    config = configuration(web, stop_s=5)
    config.host, config.port = "127.0.0.1", port
    uvicorn.Server(config).run()


def _measured(folder: Path, database_url: str, chosen: argparse.Namespace) -> int:
    """Return how many of the ratios are not held."""
    with pillarbox(folder, database_url) as port, _hello() as hello_port:
        boards = make_boards(port)
        loads = {
            "hello": (hello_port, ((request("GET", "/"),),) * CONNECTIONS),
            "post": (port, tuple(_reports(board) for board in boards)),
            "page": (port, _pages(port, boards[0])),
        }
        found: dict[str, list[Outcome]] = {name: [] for name in loads}
        for _ in range(chosen.rounds):
            for name, (at, requests) in loads.items():
                found[name].append(measure(Load(at, chosen.seconds, requests)))
    return sum(not _is_held(name, found) for name in found)


def _is_held(name: str, found: dict[str, list[Outcome]]) -> bool:
    """Print a line of the table; the ratio is the median of the rounds' ratios."""
    outcomes = found[name]
    rate, errors = statistics.median(one.rate for one in outcomes), sum(one.errors for one in outcomes)
    ratio = 100 * statistics.median(one.rate / hello.rate for one, hello in zip(outcomes, found["hello"], strict=True))
    to_hold = TO_HOLD.get(name, 0)
    print(
        f"  {name:5s} {rate:7,.0f}/s  {ratio:5.1f} % of hello (to hold: {to_hold} %)  {errors} errors  "
        f"median {statistics.median(one.median_ms for one in outcomes):.1f} ms, "
        f"p99 {statistics.median(one.p99_ms for one in outcomes):.1f} ms  "
        f"client {100 * statistics.median(one.client_share for one in outcomes):.0f} % of a core",
        flush=True,
    )
    return ratio >= to_hold and errors == 0


def _reports(board: Board) -> tuple[bytes, ...]:
    bodies = ({"device_id": board.number, "event_type": kind} for kind in ("open", "close"))
    return tuple(request("POST", "/mailbox/events", board.token, json.dumps(body).encode()) for body in bodies)


def _pages(port: int, board: Board) -> Requests:
    """Return the requests for pages of a long list, which is made first."""
    filling = tuple(_reports(board) for _ in range(CONNECTIONS))
    path = f"/mailbox/events?device_id={board.number}&limit=100"
    while _count(port, board) < LONG_LIST:
        measure(Load(port, 2.0, filling))
    return ((request("GET", path, board.token),),) * CONNECTIONS


def _count(port: int, board: Board) -> int:
    """Return how many events the board has, as far as it matters."""
    count, cursor = 0, ""
    while count < LONG_LIST:
        rows, headers = _ask(port, f"/mailbox/events?device_id={board.number}&limit=500{cursor}", board.token)
        count += len(rows)
        if "x-next-cursor" not in headers:
            break
        cursor = f"&cursor={headers['x-next-cursor']}"
    return count


def make_boards(port: int) -> list[Board]:
    """Make a board for each connection, in several households."""
    tokens = []
    for number in range(HOUSEHOLDS):
        person = {"name": "Bench", "email": f"bench{number}@example.org", "password": "correct horse battery"}
        tokens.append(_ask(port, "/auth/register", "", person)[0]["token"])
    turns = [tokens[number % HOUSEHOLDS] for number in range(CONNECTIONS)]
    made = [_ask(port, "/devices", token, {"name": f"Box {place}"})[0]["id"] for place, token in enumerate(turns)]
    return [Board(number, token) for number, token in zip(made, turns, strict=True)]


def _ask(port: int, path: str, token: str, body: object = None) -> tuple[Any, dict[str, str]]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode() if body else None, headers
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - same
        return json.load(answer), {name.lower(): value for name, value in answer.headers.items()}


@contextmanager
def pillarbox(folder: Path, database_url: str) -> Iterator[int]:
    """Run the server on a folder and yield its port."""
    process, port = start_pillarbox(folder, database_url)
    with _ending(process):
        yield port


def start_pillarbox(folder: Path, database_url: str, port: int = 0) -> tuple["subprocess.Popen[str]", int]:
    """Start the server on a folder, its log beside it; returns it with its port once it listens."""
    options = ("--data", str(folder), "--port", str(port), "--mqtt-port", "0", "--json")
    settings = {"PILLARBOX_DATABASE_URL": database_url, "PILLARBOX_SETTLE_S": str(SETTLE_S)} | NO_LIMIT
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.with_name(f"{folder.name}.log")
    with log.open("a") as lines:
        server = _start([sys.executable, "-m", "tools", "up", *options], settings, lines)
    said = server.stdout.readline() if server.stdout else ""
    if not said:
        raise RuntimeError(f"expected the server to start, its log ends with\n{log.read_text()[-3000:]}")
    return server, int(json.loads(said)["url"].rpartition(":")[2])


@contextmanager
def _hello() -> Iterator[int]:
    port = 20000 + os.getpid() % 10000
    with _ending(_start([sys.executable, "-m", "tools.bench.api", "--serve-hello", str(port)], {})):
        while not _is_up(port):
            time.sleep(0.1)
        yield port


def _start(command: list[str], settings: dict[str, str], log: IO[str] | None = None) -> "subprocess.Popen[str]":
    environment = os.environ | settings
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)  # noqa: S603 - our own


@contextmanager
def _ending(process: "subprocess.Popen[str]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _is_up(port: int) -> bool:
    try:
        _ask(port, "/", "")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
