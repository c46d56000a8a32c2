"""A tiny Debian archive of our own, signed as Debian signs, so that the real apt and dpkg can be put to the test."""

import hashlib
import subprocess
import tempfile
import textwrap
from base64 import b64encode
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tools.parts.apt_configuration import HostApt, Source, read_host

CREATED = (1_700_000_000).to_bytes(4, "big")
USER = b"Archive of the tests <archive@example.org>"


class SigningKey:
    """An OpenPGP key (RFC 4880) just good enough for gpgv and sqv."""

    def __init__(self):
        self._key = rsa.generate_private_key(65537, 2048)
        numbers = self._key.public_key().public_numbers()
        self._public = b"\x04" + CREATED + b"\x01" + mpi(numbers.n) + mpi(numbers.e)
        self._fingerprint = hashlib.sha1(self._framed(), usedforsecurity=False).digest()

    def keyring(self):
        about = self._framed() + b"\xb4" + len(USER).to_bytes(4, "big") + USER
        certificate = self._signature(0x13, about, subpacket(27, b"\x03"))
        return packet(6, self._public) + packet(13, USER) + certificate

    def armored_signature(self, content):
        body = b64encode(self._signature(0x00, content)).decode()
        wrapped = "\n".join(textwrap.wrap(body, 64))
        return f"-----BEGIN PGP SIGNATURE-----\n\n{wrapped}\n-----END PGP SIGNATURE-----\n"

    def _framed(self):
        return b"\x99" + len(self._public).to_bytes(2, "big") + self._public

    def _signature(self, kind, content, more=b""):
        hashed = subpacket(2, CREATED) + subpacket(33, b"\x04" + self._fingerprint) + more
        head = bytes([4, kind, 1, 8]) + len(hashed).to_bytes(2, "big") + hashed
        signed = content + head + b"\x04\xff" + len(head).to_bytes(4, "big")
        issuer = subpacket(16, self._fingerprint[-8:])
        made = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        rest = len(issuer).to_bytes(2, "big") + issuer + hashlib.sha256(signed).digest()[:2]
        return packet(2, head + rest + mpi(int.from_bytes(made, "big")))


def mpi(number):
    bits = number.bit_length()
    return bits.to_bytes(2, "big") + number.to_bytes((bits + 7) // 8, "big")


def packet(tag, body):
    return bytes([0x80 | tag << 2 | 1]) + len(body).to_bytes(2, "big") + body


def subpacket(kind, body):
    return bytes([len(body) + 1, kind]) + body


@dataclass(frozen=True)
class Archive:
    folder: Path
    host: HostApt

    def package(self, name):
        return next(self.folder.glob(f"pool/{name}_*.deb"))


def build_package(folder, name, files, depends=""):
    tree = folder / "trees" / name
    for path, text in files.items():
        file = tree / path
        file.parent.mkdir(parents=True)
        file.write_text(text)
        file.chmod(0o755)
    control = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: none\nDescription: of the tests\n"
    control += f"Depends: {depends}\n" if depends else ""
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(control)
    # A maintainer script that would be noticed: it must never run.
    (tree / "DEBIAN/preinst").write_text(f"#!/bin/sh\ntouch {folder}/a-maintainer-script-ran\n")
    (tree / "DEBIAN/preinst").chmod(0o755)
    file = folder / "pool" / f"{name}_1.0_all.deb"
    file.parent.mkdir(exist_ok=True)
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, file], check=True, capture_output=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{control}Filename: pool/{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"


def build_archive(folder, key, architecture):
    folder.mkdir(parents=True)
    stanzas = [
        build_package(folder, "greeter", {"usr/bin/greeter": 'echo "hello $1"\n'}, depends="libgreet, adduser (>= 3)"),
        # The wrapper calls "loader --library-path PLACES PROGRAM ARGUMENTS"; this loader lets a shell run the program.
        build_package(folder, "libgreet", {"usr/lib/here/ld-linux-test.so.1": '#!/bin/sh\nshift 2\nexec sh "$@"\n'}),
    ]
    index = folder / f"dists/trixie/main/binary-{architecture}/Packages"
    index.parent.mkdir(parents=True)
    index.write_text("\n".join(stanzas))
    digest = hashlib.sha256(index.read_bytes()).hexdigest()
    release = (
        f"Origin: Tests\nSuite: stable\nCodename: trixie\nDate: {formatdate(1_700_000_000, usegmt=True)}\n"
        f"Architectures: {architecture}\nComponents: main\nSHA256:\n"
        f" {digest} {index.stat().st_size} main/binary-{architecture}/Packages\n"
    )
    (folder / "dists/trixie/Release").write_text(release)
    (folder / "dists/trixie/Release.gpg").write_text(key.armored_signature(release.encode()))


@pytest.fixture(scope="session")
def signing_key():
    return SigningKey()


@pytest.fixture(scope="session")
def real_host():
    return read_host()


@pytest.fixture
def archive(signing_key, real_host):
    # Not under tmp_path, which is closed to the user _apt, whom apt becomes when root calls it.
    with tempfile.TemporaryDirectory(prefix="pillarbox-test-") as temporary:
        root = Path(temporary)
        root.chmod(0o755)
        build_archive(root / "debian", signing_key, real_host.architecture)
        keyring = root / "keyring.gpg"
        keyring.write_bytes(signing_key.keyring())
        sources = (Source(f"file:{root}/debian", "trixie"),)
        yield Archive(root / "debian", HostApt(real_host.architecture, "trixie", sources, (), keyring))
