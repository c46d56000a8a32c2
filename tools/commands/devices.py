"""``pillarbox admin device``: devices and their silence, those that wait for a household, and chips of boards."""

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.repository import OwnershipRepository
from cloud.devices.ownership.service import issue_code
from cloud.devices.repository import DeviceRepository
from cloud.devices.silence import EveryDevice
from cloud.devices.updates.repository import UpdateRepository
from cloud.errors import NotFoundError, RefusedError
from simulator.board.firmware_files import BOARD_OF
from tools.commands.auditing import this_operator
from tools.commands.columns import print_columns
from tools.commands.failures import clear_failures
from tools.commands.running import running

device = typer.Typer(help="Devices, which are silent, who claims the unclaimed, and chips.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="The server's data folder.")]


@device.command(name="list")
@clear_failures
def list_devices(
    *,
    silent: Annotated[bool, typer.Option("--silent", help="Only those that should have been heard of by now.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most devices shown.")] = 100,
    json_lines: Annotated[bool, typer.Option("--json", help="Print JSON, one line a device.")] = False,
    data: Data = None,
) -> None:
    """List the devices of all households, those that were not heard of for longest first."""
    with running(data) as app, app.database.read() as unit_of_work:
        every = EveryDevice(unit_of_work)
        found, total = every.heard(limit, silent=silent), every.count(silent=silent)
    if len(found) < total:
        typer.echo(f"{len(found)} of {total} devices; all of them: --limit {total}", err=True)
    names = ("thing", "household", "kind", "last_seen", "due")
    told = [(one.thing, one.household_id, one.kind, _moment(one.last_seen), _moment(one.due)) for one in found]
    if not json_lines:
        print_columns([names, *(tuple(value or "" for value in row) for row in told)])
        return
    for row in told:
        typer.echo(json.dumps(dict(zip(names, row, strict=True))))


@device.command()
@clear_failures
def unclaimed(
    *,
    json_lines: Annotated[bool, typer.Option("--json", help="Print JSON, one line a device.")] = False,
    data: Data = None,
) -> None:
    """List the devices that nobody has claimed, oldest first; codes are kept nowhere, so none is shown."""
    with running(data) as app, app.database.read() as unit_of_work:
        waiting = OwnershipRepository(unit_of_work).all_waiting()
    told = [(one.thing, one.kind, _day(one.provisioned_at), _day(one.issued_at), one.issuer or "") for one in waiting]
    if not json_lines:
        print_columns([("thing", "kind", "provisioned", "code of", "issuer"), *told])
        return
    for row in told:
        names = ("thing", "kind", "provisioned_at", "issued_at", "issuer")
        typer.echo(json.dumps(dict(zip(names, row, strict=True))))


@device.command()
@clear_failures
def code(thing: Annotated[str, typer.Argument(help="A thing of the list.")], *, data: Data = None) -> None:
    """Make another claim code for a device that nobody has claimed and print it, this once; the old one ends."""
    made = claim_code(secrets.token_bytes(CODE_BYTES))
    with running(data) as app, app.database.write() as unit_of_work:
        issue_code(unit_of_work, thing, made)
        this_operator().note(unit_of_work, "claim code made", thing)
    typer.echo(made)


@device.command()
@clear_failures
def chip(
    thing: Annotated[str, typer.Argument(help="A board of a household.")],
    name: Annotated[str, typer.Argument(help=f"What it has: {', '.join(BOARD_OF)}.")],
    *,
    data: Data = None,
) -> None:
    """Say which chip a board has that was provisioned before this was written down: updates are made for a chip."""
    if name not in BOARD_OF:
        raise RefusedError(f"expected a chip of {', '.join(BOARD_OF)}, got {name}")
    with running(data) as app, app.database.write() as unit_of_work:
        if not UpdateRepository(unit_of_work).set_chip(thing, name):
            raise NotFoundError(f"thing: expected a board of a household, found none called {thing}")
        board = DeviceRepository(unit_of_work).by_thing(thing)
        households = [board.household_id] if board else []
        this_operator().note(unit_of_work, "chip named", f"{thing} has an {name}", households)
    typer.echo(f"{thing} has an {name}")


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else _day(milliseconds)


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
