"""One running server for all attacks, with two households: whoever attacks must not harm the next test either."""

import pytest

from tests.running_server import RunningServer
from tests.things import Thing
from tools.commands.provision import Owner


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture
def connect(server):
    """Connect devices that are gone when the test is."""
    connected = []

    def connect(bundle, **options):
        connected.append(Thing(bundle, server.mqtt_port, **options))
        return connected[-1]

    yield connect
    for thing in connected:
        thing.leave()


@pytest.fixture
def board(server):
    return server.make_device("board")


@pytest.fixture
def gateway(server):
    return server.make_device("gateway")


@pytest.fixture
def stranger(server):
    """A board of another household, with a certificate as good as any."""
    return server.make_device("board", Owner("stranger@example.org", "Stranger", "Elsewhere"))
