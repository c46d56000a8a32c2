"""The uplink against brokers that misbehave: every fault ends in time, with an error that says whose it is."""

import json
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
VM_FOLDER = ROOT / "simulator" / "board" / "vm"
# For peers who never answer; who does must be heard on a busy machine, too.
HASTY_MS = 400
PATIENT_MS = 10_000
CONNACK = b"\x20\x02\0\0"
SUBACK = b"\x90\x03\0\x01\0"
PUBACK = b"\x40\x02\0\x02"
DESIRED = b'\x30\x24\0\x1apillarbox/v1/board/desired{"rev":1'
PINGRESP = b"\xd0\0"


class Peer:
    """One end of a connection that does what a script says and nothing else."""

    def __init__(self, files, script):
        self._files = files
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard = b""
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self):
        self._finished.set()
        self._thread.join(PATIENCE_S)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self):
        self._listener.settimeout(0.05)
        while not self._finished.is_set():
            try:
                plain, _ = self._listener.accept()
            except TimeoutError:
                continue
            # Whoever else comes, to the port of an earlier test, may say nothing.
            plain.settimeout(PATIENCE_S / 2)
            self._meet(plain)

    def _meet(self, plain):
        with plain:
            if self._script == "no TLS":
                self._finished.wait()
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._files / "cert.pem", self._files / "key.pem")
            try:
                with context.wrap_socket(plain, server_side=True) as stream:
                    self._speak(stream)
            except OSError:
                pass  # the board hung up first: its right

    def _speak(self, stream):
        for step in self._script:
            if step == "hear":
                self.heard += stream.recv(65536)
            elif step == "hear all":
                while part := stream.recv(65536):
                    self.heard += part
            elif step == "drip":
                while not self._finished.wait(0.05):
                    stream.sendall(PINGRESP)
            elif step == "hang up":
                return
            else:
                stream.sendall(step)
        self._finished.wait()


@pytest.fixture
def peer(authority):
    made = []

    def make(*script, name="localhost", of=authority):
        made.append(Peer(of.issue(name), script[0] if script == ("no TLS",) else script))
        return made[-1]

    yield make
    for peer in made:
        peer.stop()


@pytest.fixture(params=["esp32", "unix"])
def exchange(request, micropython, umqtt, authority):
    """Run the probe on MicroPython, with the sockets of an ESP32 and with those of the unix port."""

    def run(port, *, server_name="localhost", sizes=(10,), listen_ms=0, enough=0, answer_ms=PATIENT_MS):
        asked = {
            "path": [str(ROOT), str(VM_FOLDER), str(umqtt)],
            "sockets": request.param,
            "bundle": str(authority.issue("board")),
            "config": {"thing": "board", "host": "127.0.0.1", "port": port, "server_name": server_name},
            "answer_ms": answer_ms,
            "sizes": sizes,
            "listen_ms": listen_ms,
            "enough": enough,
        }
        command = [str(micropython), "-X", "heapsize=256K", str(Path(__file__).with_name("uplink_probe.py"))]
        question = json.dumps(asked)
        done = subprocess.run(command, check=False, capture_output=True, text=True, input=question, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


FAULTS = {
    "never speaks TLS": (("no TLS",), "UnreachableError"),
    "never answers CONNECT": (("hear",), "UnreachableError"),
    "sends half a CONNACK": (("hear", CONNACK[:3]), "UnreachableError"),
    "hangs up before CONNACK": (("hear", "hang up"), "RefusedError"),
    "sends a short CONNACK and hangs up": (("hear", CONNACK[:3], "hang up"), "RefusedError"),
    "refuses in CONNACK": (("hear", b"\x20\x02\0\x05"), "RefusedError"),
    "answers CONNECT with PUBACK": (("hear", PUBACK), "ProtocolError"),
    "sends half a PUBACK": (("hear", CONNACK, "hear", SUBACK, PUBACK[:3]), "UnreachableError"),
    "sends one byte of a PUBACK": (("hear", CONNACK, "hear", SUBACK, PUBACK[:1]), "UnreachableError"),
    "acknowledges another message": (("hear", CONNACK, SUBACK, b"\x40\x02\x12\x34"), "UnreachableError"),
    "sends an endless row of PINGRESP": (("hear", CONNACK, "drip"), "UnreachableError"),
    "hangs up after PUBLISH": (("hear", CONNACK, "hear", "hang up"), "UnreachableError"),
    "refuses the subscription": (("hear", CONNACK, b"\x90\x03\0\x01\x80"), "RefusedError"),
    "announces 1 MB": (("hear", CONNACK, b"\x30\x80\x80\x40"), "ProtocolError"),
    "announces a length of five bytes": (("hear", CONNACK, b"\x30\xff\xff\xff\xff\x7f"), "ProtocolError"),
    "sends an unknown packet": (("hear", CONNACK, b"\xf0\0"), "ProtocolError"),
    "sends an empty PUBACK": (("hear", CONNACK, b"\x40\0"), "ProtocolError"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broker_that(fault, peer, exchange):
    script, error = FAULTS[fault]
    outcome = exchange(peer(*script).port, answer_ms=HASTY_MS if error == "UnreachableError" else PATIENT_MS)
    assert outcome["error"] == error, outcome
    # Two limits at most: one for the handshake, one for the answer; a hang would be the probe's 30 s.
    assert outcome["ms"] < 20 * HASTY_MS


def test_a_closed_port_is_unreachable(exchange):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert exchange(port)["error"] == "UnreachableError"


def test_a_server_of_another_name_is_not_trusted(peer, exchange):
    assert exchange(peer("hear").port, server_name="mailbox.example")["error"] == "UntrustedError"


def test_a_server_of_another_authority_is_not_trusted(peer, exchange, authority, tmp_path):
    impostor = type(authority)(tmp_path / "impostor")
    assert exchange(peer("hear", of=impostor).port)["error"] == "UntrustedError"


def test_a_thing_that_the_broker_does_not_know_is_refused(make_broker, exchange, authority, tmp_path):
    broker = make_broker(trusts=type(authority)(tmp_path / "other household"))
    broker.start()
    outcome = exchange(broker.port)
    assert outcome["error"] == "RefusedError", outcome


def test_messages_before_and_after_the_acknowledgement_reach_the_callback(peer, exchange):
    script = ("hear", CONNACK, "hear", DESIRED, SUBACK, DESIRED, PUBACK, PINGRESP, DESIRED)
    outcome = exchange(peer(*script).port, listen_ms=5000, enough=3)
    assert outcome["error"] is None, outcome
    assert outcome["messages"] == [["pillarbox/v1/board/desired", '{"rev":1']] * 3


def test_a_message_of_quality_1_is_acknowledged(peer, exchange):
    script = ("hear", CONNACK, b"\x32\x09\0\x01x\x12\x34\0\0\0\0", PUBACK, "hear all")
    peer = peer(*script)
    assert exchange(peer.port)["error"] is None
    peer.stop()
    assert b"\x40\x02\x12\x34" in peer.heard


def test_listening_ends_when_its_time_is_over(peer, exchange):
    outcome = exchange(peer("hear", CONNACK, "hear", PUBACK).port, listen_ms=100, enough=1)
    assert (outcome["error"], outcome["messages"]) == (None, [])


def test_a_simulated_socket_is_polled_by_its_own_state(peer, micropython):
    code = f"""
import sys; sys.path.insert(0, {str(VM_FOLDER)!r})
import select, esp32_socket as socket
stream = socket.socket()
stream.connect(socket.getaddrinfo("127.0.0.1", {peer("no TLS").port})[0][-1])
poll = select.poll(); poll.register(stream, select.POLLIN)
print(poll.poll(10)); poll.modify(stream, select.POLLOUT); print(len(poll.poll(10)))
"""
    done = subprocess.run([str(micropython), "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines() == ["[]", "1"]


def test_a_large_publish_gets_through_a_real_broker(broker, exchange):
    assert exchange(broker.port, sizes=(8000, 100, 20000))["error"] is None
