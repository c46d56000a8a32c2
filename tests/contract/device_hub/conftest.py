"""A broker of its own, with what devices and servers need to come to it."""

import queue

import pytest

from cloud.adapters.local.certificate_authority import FolderCertificateAuthority
from cloud.adapters.local.device_hub import BrokerAddress, Door, MqttDeviceHub
from cloud.adapters.local.device_hub_mosquitto import BrokerFiles, Mosquitto
from tests.things import Thing, connect_packet, is_taken, trusting
from tests.waiting import PATIENCE_S
from tools.parts.mosquitto import fetch_mosquitto


class Place:
    """A broker of its own, with what devices and servers need to come to it."""

    def __init__(self, folder, port=0):
        self.folder = folder
        self.authority = FolderCertificateAuthority(folder / "pki")
        files = self._files("server", self.authority.issue_server([]))
        files.append(self.authority.revocation_list())
        self.broker = Mosquitto(fetch_mosquitto(), folder / "broker", "127.0.0.1", port, BrokerFiles(*files))

    def bundle(self, thing):
        """Return the identity of a device."""
        bundle = self.folder / thing
        if not bundle.exists():
            credentials = self.authority.issue_device(thing)
            self._files(thing, credentials)
            (bundle / "serial").write_text(credentials.serial)
        return bundle

    def is_let_in(self, thing):
        """Return whether the broker takes a connection of this device."""
        return is_taken(self.broker.port, trusting(self.bundle(thing)), connect_packet(thing))

    def hub(self):
        """Return a hub of the server, not started."""
        self.bundle("_server")
        names = [self.folder / "_server" / name for name in ("ca.pem", "cert.pem", "key.pem")]
        address = BrokerAddress(self.broker.host, self.broker.port, *names)
        return MqttDeviceHub(address, Door(self.authority, self.broker.shut_out))

    def _files(self, name, credentials):
        contents = {"ca": credentials.authority, "cert": credentials.certificate, "key": credentials.key}
        files = []
        for part, content in contents.items():
            files.append(self.folder / name / f"{part}.pem")
            files[-1].parent.mkdir(exist_ok=True)
            files[-1].write_bytes(content)
        return files


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    place.broker.start()
    yield place
    place.broker.stop()


class Listening:
    """A started hub and what it delivered."""

    def __init__(self, hub):
        self.hub = hub
        self.arrived = queue.SimpleQueue()
        self.connections = queue.SimpleQueue()
        hub.start(lambda *one: self.arrived.put(one), lambda: self.connections.put("connected"))

    def next(self):
        return self.arrived.get(timeout=PATIENCE_S)


@pytest.fixture
def listen(place):
    started = []

    def listen():
        started.append(Listening(place.hub()))
        assert started[-1].connections.get(timeout=PATIENCE_S)
        return started[-1]

    yield listen
    for one in started:
        one.hub.stop()


@pytest.fixture
def thing(place):
    thing = Thing(place.bundle("board-1"), place.broker.port)
    yield thing
    thing.leave()
