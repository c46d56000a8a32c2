"""Real MicroPython, a real mosquitto with mutual TLS, and a small cloud that acknowledges when told to."""

import json
import os
import queue
import socket
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware.wire import codec, messages, topics
from simulator.board.virtual_board import VirtualBoard
from tests.ports import KeptPort
from tools.parts.micropython import fetch_micropython
from tools.parts.mosquitto import fetch_mosquitto
from tools.parts.umqtt import fetch_umqtt

THING = "board-3f9c2a71"
SERVER = "_server"
PATIENCE_S = 30
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


class Authority:
    """A certificate authority that writes what it issues into a folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("test authority")
        self._certificate = self._sign(
            self._name, self._key.public_key(), None, (timedelta(days=-9), timedelta(days=99))
        )

    def issue(self, name, *, host="localhost", begins=timedelta(days=-1), ends=timedelta(days=30)):
        """Return a folder with ca, cert and key of ``name``, each as PEM and DER."""
        folder = self.folder / name
        if not folder.exists():
            folder.mkdir()
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = self._sign(_name(name), key.public_key(), host, (begins, ends))
            for suffix, encoding in (("pem", PEM), ("der", DER)):
                (folder / f"ca.{suffix}").write_bytes(self._certificate.public_bytes(encoding))
                (folder / f"cert.{suffix}").write_bytes(certificate.public_bytes(encoding))
                (folder / f"key.{suffix}").write_bytes(
                    key.private_bytes(
                        encoding, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
                    )
                )
        return folder

    def _sign(self, subject, key, host, valid):
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName(
            [x509.DNSName(host or "localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + valid[0])
            .not_valid_after(now + valid[1])
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(names, critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


class Broker:
    """mosquitto as the cloud runs it: client certificate required, CN = user name = client id."""

    def __init__(self, program, folder, authority, port, trusts=None):
        self.port = port
        self._program = program
        self._log = folder / "mosquitto.log"
        folder.mkdir()
        files = authority.issue(SERVER)
        acl = folder / "acl"
        acl.write_text(f"user {SERVER}\ntopic readwrite pillarbox/v1/#\npattern readwrite pillarbox/v1/%u/#\n")
        acl.chmod(0o600)
        lines = [
            f"listener {port} 127.0.0.1",
            f"cafile {(trusts or authority).issue(SERVER) / 'ca.pem'}",
            f"certfile {files / 'cert.pem'}",
            f"keyfile {files / 'key.pem'}",
            f"acl_file {acl}",
            "require_certificate true",
            "use_identity_as_username true",
            "use_username_as_clientid true",
            "set_tcp_nodelay true",
            *(["user root"] if os.geteuid() == 0 else []),
        ]
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text("\n".join(lines) + "\n")
        self._process = None

    def start(self):
        with self._log.open("ab") as log:
            command = [str(self._program), "-c", str(self._configuration)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(lambda: _listens(self.port), "the broker listens")

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Cloud:
    """Takes every message of the board; commits and acknowledges while ``acknowledges`` is true."""

    def __init__(self, broker, authority):
        self._broker = broker
        self._files = authority.issue(SERVER)
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._client = None
        self.acknowledges = True
        self.batches = []
        self.heartbeats = []
        self.rev = 1
        self._desired = {}

    def start(self):
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, SERVER)
        files = [str(self._files / name) for name in ("ca.pem", "cert.pem", "key.pem")]
        client.tls_set(*files)
        client.reconnect_delay_set(0.05, 0.1)
        client.on_connect = lambda *_: client.subscribe([("pillarbox/v1/+/events", 1), ("pillarbox/v1/+/heartbeat", 1)])
        client.on_subscribe = lambda *_: self._ready.set()
        client.on_disconnect = lambda *_: self._ready.clear()
        client.on_message = self._take
        client.connect("127.0.0.1", self._broker.port)
        client.loop_start()
        assert self._ready.wait(PATIENCE_S)

    def stop(self):
        self._client.disconnect()
        self._client.loop_stop()

    def is_back(self):
        """Return when the client has found its broker again."""
        wait_for(lambda: self._client.is_connected() and self._ready.is_set(), "the cloud is back")

    def wish(self, **desired):
        """Change what the board should know and publish the whole of it with the next revision."""
        self.rev += 1
        self._desired.update(desired)
        payload = codec.encode(messages.DESIRED, {"rev": self.rev, **self._desired})
        self._client.publish(topics.topic(THING, topics.DESIRED), payload, 1, retain=True)

    @property
    def events(self):
        """What a database with one row per event_id would hold, in order of arrival."""
        rows = {}
        for batch in self.batches:
            for event in batch["events"]:
                rows.setdefault(event["event_id"], event)
        return list(rows.values())

    @property
    def movements(self):
        return [event["event_type"] for event in self.events if event["event_type"] in ("open", "close")]

    def wait_for(self, predicate, what):
        with self._changed:
            assert self._changed.wait_for(lambda: predicate(self), PATIENCE_S), f"expected {what}; got {self.batches}"

    def _take(self, _client, _data, message):
        _, kind = topics.parse(message.topic)
        decoded = codec.decode(messages.BY_KIND[kind], message.payload)
        with self._changed:
            (self.batches if kind == topics.EVENTS else self.heartbeats).append(decoded)
            self._changed.notify_all()
        if kind == topics.EVENTS and self.acknowledges:
            last = decoded["events"][-1]
            self.wish(ack={"install": decoded["install"], "boot": decoded["boot"], "seq": last["seq"]})


class Board:
    """A virtual board and everything that it reported."""

    def __init__(self, *arguments):
        self._arguments = arguments
        self._reports = queue.SimpleQueue()
        self.history = []
        self.on_report = None
        self.virtual = None

    def start(self):
        self.virtual = VirtualBoard(*self._arguments, self._report)
        self.virtual.start()

    def stop(self):
        if self.virtual is not None:
            self.virtual.stop()
            self.virtual = None

    def until(self, kind, text=""):
        """Return the next report of ``kind`` with ``text`` in it."""
        while text not in (report := self.until_one_of(kind)).text:
            pass
        return report

    def until_one_of(self, *kinds):
        """Return the next report of one of these kinds."""
        while True:
            try:
                report = self._reports.get(timeout=PATIENCE_S)
            except queue.Empty:
                raise AssertionError(f"expected {kinds}, got {self.history[-12:]}") from None
            if report.kind in kinds:
                return report

    def asleep(self):
        """Return the next ``asleep`` report and what the board logged of its journal before."""
        report = self.until("asleep")
        line = [line for line in self.log if "waiting" in line][-1]
        return report, int(line.split()[-2])

    @property
    def log(self):
        return [report.text for report in self.history if report.kind == "log"]

    def _report(self, report):
        self.history.append(report)
        if self.on_report is not None:
            self.on_report(report)
        self._reports.put(report)


def wait_for(predicate, what):
    """Wait for a state of another process that nobody announces; return what was found."""
    for _ in range(PATIENCE_S * 50):
        if found := predicate():
            return found
        threading.Event().wait(0.02)
    raise AssertionError(f"expected within {PATIENCE_S} s: {what}")


@pytest.fixture
def patiently():
    return wait_for


@pytest.fixture(scope="session")
def micropython():
    return fetch_micropython()


@pytest.fixture(scope="session")
def umqtt():
    return fetch_umqtt()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "authority")


@pytest.fixture
def make_broker(tmp_path, authority):
    """Make brokers that end with the test; ``port`` is shared by those that stand in for each other."""
    program = fetch_mosquitto()
    made, kept = [], []

    def make(of=authority, port=None, trusts=None):
        if port is None:
            kept.append(KeptPort())
            port = kept[-1].number
        made.append(Broker(program, tmp_path / f"broker {len(made)}", of, port, trusts))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def broker(make_broker):
    broker = make_broker()
    broker.start()
    return broker


@pytest.fixture
def cloud_of(authority):
    """Make clouds that end with the test."""
    made = []

    def make(broker):
        made.append(Cloud(broker, authority))
        made[-1].start()
        return made[-1]

    yield make
    for cloud in made:
        cloud.stop()


@pytest.fixture
def cloud(broker, cloud_of):
    return cloud_of(broker)


@pytest.fixture
def make_bundle(tmp_path, authority):
    """Write a device bundle as ``pillarbox provision`` does."""

    def make(port, **other):
        bundle = tmp_path / "bundle"
        bundle.mkdir()
        device = {
            "thing": THING,
            "kind": "board",
            "host": "127.0.0.1",
            "port": port,
            "server_name": "localhost",
            "ack_wait_ms": 2000,
            "wifi": {"ssid": "", "password": ""},
            **other,
        }
        (bundle / "device.json").write_text(json.dumps(device))
        for file in authority.issue(THING).iterdir():
            (bundle / file.name).write_bytes(file.read_bytes())
        return bundle

    return make


@pytest.fixture
def make_board(tmp_path, make_bundle, micropython, umqtt):
    """Make boards on one flash; a second one is the first one's simulator started again."""
    made = []

    def make(port, program=micropython, **other):
        bundle = tmp_path / "bundle" if made else make_bundle(port, **other)
        made.append(Board(tmp_path / "flash.img", bundle, program, umqtt))
        made[-1].start()
        return made[-1]

    yield make
    for board in made:
        board.stop()


@pytest.fixture
def make_sleeper(make_board, broker):
    """Make a board that has never started: its battery is taken out before its first instruction."""

    def make():
        board = make_board(broker.port)
        board.virtual.cut_power()
        board.until("off")
        return board

    return make


@pytest.fixture
def board(make_board, broker, cloud):  # noqa: ARG001 - the cloud must listen before the board speaks
    """A board that has told the cloud of its first boot and sleeps with an empty journal."""
    board = make_board(broker.port)
    assert board.asleep()[1] == 0
    return board


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
