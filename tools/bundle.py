"""The bundle of a device: its identity in a folder that only its owner can read, the key sealed where wished."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import typer
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from cloud.errors import ConfigurationError
from cloud.ports.certificate_authority import Credentials

# Read in place of a question where nobody is at the keyboard.
PASSPHRASE = "PILLARBOX_BUNDLE_PASSPHRASE"  # noqa: S105 - the name of a variable
LEAST_PASSPHRASE = 8

_DER = serialization.Encoding.DER
_PEM = serialization.Encoding.PEM


def write_bundle(
    bundle: Path, configuration: Mapping[str, object], credentials: Credentials, passphrase: bytes = b""
) -> None:
    """Write a bundle; with a passphrase the key is in it only sealed, as PKCS #8."""
    bundle.mkdir(parents=True, mode=0o700)
    authority = x509.load_pem_x509_certificate(credentials.authority)
    certificate = x509.load_pem_x509_certificate(credentials.certificate)
    files = {
        "ca.pem": credentials.authority,
        "cert.pem": credentials.certificate,
        "ca.der": authority.public_bytes(_DER),
        "cert.der": certificate.public_bytes(_DER),
        "device.json": json.dumps(configuration, indent=1).encode(),
        **_key_files(credentials.key, passphrase),
    }
    for name, content in files.items():
        write_privately(bundle / name, content)


def write_privately(path: Path, content: bytes) -> None:
    """Write a file that nobody but its owner can read, not even for a moment."""
    path.touch(mode=0o600)
    path.write_bytes(content)


@contextlib.contextmanager
def unsealed(bundle: Path, ask: Callable[[], str]) -> Iterator[Path]:
    """Yield the bundle as a board takes it; of one that is sealed, a private copy that ends with the block.

    ``ask`` returns the passphrase; raises ConfigurationError for a wrong one.
    """
    sealed = bundle / "key.pem"
    if (bundle / "key.der").exists() or not sealed.exists():
        yield bundle
        return
    try:
        key = serialization.load_pem_private_key(sealed.read_bytes(), password=ask().encode())
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"expected the passphrase of {bundle}, got another one") from error
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "bundle"
        shutil.copytree(bundle, copy)
        write_privately(copy / "key.der", _sec1(key, _DER))
        yield copy


def ask_passphrase() -> str:
    """Return the passphrase of a sealed bundle, from the environment or the keyboard."""
    return os.environ.get(PASSPHRASE) or str(typer.prompt("Passphrase of the bundle", hide_input=True, err=True))


def choose_passphrase() -> str:
    """Return the passphrase to seal with, from the environment or twice from the keyboard.

    Raises ConfigurationError for a short one.
    """
    asked = partial(typer.prompt, "New passphrase of the bundle", hide_input=True, confirmation_prompt=True, err=True)
    passphrase = os.environ.get(PASSPHRASE) or str(asked())
    if len(passphrase) < LEAST_PASSPHRASE:
        raise ConfigurationError(f"expected a passphrase of at least {LEAST_PASSPHRASE} characters, got a shorter one")
    return passphrase


def _key_files(pem: bytes, passphrase: bytes) -> dict[str, bytes]:
    key = serialization.load_pem_private_key(pem, password=None)
    if passphrase:
        seal = serialization.BestAvailableEncryption(passphrase)
        return {"key.pem": key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, seal)}
    return {"key.pem": pem, "key.der": _sec1(key, _DER)}


def _sec1(key: PrivateKeyTypes, encoding: serialization.Encoding) -> bytes:
    return key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
