"""A real broker, a small cloud that misbehaves on request, and the gateway as a process that can be killed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.gateway.authority import Authority
from tests.journey.gateway.broker import Broker
from tests.journey.gateway.cloud import THING, Cloud
from tests.journey.gateway.gateway_runner import GatewayProcess
from tools.parts.mosquitto import fetch_mosquitto


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir(mode=0o700)
    broker = Broker(fetch_mosquitto(), folder, authority)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def cloud(broker: Broker) -> Iterator[Cloud]:
    cloud = Cloud(broker)
    cloud.start()
    yield cloud
    cloud.stop()


@pytest.fixture
def gateway(tmp_path: Path, broker: Broker, authority: Authority) -> Iterator[GatewayProcess]:
    bundle = authority.issue(THING, tmp_path / "bundle")
    fields = {"thing": THING, "kind": "gateway", "host": "127.0.0.1", "port": broker.port, "server_name": "localhost"}
    (bundle / "device.json").write_text(json.dumps(fields))
    gateway = GatewayProcess(bundle, tmp_path)
    yield gateway
    if gateway.is_running():
        gateway.kill()
