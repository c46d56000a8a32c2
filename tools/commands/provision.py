"""``pillarbox provision``: a device with an identity of its own."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cloud.accounts.service import ensure_household
from cloud.bootstrap import UPDATE_KEY, build_iot_authority, mqtt_port_of
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.devices.service import KINDS, check_room, ensure_mailbox
from cloud.devices.service import provision as provision_device
from cloud.errors import ConfigurationError
from cloud.operations.people import member_of
from cloud.ports.certificate_authority import CertificateAuthority
from cloud.ports.database import UnitOfWork
from simulator.board.firmware_files import BOARD_OF, ESP32
from tools.bundle import choose_passphrase, write_bundle, write_privately
from tools.commands.auditing import this_operator
from tools.commands.failures import clear_failures
from tools.commands.running import running
from tools.commands.server_settings import read_settings, server_settings
from tools.firmware_image import board_key, load_key

# How long a board waits for the ack watermark: at home the server answers within half a second, on AWS a message
# passes through queues, so that the board hears of it when it wakes the next time.
ACK_WAIT_MS = 500
IOT_PORT = 8883
IOT_POLICY = "pillarbox-device"
# A real board waits so long for mpremote whenever it is given power; with a virtual one's door people play.
Options = Mapping[str, object]
REAL = {"maintenance_ms": 5000}
VIRTUAL: Options = {"storm_movements": 1000000, "wifi": {"ssid": "", "password": ""}}
# Read in place of a question where nobody is at the keyboard.
WIFI_PASSWORD = "PILLARBOX_WIFI_PASSWORD"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a device belongs to."""

    email: str
    name: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class BrokerAt:
    """Where a device finds the broker, the name in the broker's certificate, and how long a board waits there."""

    host: str
    port: int
    server_name: str = "localhost"
    ack_wait_ms: int = ACK_WAIT_MS


@dataclass(frozen=True, slots=True)
class Making:
    """How a device is made: what is set on a board, who signs for it (None: the household), what seals its key."""

    board_options: Options = field(default_factory=lambda: VIRTUAL)
    authority: CertificateAuthority | None = None
    passphrase: bytes = b""


VIRTUAL_DEVICE = Making()


@clear_failures
def provision(  # noqa: PLR0913 - these are the command's options
    kind: Annotated[str, typer.Argument(help="board or gateway")],
    *,
    bundle: Annotated[Path, typer.Option(help="Folder to write the device's identity to; must not exist.")],
    email: Annotated[
        str | None, typer.Option(help="E-mail address of the owner, whom admin user create has made.")
    ] = None,
    unclaimed: Annotated[
        bool, typer.Option("--unclaimed", help="Nobody's yet: whose household shows the printed code has it.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="E-mail address of who may make another claim code for an --unclaimed device.")
    ] = None,
    mailbox: Annotated[str, typer.Option(help="Name of the mailbox.")] = "Mailbox",
    host: Annotated[str, typer.Option(help="Address of the broker, as the device reaches it.")] = "127.0.0.1",
    mqtt_port: Annotated[int | None, typer.Option(help="Port of the broker; default: the server's.")] = None,
    chip: Annotated[str, typer.Option(help=f"Of a board: {', '.join(BOARD_OF)}.")] = ESP32,
    wifi: Annotated[
        str | None, typer.Option(help="Name of a board's Wi-Fi; password asked for, or in PILLARBOX_WIFI_PASSWORD.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The server's data folder.")] = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Seal a board's key; asked for, or in PILLARBOX_BUNDLE_PASSPHRASE.")
    ] = False,
    aws: Annotated[bool, typer.Option("--aws", help="Let AWS IoT Core be authority and broker.")] = False,
    region: Annotated[str | None, typer.Option(help="Its region; default: that of your AWS settings.")] = None,
    policy: Annotated[str, typer.Option(help="Its policy for devices; made at first use.")] = IOT_POLICY,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made; make nothing.")] = False,
) -> None:
    """Make a board or gateway: its row, its certificate, and the bundle that goes onto the device."""
    _check_options(kind, email, by, chip, is_unclaimed=unclaimed)
    _check_board_only(kind, {"--passphrase": passphrase, "--wifi": wifi is not None, "--chip": chip != ESP32})
    _check_new(bundle)
    authority = build_iot_authority(region, policy) if aws else None
    broker = BrokerAt(host, mqtt_port or _port(data)) if authority is None else _at_iot_core(authority.endpoint())
    if dry_run:
        is_new = authority is not None and not authority.has_policy()
        typer.echo("\n".join(_intentions(kind, bundle, broker, policy if aws else "", is_policy_new=is_new)))
        return
    _check_known(data, email)
    sealed = choose_passphrase().encode() if passphrase else b""
    making = Making(REAL | {"chip": chip} | _joining(wifi), authority, sealed)
    if email is None:
        thing, code = make_unclaimed(data, kind, bundle, broker, by, making)
        typer.echo(f"Its claim code is {code}, shown this once: put it on paper and into the box with the device.")
    else:
        thing = make_device(data, kind, bundle, Owner(email, email.split("@")[0], mailbox), broker, making)
    if kind == "board":
        add_update_key(bundle, server_settings(data=data).data)
    typer.echo(f"{thing} is provisioned; its identity is in {bundle}. Keep it secret: it holds the private key.")


def make_device(
    data: Path | None, kind: str, bundle: Path, owner: Owner, broker: BrokerAt, making: Making = VIRTUAL_DEVICE
) -> str:
    """Provision a device, for an owner who is made if they are new, and write its bundle; returns the thing's name.

    Raises ConfigurationError if the bundle is there.
    """
    _check_new(bundle)
    with running(data, may_be_new=True) as app, app.database.write() as unit_of_work:
        authority = making.authority or app.authority
        member = ensure_household(unit_of_work, owner.email, owner.name)
        check_room(unit_of_work, member.household_id, app.ports.most_devices)
        mailbox_id = ensure_mailbox(unit_of_work, member.household_id, owner.mailbox)
        device, credentials = provision_device(
            unit_of_work, authority, member.household_id, mailbox_id, kind, _chip(kind, making)
        )
        _note(unit_of_work, device.thing, member.household_id)
        write_bundle(bundle, _configuration(device.thing, kind, broker, making), credentials, making.passphrase)
    return device.thing


def make_unclaimed(
    data: Path | None, kind: str, bundle: Path, broker: BrokerAt, by: str | None, making: Making = VIRTUAL_DEVICE
) -> tuple[str, str]:
    """Provision a device for nobody yet and write its bundle; returns the thing's name and its claim code."""
    _check_new(bundle)
    code = claim_code(secrets.token_bytes(CODE_BYTES))
    with running(data, may_be_new=True) as app, app.database.write() as unit_of_work:
        issuer = member_of(unit_of_work, by).household_id if by else None
        authority = making.authority or app.authority
        thing, credentials = provision_unclaimed(unit_of_work, authority, kind, code, issuer, _chip(kind, making))
        if issuer:
            _note(unit_of_work, thing, issuer)
        write_bundle(bundle, _configuration(thing, kind, broker, making), credentials, making.passphrase)
    return thing, code


def point_to(bundle: Path, broker: BrokerAt) -> None:
    """Change where a bundle's device finds its broker."""
    _configure(bundle, host=broker.host, port=broker.port, server_name=broker.server_name)


def add_update_key(bundle: Path, data: Path) -> None:
    """Let a bundle's board accept the updates that are signed with ``update.pem`` of the server's data folder."""
    _configure(bundle, update_key=board_key(load_key(data / UPDATE_KEY)))


def _note(unit_of_work: UnitOfWork, thing: str, household_id: str) -> None:
    this_operator().note(unit_of_work, "device provisioned", thing, [household_id])


def _configure(bundle: Path, **changes: object) -> None:
    configuration = json.loads((bundle / "device.json").read_text())
    write_privately(bundle / "device.json", json.dumps({**configuration, **changes}, indent=1).encode())


def _port(data: Path | None) -> int:
    return mqtt_port_of(read_settings(data=data))


def _at_iot_core(endpoint: str) -> BrokerAt:
    return BrokerAt(endpoint, IOT_PORT, endpoint, ack_wait_ms=0)


def _check_new(bundle: Path) -> None:
    if bundle.exists():
        raise ConfigurationError(f"expected {bundle} not to exist, so that no identity is overwritten")


def _check_known(data: Path | None, email: str | None) -> None:
    """Raise NotFoundError for whom nobody has made: an address with a typo would be somebody's account."""
    if email is None:
        return
    with running(data) as app, app.database.read() as unit_of_work:
        member_of(unit_of_work, email)


def _check_options(kind: str, email: str | None, by: str | None, chip: str, *, is_unclaimed: bool) -> None:
    if kind not in KINDS:
        raise ConfigurationError(f"expected a device kind of {', '.join(KINDS)}, got {kind!r}")
    if (email is None) != is_unclaimed:
        raise ConfigurationError("expected either --email of the owner or --unclaimed")
    if by and not is_unclaimed:
        raise ConfigurationError("expected --by with --unclaimed only: a device with an owner has no claim code")
    if chip not in BOARD_OF:
        raise ConfigurationError(f"expected a chip of {', '.join(BOARD_OF)}, got {chip}")


def _check_board_only(kind: str, given: dict[str, bool]) -> None:
    """Refuse what a gateway has no use for: it runs on a system of its own, and starts with nobody at the keyboard."""
    if kind != "board" and (names := [name for name, is_given in given.items() if is_given]):
        raise ConfigurationError(f"expected {', '.join(names)} for a board only, got a {kind}")


def _joining(wifi: str | None) -> dict[str, object]:
    """Return what lets a board join a network; without a name, what its owner fills in by hand."""
    if wifi is None:
        return {"wifi": {"ssid": "", "password": ""}}
    asked = partial(typer.prompt, f"Password of {wifi}", default="", show_default=False, hide_input=True, err=True)
    return {"wifi": {"ssid": wifi, "password": os.environ.get(WIFI_PASSWORD) or str(asked())}}


def _intentions(kind: str, bundle: Path, broker: BrokerAt, policy: str, *, is_policy_new: bool) -> list[str]:
    """Return what would be done, line by line; ``policy`` is empty where the household signs for itself."""
    signer = "IoT Core, from a CSR" if policy else "the household's own authority"
    lines = [f"would make a {kind} with an EC P-256 key of its own and a certificate signed by {signer}"]
    if policy:
        made = "make" if is_policy_new else "find"
        lines.append(f"would {made} the policy {policy}, make the thing and attach the certificate to both")
    lines.append(f"would point it at {broker.host}:{broker.port}")
    lines.append(f"would write its bundle to {bundle}, readable by you only")
    return lines


def _chip(kind: str, making: Making) -> str | None:
    chip = making.board_options.get("chip")
    return str(chip) if kind == "board" and chip else None


def _configuration(thing: str, kind: str, broker: BrokerAt, making: Making) -> dict[str, object]:
    configuration: dict[str, object] = {
        "thing": thing,
        "kind": kind,
        "host": broker.host,
        "port": broker.port,
        "server_name": broker.server_name,
        "ack_wait_ms": broker.ack_wait_ms,
    }
    if kind == "board":
        configuration |= making.board_options
    return configuration
