"""The bundle and the environment are read, or it is told what is wrong with them."""

import json

import pytest

from edge_gateway.errors import BundleError
from edge_gateway.settings import Settings, read_bundle, read_settings

DEVICE = {"thing": "gateway-7d41", "kind": "gateway", "host": "192.168.1.5", "port": 8883, "server_name": "localhost"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "device.json").write_text(json.dumps(DEVICE))
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("-----BEGIN")
    return tmp_path


def test_a_bundle_is_read(folder) -> None:
    bundle = read_bundle(folder)
    assert (bundle.thing, bundle.host, bundle.port, bundle.server_name) == (
        "gateway-7d41",
        "192.168.1.5",
        8883,
        "localhost",
    )
    assert (bundle.ca, bundle.certificate, bundle.key) == (folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


def test_without_a_server_name_the_host_is_expected(folder) -> None:
    (folder / "device.json").write_text(json.dumps({k: v for k, v in DEVICE.items() if k != "server_name"}))
    assert read_bundle(folder).server_name == "192.168.1.5"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "board"}, "expected the bundle of a gateway, got that of a board"),
        ({"thing": "no good"}, "expected a thing name"),
        ({"port": "mqtt"}, "expected thing, host and port"),
        ({"port": 0}, "expected a host and a port from 1 to 65535"),
        ({"port": 70_000}, "expected a host and a port from 1 to 65535"),
        ({"host": ""}, "expected a host and a port from 1 to 65535"),
        ({"port": None}, "expected thing, host and port"),
    ],
)
def test_a_wrong_bundle_is_told(folder, change, told) -> None:
    (folder / "device.json").write_text(json.dumps(DEVICE | change))
    with pytest.raises(BundleError, match=told):
        read_bundle(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", "\0"])
def test_a_bundle_that_is_none_is_told(folder, text) -> None:
    (folder / "device.json").write_text(text)
    with pytest.raises(BundleError, match=r"device\.json"):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["device.json", "ca.pem", "cert.pem", "key.pem"])
def test_a_missing_file_is_named(folder, name) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        read_bundle(folder)


def test_settings_have_defaults_and_come_from_the_environment() -> None:
    assert read_settings({"PATH": "/bin"}) == Settings()
    assert read_settings({"PILLARBOX_GATEWAY_SPOOL_MB": "50"}) == Settings(spool_mb=50)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_setting_that_is_no_number_is_told(text) -> None:
    with pytest.raises(BundleError, match=f"PILLARBOX_GATEWAY_BURST: expected a whole number above 0, got '{text}'"):
        read_settings({"PILLARBOX_GATEWAY_BURST": text})
