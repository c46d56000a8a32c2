"""Only the holder of the update key makes updates: what the firmware verifies is what the tool signs."""

import base64
import json

import pytest

from firmware.signature import is_genuine, signed_text
from firmware.update import is_newer
from tools.firmware_image import board_key, build_image, load_key, sign_update

IMAGE = b"an image"


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return load_key(tmp_path_factory.mktemp("keys") / "update.pem")


@pytest.fixture(scope="module")
def update(key):
    return sign_update(key, "1.2.3", IMAGE, "https://example.org/firmware.img")


def test_what_was_signed_is_genuine(key, update):
    assert is_genuine(signed_text("1.2.3", update.sha256), update.signature, board_key(key))


def test_the_signature_fits_the_wire_contract(update):
    assert len(update.signature) == 512


@pytest.mark.parametrize(("version", "sha256"), [("1.2.4", None), ("1.2.3", "0" * 64), ("1.2.3 ", None)])
def test_another_version_or_digest_is_not_genuine(version, sha256, key, update):
    assert not is_genuine(signed_text(version, sha256 or update.sha256), update.signature, board_key(key))


@pytest.mark.parametrize("at", range(0, 384, 31))
def test_a_flipped_bit_anywhere_is_not_genuine(at, key, update):
    signature = bytearray(base64.b64decode(update.signature))
    signature[at] ^= 1
    altered = base64.b64encode(signature).decode()
    assert not is_genuine(signed_text("1.2.3", update.sha256), altered, board_key(key))


@pytest.mark.parametrize("signature", ["", "A", "AAAA", "no base64!", "AQ==", "A" * 512, "/" * 512])
def test_rubbish_is_not_genuine(signature, key, update):
    assert not is_genuine(signed_text("1.2.3", update.sha256), signature, board_key(key))


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "update.pem"
    assert board_key(load_key(path)) == board_key(load_key(path))
    assert path.stat().st_mode & 0o077 == 0


def test_an_image_holds_the_firmware_under_its_new_version():
    image = build_image("7.8.9")
    assert b"firmware/main.mpy" in image
    assert b"chooser" not in image.split(b"\n")[0]
    assert b"7.8.9" in image


@pytest.mark.parametrize(
    ("version", "than", "newer"),
    [
        ("0.1.1", "0.1.0", True),
        ("0.10.0", "0.9.9", True),
        ("1.0", "0.9.9", True),
        ("0.1.0", "0.1.0", False),
        ("0.1", "0.1.0", False),
        ("latest", "0.1.0", False),
        ("1.x", "0.1.0", False),
        ("", "0.1.0", False),
    ],
)
def test_only_a_higher_version_is_newer(version, than, newer):
    assert is_newer(version, than) == newer


def test_an_image_holds_the_board_of_its_chip_only():
    names, boards = {}, {}
    for chip in ("esp32", "pico_w"):
        index, _, contents = build_image("7.8.9", chip).partition(b"\n")
        names[chip] = [name for name, _ in json.loads(index)]
        boards[chip] = contents
    assert names["esp32"] == names["pico_w"]
    assert "firmware/board.mpy" in names["esp32"]
    assert b"lightsleep" in boards["pico_w"]
    assert b"lightsleep" not in boards["esp32"]
