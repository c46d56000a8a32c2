"""Boards of the fault laboratory, and brokers that misbehave."""

import json
from datetime import timedelta

import pytest

from cloud.bootstrap import build
from cloud.settings import Settings
from simulator.lab.broker import LabBroker, ServerFiles
from simulator.lab.image_server import ImageServer
from simulator.lab.lab import Interpreter, Lab
from simulator.lab.ledger import Ledger
from simulator.lab.scenario import GOOD_MV
from tests.name_server import NameServer, this_machine
from tools.commands.provision import BrokerAt, Owner, make_device
from tools.firmware_image import board_key, load_key, pack_image, sign_update
from tools.laboratory import StoredLedger

THING = "board-3f9c2a71"
SERVER = "_server"


@pytest.fixture(scope="session")
def interpreter(micropython, umqtt):
    """A MicroPython for the boards of all tests, one after another."""
    interpreter = Interpreter(micropython, umqtt)
    yield interpreter
    interpreter.close()


@pytest.fixture
def lab_broker():
    """Make misbehaving brokers that end with the test, of a certificate and the authority of their things."""
    made = []

    def make(files, things, **options):
        server = ServerFiles(files / "cert.pem", files / "key.pem", things / "ca.pem")
        made.append(LabBroker(server, Ledger(), **options))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def device(update_key):
    """Return the device.json of a board whose broker is there."""

    def make(port, host="127.0.0.1"):
        fields = {"thing": THING, "host": host, "port": port, "server_name": "localhost", "ack_wait_ms": 50}
        return json.dumps({**fields, "update_key": board_key(update_key)}).encode()

    return make


@pytest.fixture(scope="session")
def stored_ledger(tmp_path_factory):
    """Make ledgers whose cloud is the product's own, with its database."""
    folder = tmp_path_factory.mktemp("cloud")
    owner = Owner("laboratory@example.org", "Laboratory", "Laboratory")
    thing = make_device(folder / "data", "board", folder / "bundle", owner, BrokerAt("127.0.0.1", 0))
    app = build(Settings(data=folder / "data"))
    yield lambda: StoredLedger(app, thing)
    app.ports.writer.close()
    app.database.close()


@pytest.fixture
def lab_at(interpreter, lab_broker, authority, device, stored_ledger):
    """Put new boards into the laboratory, with a broker of its own unless one is given.

    Of each that ever started the test ends with peace, and with a look at what a database would have of it.
    """
    made = []

    def make(broker=None, *, answer_ms=2000, **fields):
        broker = broker or lab_broker(authority.issue(SERVER), authority.issue(SERVER))
        things = authority.issue(THING)
        files = {name: (things / name).read_bytes() for name in ("ca.der", "cert.der", "key.der")}
        files["device.json"] = device(broker.port, **fields)
        made.append(Lab(interpreter, files, broker, answer_ms=answer_ms))
        return made[-1]

    yield make
    # The interpreter plays one board at a time, the last.
    if made and made[-1].install:
        make_peace(made[-1])
        assert_stored_once(made[-1], stored_ledger())


def make_peace(lab):
    lab.broker.faults.clear()
    lab.set(has_wifi=True, battery=GOOD_MV, looks=[])
    if lab.read("filler/0") is not None:
        lab.empty_flash()
    lab.settle()


def assert_stored_once(lab, cloud):
    """Let the product take every message that came, repeated ones too: each journaled event is one row."""
    for payload in lab.ledger.payloads:
        cloud.take_events(payload)
    stored = cloud.stored()
    assert len(stored) == len(set(stored))
    missing = [name for name in lab.journaled if name not in stored]
    assert len(missing) <= lab.ledger.lost, missing
    assert cloud.clashes == []


@pytest.fixture
def lab(lab_at):
    return lab_at()


@pytest.fixture(params=[0, 0.5, 1], ids=["before", "half-way", "after"])
def torn(lab, request):
    """Power cuts come when so much of a block operation is done."""
    lab.set(torn=request.param)


@pytest.fixture
def hasty_lab(lab_at):
    """A board that soon gives up waiting: for tests in which it often waits in vain, and may do so once more."""
    return lab_at(answer_ms=100)


@pytest.fixture
def strict_broker(lab_broker, authority):
    """A broker that refuses who does not name it, as AWS IoT Core does."""
    return lab_broker(authority.issue(SERVER), authority.issue(SERVER), requires_sni=True)


@pytest.fixture
def impostor(lab_broker, authority, tmp_path):
    """Make a broker that cannot prove to be the right one, for one of four reasons."""

    def make(reason):
        day = timedelta(days=1)
        dates = {"expired": {"begins": -9 * day, "ends": -day}, "not yet valid": {"begins": day}}.get(reason, {})
        of = type(authority)(tmp_path / "impostors") if reason == "other authority" else authority
        host = "elsewhere.example" if reason == "other name" else "localhost"
        return lab_broker(of.issue(f"server {reason}", host=host, **dates), authority.issue(SERVER))

    return make


@pytest.fixture
def name_server():
    """A DNS server to which every name is 127.0.0.1."""
    server = NameServer(this_machine)
    yield server
    server.stop()


@pytest.fixture
def image_server():
    server = ImageServer(lambda _path: server.image)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def update_key(tmp_path_factory):
    return load_key(tmp_path_factory.mktemp("keys") / "update.pem")


@pytest.fixture(scope="session")
def stranger_key(tmp_path_factory):
    return load_key(tmp_path_factory.mktemp("keys") / "update.pem")


@pytest.fixture
def offer(lab, update_key, image_server):
    """Let the cloud wish for an update to an image of a few files."""

    def wish(version="9.2.0", *, files=None, key=update_key):
        image = pack_image({"firmware/version.py": version.encode(), "firmware/data": bytes(3000), **(files or {})})
        image_server.image = image
        lab.ledger.update = sign_update(key, version, image, f"{image_server.url}/firmware.img").as_json()

    return wish
