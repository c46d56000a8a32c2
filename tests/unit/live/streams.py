"""A client of the stream within the process: runs the application as a server would, and reads its messages."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

from tests.waiting import PATIENCE_S


@dataclass
class Stream:
    """One open stream; ``status`` and ``headers`` are there once it has begun."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    _parts: asyncio.Queue = field(default_factory=asyncio.Queue)
    _text: str = ""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    _taking: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self):
        """Give the application the request's empty body, then nothing until the client leaves."""
        if not self._taking.is_set():
            self._taking.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        """Take what the application answers."""
        await self._parts.put(message)

    async def begin(self):
        """Read the answer's head."""
        head = await asyncio.wait_for(self._parts.get(), PATIENCE_S)
        self.status = head["status"]
        self.headers = {name.decode(): value.decode() for name, value in head["headers"]}
        return self

    async def block(self):
        """Return the next block of the stream as its fields, None at its end."""
        while "\n\n" not in self._text:
            part = await asyncio.wait_for(self._parts.get(), PATIENCE_S)
            self._text += part["body"].decode()
            if not part.get("more_body"):
                return None
        block, _, self._text = self._text.partition("\n\n")
        return dict(line.split(": ", 1) for line in block.splitlines())

    async def message(self):
        """Return the next message, with its id; None at the end of the stream."""
        while (block := await self.block()) is not None:
            if "data" in block:
                told = json.loads(block["data"])
                assert int(block["id"]) == told["next"]
                return told
        return None

    async def until(self, position):
        """Return what changed, read up to a position, as (kind, id)."""
        changed, at = [], -1
        while at < position:
            told = await self.message()
            assert not told["reload"]
            at = told["next"]
            changed += [(one["kind"], one["id"]) for one in told["changes"]]
        return changed

    async def body(self):
        """Return what the application answers in place of a stream."""
        part = await asyncio.wait_for(self._parts.get(), PATIENCE_S)
        return json.loads(part["body"])


def scope_of(headers):
    """Return the request of a stream with these headers, as a server gives it to the application."""
    named = {"host": "localhost", "accept": "text/event-stream"} | headers
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/live",
        "raw_path": b"/live",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 80),
    }


@contextlib.asynccontextmanager
async def stream(web, **headers):
    """Open the stream of ``web`` with these headers, and leave it at the end of the block."""
    opened = Stream()
    task = asyncio.create_task(web(scope_of(headers), opened.receive, opened.send))
    try:
        yield await opened.begin()
    finally:
        opened.left.set()
        await asyncio.wait_for(task, PATIENCE_S)
