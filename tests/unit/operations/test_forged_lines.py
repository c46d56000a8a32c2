"""What strangers write never begins a line of the log: not by path, header, body, device message or topic."""

import io
import json
import logging
import re
from urllib.parse import quote

import pytest
from fastapi import Request
from starlette.testclient import TestClient

from cloud.log_lines import JsonLines, TextLines
from cloud.web.app import create_app
from firmware.wire import topics
from tests.unit.cloud.messages import dlq, event, events, say_bytes

BEGIN = "2026-01-01T00:00:00.000+00:00 ERROR root:"
FORGED = f'x\n{BEGIN} forged\r\n{{"level": "error"}}\x1b[31m\x1b]0;t\x07\x85\u2028{BEGIN} again\v\f\x00'
OF_TEXT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00 [A-Z]+ [\w.]+: [^\x00-\x1f\x7f-\x9f\u2028\u2029]*")


class Log:
    """What is logged, in both forms."""

    def __init__(self):
        self.records = []
        self.forms = {form: io.StringIO() for form in (JsonLines, TextLines)}
        self._handlers = [logging.StreamHandler(out) for out in self.forms.values()]
        for handler, form in zip(self._handlers, self.forms, strict=True):
            handler.setFormatter(form())
        counting = logging.Handler()
        counting.emit = self.records.append
        self._handlers.append(counting)

    def __enter__(self):
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(logging.INFO)
        for handler in self._handlers:
            root.addHandler(handler)
        return self

    def __exit__(self, *_):
        root = logging.getLogger()
        root.setLevel(self._level)
        for handler in self._handlers:
            root.removeHandler(handler)

    def check(self):
        """Fail unless every record is one line, and the lines of an error are told from those of records."""
        assert self.records
        whole = [json.loads(line) for line in self._lines(JsonLines)]
        assert [line["level"] for line in whole] == [record.levelname.lower() for record in self.records]
        begun = [line for line in self._lines(TextLines) if not line.startswith("    ")]
        assert len(begun) == len(self.records)
        assert [line for line in begun if not OF_TEXT.fullmatch(line)] == []

    def _lines(self, form):
        """Return the lines as a terminal or a program that knows Unicode takes them."""
        return self.forms[form].getvalue().splitlines()


@pytest.fixture
def log():
    with Log() as log:
        yield log
        log.check()


@pytest.fixture
def client(app):
    """A client of an application that has faults, each of which quotes the caller."""
    web = create_app(app, lambda _: None)

    @web.post("/faults/{name}")
    async def fail(name: str, request: Request) -> None:
        body = await request.json()
        raise RuntimeError(name, body, request.headers["x-note"])

    return TestClient(web, base_url="http://localhost:8000", raise_server_exceptions=False)


def test_a_fault_that_quotes_path_header_and_body(client, log):
    # No newline gets into a header, see test_slow_clients and h11; every other character may.
    unbroken = FORGED.replace("\n", "").replace("\r", "").encode()
    headers = {"x-note": unbroken, "x-request-id": unbroken}
    path = "/faults/" + quote(FORGED, safe="")
    assert client.post(path, json={FORGED: FORGED}, headers=headers).status_code == 500
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=RuntimeError(FORGED))
    assert len(log.records) >= 2


def test_what_devices_say_and_what_they_are_called(app, home, log):
    say_bytes(app, home.board.thing, topics.EVENTS, FORGED.encode())
    say_bytes(app, FORGED, topics.HEARTBEAT, b"{}")
    say_bytes(app, home.board.thing, topics.EVENTS, json.dumps(events(event("open", 1, event_id=FORGED))).encode())
    assert len(dlq(app)) == len(log.records) == 3


@pytest.mark.parametrize("topic", [f"pillarbox/v1/{FORGED}/events", f"pillarbox/v1/board-1/{FORGED}", FORGED])
def test_a_topic_that_is_none(log, topic):
    with pytest.raises(ValueError, match="forged") as caught:
        topics.parse(topic)
    # As the hub does, to which the broker's own rules let none of these through.
    logging.getLogger("cloud.adapters.local.device_hub").warning("%s: %s", topic, caught.value)
    assert len(log.records) == 1
