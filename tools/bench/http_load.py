"""Many connections that ask again and again over HTTP/1.1, in one thread and with next to no work for an answer."""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle

HEAD_END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """Where to ask, for how long, and what: each connection has its own requests, sent in turn."""

    port: int
    seconds: float
    requests: tuple[tuple[bytes, ...], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answers a second, how many were not 200, the times of the median and the slowest percent, the client's load."""

    rate: float
    errors: int
    median_ms: float
    p99_ms: float
    client_share: float


class _Asking(asyncio.Protocol):
    """One connection: sends the next request once the answer to the last one is whole."""

    def __init__(self, requests: Sequence[bytes], ended: asyncio.Event, times: list[float]) -> None:
        self._requests = cycle(requests)
        self._ended = ended
        self._times = times
        self._received = b""
        self._began = 0.0
        self.errors = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport
            self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(HEAD_END)
        if end < 0:
            return
        head = self._received[:end].lower()
        _, _, length = head.partition(LENGTH)
        if len(self._received) < end + len(HEAD_END) + int(length.split(b"\r\n", 1)[0] or 0):
            return
        self._times.append(time.perf_counter() - self._began)
        self.errors += not head.startswith(b"http/1.1 200")
        self._received = b""
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.errors += not self._ended.is_set()

    def _ask(self) -> None:
        if self.transport and not self._ended.is_set():
            self._began = time.perf_counter()
            self.transport.write(next(self._requests))


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """Return the bytes of a request to localhost."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json"] if body else []
    lines += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def measure(load: Load) -> Outcome:
    """Put the load on a server, from a process of its own that starts fast."""
    asked = json.dumps(asdict(load) | {"requests": [[one.decode() for one in each] for each in load.requests]})
    done = subprocess.run([sys.executable, "-m", __name__], input=asked, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - ourselves
    return Outcome(**json.loads(done.stdout))


async def _ask_all(load: Load) -> Outcome:
    loop, ended, times = asyncio.get_running_loop(), asyncio.Event(), list[float]()
    connections = []
    before, began = _processor_s(), time.perf_counter()
    for requests in load.requests:
        make = partial(_Asking, requests, ended, times)
        connections.append((await loop.create_connection(make, "127.0.0.1", load.port))[1])
    await asyncio.sleep(load.seconds)
    passed, count = time.perf_counter() - began, len(times)
    share = (_processor_s() - before) / passed
    ended.set()
    times.sort()
    for connection in connections:
        if connection.transport:
            connection.transport.abort()
    errors = sum(connection.errors for connection in connections)
    return Outcome(count / passed, errors, 1000 * times[count // 2], 1000 * times[count * 99 // 100], share)


def _processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _main() -> None:
    asked = json.load(sys.stdin)
    requests = tuple(tuple(one.encode() for one in each) for each in asked["requests"])
    print(json.dumps(asdict(asyncio.run(_ask_all(Load(asked["port"], asked["seconds"], requests))))))


if __name__ == "__main__":
    _main()
