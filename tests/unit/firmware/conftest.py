"""A board and an uplink of plain Python, on which time passes only when somebody waits."""

import itertools
import json
from dataclasses import dataclass, field

import pytest

from firmware.delivery import NTP_SERVER
from firmware.errors import UnreachableError
from firmware.lease import DISCOVER, RENEW, RESTART
from firmware.main import Wake
from firmware.resolver import lookup
from firmware.wire import codec, messages, topics
from tests.name_server import NameServer

THING = "board-1"
START_MS = 946_684_800_000  # an ESP32's clock at power-on
NOW_MS = 1_800_000_000_000


@dataclass
class FakeBoard:
    """Hardware in memory. ``door`` is asked for the door's position at every look."""

    cause: str = "cold"
    clock: int = START_MS
    booted_at: int = START_MS
    position: bool = False
    script: list = field(default_factory=list)
    rtc_memory: bytes = b""
    millivolts: int = 3900
    ntp_ms: int | None = NOW_MS
    wifi: bool = True
    remembers: bool = True
    lookups: list = field(default_factory=list)
    time_server: str | None = "192.0.2.123"
    time_servers: list = field(default_factory=list)
    address: str | None = "192.0.2.1"
    joins: list = field(default_factory=list)
    terms: tuple | None = None
    knows: tuple = (RENEW, RESTART, DISCOVER)
    renewals: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    blinks: list = field(default_factory=list)
    lit: list = field(default_factory=list)
    moved: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    slept: tuple | None = None
    radio: bool = False
    fed: int = 0

    def wake_cause(self):
        return self.cause

    def is_open(self):
        if self.script:
            self.position = self.script.pop(0)
        return self.position

    def watch_door(self):
        pass

    def door_moved(self):
        return self.moved.pop(0) if self.moved else False

    def battery_mv(self):
        return self.millivolts

    def recall(self):
        return self.rtc_memory

    def remember(self, block):
        self.rtc_memory = bytes(block)

    def uptime_ms(self):
        return self.clock - self.booted_at

    def clock_ms(self):
        return self.clock

    def set_clock(self, unix_ms):
        self.booted_at += unix_ms - self.clock
        self.clock = unix_ms

    def ask_ntp(self, server):
        self.time_servers.append(server)
        return self.ntp_ms

    def pause_ms(self, milliseconds):
        self.pass_ms(milliseconds)

    def pass_ms(self, milliseconds):
        self.clock += milliseconds

    def random_bytes(self, count):
        return bytes(range(count))

    def join(self, _ssid, _password, known, timeout_ms):
        self.radio = True
        self.joins.append(known)
        is_there = self.wifi and (known is None or self.remembers)
        self.pass_ms((20 if known else 40) if is_there else timeout_ms)
        lease = ["10.0.0.7", "255.0.0.0", "10.0.0.1", "10.0.0.2"]
        return ["aabbccddeeff", 6, *lease] if is_there else None

    def look_up(self, host, server, timeout_ms):
        address = self.time_server if host == NTP_SERVER else self.address
        if host != NTP_SERVER:
            self.lookups.append((host, server))
        if address is None:
            self.pass_ms(timeout_ms)
            raise OSError(110)
        return address

    def renew(self, address, questions, _timeout_ms):
        """Return ``terms``, by the first question that the server ``knows``; without, no server can be asked."""
        self.renewals.append(address)
        for question in questions:
            self.asked.append(question)
            if self.terms is not None and question in self.knows:
                return question, *self.terms
        raise OSError(110)

    def light(self, is_on):
        self.lit.append(is_on)

    def blink(self, count):
        self.blinks.append(count)

    def rssi(self):
        return -60

    def radio_off(self):
        self.radio = False

    def feed(self):
        self.fed += 1

    def free_bytes(self):
        return 100_000

    def log(self, text):
        self.lines.append(text)

    def sleep(self, milliseconds, wake_when_open):
        assert not self.radio
        self.slept = (milliseconds, wake_when_open)

    def wake(self, cause, after_ms):
        """Let time pass asleep, then start the processor again."""
        self.pass_ms(after_ms)
        self.cause = cause
        self.booted_at = self.clock
        self.slept = None

    def lose_power(self):
        self.rtc_memory = b""
        self.clock = START_MS
        self.wake("cold", 0)


@dataclass
class FakeUplink:
    """A broker and the cloud behind it. ``fault`` is raised by connect; ``puback`` or ``commits`` may be withheld."""

    board: FakeBoard
    fault: Exception | None = None
    puback: bool = True
    commits: bool = True
    desired: dict = field(default_factory=dict)
    rev: int = 1
    published: list = field(default_factory=list)
    during: list = field(default_factory=list)
    connections: int = 0
    hosts: list = field(default_factory=list)
    callback: object = None

    def __call__(self, config, now_ms):
        assert config["thing"] == THING
        self.hosts.append(config["host"])
        assert now_ms() == self.board.uptime_ms()
        return self

    def set_callback(self, callback):
        self.callback = callback

    def connect(self):
        self.connections += 1
        self.board.pass_ms(100)
        if self.fault is not None:
            raise self.fault

    def subscribe(self, topic):
        assert topic == f"pillarbox/v1/{THING}/desired"
        if self.desired:
            self.send(self.desired)

    def publish(self, topic, payload, qos):
        assert qos == 1
        assert len(payload) <= 8192
        _, kind = topics.parse(topic)
        self.board.pass_ms(3)
        if not self.puback:
            raise UnreachableError("no PUBACK")
        message = codec.decode(messages.BY_KIND[kind], payload)
        self.published.append((kind, message))
        if self.during:
            self.during.pop(0)()
        if kind == topics.EVENTS and self.commits:
            last = message["events"][-1]
            self.rev += 1
            ack = {"install": message["install"], "boot": message["boot"], "seq": last["seq"]}
            self.desired = {**self.desired, "rev": self.rev, "ack": ack}
            self.send(self.desired)

    def send(self, desired):
        self.callback(b"topic", codec.encode(messages.DESIRED, {"rev": self.rev, **desired}))

    def listen(self, for_ms, is_enough):
        if not is_enough():
            self.board.pass_ms(for_ms)

    def disconnect(self):
        pass

    @property
    def batches(self):
        return [message for kind, message in self.published if kind == topics.EVENTS]

    @property
    def heartbeats(self):
        return [message for kind, message in self.published if kind == topics.HEARTBEAT]

    @property
    def events(self):
        """Return each event once, in order of arrival."""
        rows = {event["event_id"]: event for event in itertools.chain(*(batch["events"] for batch in self.batches))}
        return list(rows.values())

    @property
    def kinds(self):
        return [event["event_type"] for event in self.events]


@pytest.fixture
def flash(tmp_path, monkeypatch):
    """An empty flash with the configuration of a board; the firmware's paths are relative to its root."""
    (tmp_path / "config").mkdir()
    device = {"thing": THING, "host": "127.0.0.1", "port": 8883, "server_name": "localhost", "ack_wait_ms": 500}
    (tmp_path / "config" / "device.json").write_text(json.dumps({**device, "wifi": {"ssid": "home", "password": "x"}}))
    (tmp_path / "config" / "cert.der").write_bytes(b"\x17\x0d261120113426Z")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fake_board(flash):  # noqa: ARG001 - the wake reads its flash
    return FakeBoard()


@pytest.fixture
def fake_uplink(fake_board):
    return FakeUplink(fake_board)


@pytest.fixture
def wake(fake_board, fake_uplink):
    """Run one wake; ``after_ms`` of sleep lie before it."""

    def run(cause="door", after_ms=60_000, **changes):
        if fake_board.slept is not None:
            fake_board.wake(cause, after_ms)
        for name, value in changes.items():
            setattr(fake_board, name, value)
        Wake(fake_board, fake_uplink).run()
        return fake_board.slept

    return run


@pytest.fixture
def configure(flash):
    """Change the board's device.json."""

    def change(**fields):
        file = flash / "config" / "device.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))

    return change


@pytest.fixture
def ask():
    """Look a name up at a server that answers so."""
    made = []

    def look_up(answer, timeout_ms=2000):
        made.append(NameServer(lambda _: answer))
        found = lookup("broker.example", "127.0.0.1", 7, timeout_ms, made[-1].port)
        return found, made[-1].questions[-1]

    yield look_up
    for server in made:
        server.stop()
