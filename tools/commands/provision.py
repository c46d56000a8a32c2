"""``pillarbox provision``: a device with an identity of its own."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloud.accounts.service import ensure_household
from cloud.bootstrap import build
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.devices.service import ensure_mailbox
from cloud.devices.service import provision as provision_device
from cloud.errors import ConfigurationError
from cloud.operations.people import member_of
from cloud.ports.certificate_authority import Credentials
from simulator.board.firmware_files import BOARD_OF, ESP32
from tools.commands.failures import clear_failures
from tools.commands.server_settings import server_settings
from tools.firmware_image import board_key, load_key

# How long a board waits for the ack watermark: at home the server answers within half a second.
ACK_WAIT_MS = 500
# A real board waits so long for mpremote whenever it is given power; with a virtual one's door people play.
Options = Mapping[str, object]
REAL: Options = {"maintenance_ms": 5000}
VIRTUAL: Options = {"storm_movements": 1000000}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a device belongs to."""

    email: str
    name: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class BrokerAt:
    """Where a device finds the broker, and the name in the broker's certificate."""

    host: str
    port: int
    server_name: str = "localhost"


@clear_failures
def provision(  # noqa: PLR0913 - these are the command's options
    kind: Annotated[str, typer.Argument(help="board or gateway")],
    *,
    bundle: Annotated[Path, typer.Option(help="Folder to write the device's identity to; must not exist.")],
    email: Annotated[str | None, typer.Option(help="E-mail address of the owner.")] = None,
    unclaimed: Annotated[
        bool, typer.Option("--unclaimed", help="Nobody's yet: whose household shows the printed code has it.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="E-mail address of who may make another claim code for an --unclaimed device.")
    ] = None,
    mailbox: Annotated[str, typer.Option(help="Name of the mailbox.")] = "Mailbox",
    host: Annotated[str, typer.Option(help="Address of the broker, as the device reaches it.")] = "127.0.0.1",
    mqtt_port: Annotated[int, typer.Option(help="Port of the broker.")] = 8883,
    chip: Annotated[str, typer.Option(help=f"Of a board: {', '.join(BOARD_OF)}.")] = ESP32,
    data: Annotated[Path | None, typer.Option(help="The server's data folder.")] = None,
) -> None:
    """Make a board or gateway: its row, its certificate, and the bundle that goes onto the device."""
    if (email is None) != unclaimed:
        raise ConfigurationError("expected either --email of the owner or --unclaimed")
    if chip not in BOARD_OF:
        raise ConfigurationError(f"expected a chip of {', '.join(BOARD_OF)}, got {chip}")
    if by and not unclaimed:
        raise ConfigurationError("expected --by with --unclaimed only: a device with an owner has no claim code")
    broker = BrokerAt(host, mqtt_port)
    if email is None:
        thing, code = make_unclaimed(data, kind, bundle, broker, by)
        typer.echo(f"Its claim code is {code}, shown this once: put it on paper and into the box with the device.")
    else:
        thing = make_device(data, kind, bundle, Owner(email, email.split("@")[0], mailbox), broker, board_options=REAL)
    if kind == "board":
        _configure(bundle, chip=chip)
        add_update_key(bundle, server_settings(data=data).data)
    typer.echo(f"{thing} is provisioned; its identity is in {bundle}. Keep it secret: it holds the private key.")


def make_device(
    data: Path | None, kind: str, bundle: Path, owner: Owner, broker: BrokerAt, *, board_options: Options = VIRTUAL
) -> str:
    """Provision a device and write its bundle; returns the thing's name. Raises ConfigurationError if it is there."""
    _check_new(bundle)
    app = build(server_settings(data=data))
    with app.database.write() as unit_of_work:
        member = ensure_household(unit_of_work, owner.email, owner.name)
        mailbox_id = ensure_mailbox(unit_of_work, member.household_id, owner.mailbox)
        device, credentials = provision_device(unit_of_work, app.authority, member.household_id, mailbox_id, kind)
        _write(bundle, _configuration(device.thing, kind, broker, board_options), credentials)
    app.database.close()
    return device.thing


def make_unclaimed(data: Path | None, kind: str, bundle: Path, broker: BrokerAt, by: str | None) -> tuple[str, str]:
    """Provision a device for nobody yet and write its bundle; returns the thing's name and its claim code."""
    _check_new(bundle)
    app = build(server_settings(data=data))
    code = claim_code(secrets.token_bytes(CODE_BYTES))
    with app.database.write() as unit_of_work:
        issuer = member_of(unit_of_work, by).household_id if by else None
        thing, credentials = provision_unclaimed(unit_of_work, app.authority, kind, code, issuer)
        _write(bundle, _configuration(thing, kind, broker, REAL), credentials)
    app.database.close()
    return thing, code


def point_to(bundle: Path, broker: BrokerAt) -> None:
    """Change where a bundle's device finds its broker."""
    _configure(bundle, host=broker.host, port=broker.port, server_name=broker.server_name)


def add_update_key(bundle: Path, data: Path) -> None:
    """Let a bundle's board accept the updates that are signed with ``update.pem`` of the server's data folder."""
    _configure(bundle, update_key=board_key(load_key(data / "update.pem")))


def _configure(bundle: Path, **changes: object) -> None:
    configuration = json.loads((bundle / "device.json").read_text())
    _private(bundle / "device.json", json.dumps({**configuration, **changes}, indent=1).encode())


def _check_new(bundle: Path) -> None:
    if bundle.exists():
        raise ConfigurationError(f"expected {bundle} not to exist, so that no identity is overwritten")


def _configuration(thing: str, kind: str, broker: BrokerAt, board_options: Options) -> dict[str, object]:
    configuration: dict[str, object] = {
        "thing": thing,
        "kind": kind,
        "host": broker.host,
        "port": broker.port,
        "server_name": broker.server_name,
        "ack_wait_ms": ACK_WAIT_MS,
    }
    if kind == "board":
        configuration |= {"wifi": {"ssid": "", "password": ""}, **board_options}
    return configuration


def _write(bundle: Path, configuration: dict[str, object], credentials: Credentials) -> None:
    bundle.mkdir(parents=True, mode=0o700)
    der = serialization.Encoding.DER
    authority = x509.load_pem_x509_certificate(credentials.authority)
    certificate = x509.load_pem_x509_certificate(credentials.certificate)
    key = serialization.load_pem_private_key(credentials.key, password=None)
    sec1 = serialization.PrivateFormat.TraditionalOpenSSL
    files = {
        "ca.pem": credentials.authority,
        "cert.pem": credentials.certificate,
        "key.pem": credentials.key,
        "ca.der": authority.public_bytes(der),
        "cert.der": certificate.public_bytes(der),
        "key.der": key.private_bytes(der, sec1, serialization.NoEncryption()),
        "device.json": json.dumps(configuration, indent=1).encode(),
    }
    for name, content in files.items():
        _private(bundle / name, content)


def _private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
