"""One running server for all uploads, and a mailbox whose gateway does what the tests want."""

import http.client
import itertools
import json
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from cloud.accounts.model import token_hash
from cloud.accounts.repository import AccountRepository
from cloud.web.pages.site import SESSION_COOKIE
from firmware.wire import topics
from tests.running_server import RunningServer
from tests.things import Thing
from tests.unit.cloud.messages import announcement, event, events
from tests.waiting import PATIENCE_S, until
from tools.cli import app as program

SEQUENCE = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict

    @property
    def form(self):
        return set(self.body)


def call(server, method, path, *, body=b"", headers=None):
    """Make one HTTP request, byte for byte as told, and return its JSON answer."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        text = response.read()
        return Answer(response.status, json.loads(text) if text else {})
    finally:
        connection.close()


def call_as_owner(server, bundle, method, path, body=None):
    """Make one HTTP request as the owner of a device, logged in, and return its JSON answer."""
    session = secrets.token_hex()
    query = "SELECT user_id FROM memberships JOIN devices USING (household_id) WHERE thing = ?"
    ((owner,),) = server.rows(query, bundle.name)
    with server.database.write() as unit_of_work:
        AccountRepository(unit_of_work).add_session(token_hash(session), owner, 2**50)
    headers = {"Cookie": f"{SESSION_COOKIE}={session}", "Content-Type": "application/json"}
    return call(server, method, path, body=json.dumps(body).encode() if body else b"", headers=headers)


def put(server, grant, content, **headers):
    """Upload as a grant says."""
    url = urlsplit(grant["url"])
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(server, "PUT", f"{url.path}?{url.query}", body=content, headers=grant["headers"] | named)


class Mailbox:
    """A board and a gateway of one mailbox, connected."""

    def __init__(self, server):
        self.server = server
        self.board_bundle, self.gateway_bundle = server.make_device("board"), server.make_device("gateway")
        self.board = Thing(self.board_bundle, server.mqtt_port)
        self.gateway = Thing(self.gateway_bundle, server.mqtt_port)
        self.gateway.listen_to_own()

    def close_door(self):
        """Let the door open and close, and return the name of the close once the gateway is asked for images."""
        seq = 2 * next(SEQUENCE)
        close = event("close", seq)["event_id"]
        self.board.publish(topics.EVENTS, events(event("open", seq - 1), event("close", seq)))
        self.gateway.heard(topics.DESIRED, lambda wish: wish.get("capture", {}).get("event_id") == close)
        return close

    def ask(self, photo):
        """Ask for a grant and return the answer."""
        self.gateway.said.clear()
        self.gateway.publish(topics.UPLOAD_REQUEST, photo.request)
        return self.gateway.heard(topics.UPLOAD_GRANT, lambda answer: answer["image_id"] == photo.image_id)

    def announce(self, *photos, event_id, count=None):
        """Announce images and return once the server has taken the announcement."""
        self.gateway.said.clear()
        self.gateway.publish(topics.IMAGES, announcement(*photos, event_id=event_id, count=count))
        self.gateway.heard(topics.DESIRED)

    def leave(self):
        self.board.leave()
        self.gateway.leave()

    def episode(self, close):
        """Return kind and settling time of the episode that this close ended."""
        return self.server.rows("SELECT kind, settled_at FROM episodes WHERE close_event_id = ?", close)[0]

    def settled(self, close):
        """Return what the episode was once it is settled."""
        until(lambda: self.episode(close)[1], "the episode to settle")
        return self.episode(close)[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture
def mailbox(server):
    mailbox = Mailbox(server)
    yield mailbox
    mailbox.leave()


@pytest.fixture
def parked(server):
    """Return the reasons of all entries of the DLQ about something."""
    return lambda subject: [
        reason
        for (reason,) in server.rows("SELECT reason FROM jobs WHERE state = 'parked' AND subject_id = ?", subject)
    ]


@pytest.fixture
def admin(server):
    """Run a command beside the running server."""

    def run(*words):
        answer = CliRunner().invoke(program, ["admin", *words, "--data", str(server.data)])
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    return run
