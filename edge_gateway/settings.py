"""What the gateway is told: the device bundle, the command line, and PILLARBOX_GATEWAY_* from the environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_gateway.errors import BundleError
from firmware.wire.topics import is_thing

PREFIX = "PILLARBOX_GATEWAY_"
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Bundle:
    """Identity and broker of this gateway, as `pillarbox provision` wrote it."""

    thing: str
    host: str
    port: int
    server_name: str
    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The figures an operator may change, each by the environment variable of its name."""

    burst: int = 3
    spool_mb: int = 2000
    least_free_mb: int = 200
    heartbeat_s: int = 3600
    upload_timeout_s: int = 30


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings in the environment, else their defaults; raises BundleError for what is no number."""
    found = {name: environment.get(PREFIX + name.upper()) for name in Settings.__dataclass_fields__}
    return Settings(**{name: _positive(name, text) for name, text in found.items() if text})


def read_bundle(folder: Path) -> Bundle:
    """Return the identity in a device bundle; raises BundleError with what is missing or wrong."""
    path = folder / "device.json"
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        bundle = Bundle(
            thing=str(fields["thing"]),
            host=str(fields["host"]),
            port=int(fields["port"]),
            server_name=str(fields.get("server_name") or fields["host"]),
            ca=folder / "ca.pem",
            certificate=folder / "cert.pem",
            key=folder / "key.pem",
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BundleError(f"expected thing, host and port in {path}, got {type(error).__name__}: {error}") from error
    _check(bundle, str(fields.get("kind", "gateway")))
    return bundle


def _check(bundle: Bundle, kind: str) -> None:
    if kind != "gateway":
        raise BundleError(f"expected the bundle of a gateway, got that of a {kind}")
    if not bundle.host or not 1 <= bundle.port <= 65535:
        raise BundleError(f"expected a host and a port from 1 to 65535, got {bundle.host!r} and {bundle.port}")
    if not is_thing(bundle.thing):
        raise BundleError(f"expected a thing name of 1-64 letters, digits, _ or -, got {bundle.thing!r}")
    for file in (bundle.ca, bundle.certificate, bundle.key):
        if not file.is_file():
            raise BundleError(f"expected {file.name} in the bundle, got nothing")


def _positive(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise BundleError(f"{PREFIX}{name.upper()}: expected a whole number above 0, got {text!r}")
    return int(text)
