"""``pillarbox admin update``: firmware for boards over the air."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cloud import pipeline
from cloud.bootstrap import UPDATE_KEY, Application
from cloud.devices.updates.model import Board, Image, Release, check_version, objection, outcome
from cloud.devices.updates.service import chosen_boards
from cloud.devices.updates.service import release as release_to
from cloud.devices.updates.service import withdraw as withdraw_from
from cloud.errors import RefusedError
from cloud.ports.database import UnitOfWork
from cloud.settings import LOOPBACK
from firmware.version import VERSION
from tools.commands.auditing import this_operator
from tools.commands.columns import print_columns
from tools.commands.failures import clear_failures
from tools.commands.running import running
from tools.firmware_image import build_image, load_key, sign_update

update = typer.Typer(help="Firmware of boards, over the air.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="The server's data folder.")]
Device = Annotated[list[str] | None, typer.Option(help="A board by its thing; again for more. Default: all boards.")]


@update.command()
@clear_failures
def release(
    *,
    version: Annotated[
        str, typer.Option(help="What the firmware calls itself; boards take only a newer one.")
    ] = VERSION,
    device: Device = None,
    url: Annotated[
        str | None, typer.Option(help="Address of the server, as boards reach it. Default: PILLARBOX_PUBLIC_URL.")
    ] = None,
    data: Data = None,
) -> None:
    """Build this program's firmware, sign it with update.pem, and offer it to boards: they have it when they wake."""
    check_version(version)
    with running(data) as app:
        address = _address(url or app.ports.public_url)
        with app.database.read() as unit_of_work:
            boards = chosen_boards(unit_of_work, device or ())
        due = [board for board in boards if objection(board, version) is None]
        of_chip = {chip: _release(app, version, chip, address) for chip in {one.chip for one in due if one.chip}}
        with app.database.write() as unit_of_work:
            pipeline.put_all(app.queue, unit_of_work, release_to(unit_of_work, due, of_chip))
            _note(unit_of_work, "firmware offered", version, due)
    _tell_release(boards, version, address)


@update.command()
@clear_failures
def status(
    *,
    json_lines: Annotated[bool, typer.Option("--json", help="Print JSON, one line a board.")] = False,
    data: Data = None,
) -> None:
    """List the boards: what each runs, what it is offered, and what became of that."""
    with running(data) as app, app.database.read() as unit_of_work:
        told = [_told(board) for board in chosen_boards(unit_of_work, ())]
    if not json_lines:
        names = ("thing", "chip", "firmware", "offered", "outcome")
        print_columns([names, *([one[name] or "" for name in names] for one in told)])
        return
    for one in told:
        typer.echo(json.dumps(one))


@update.command()
@clear_failures
def withdraw(*, device: Device = None, data: Data = None) -> None:
    """Offer boards no firmware any more; those that have taken it keep it."""
    with running(data) as app, app.database.write() as unit_of_work:
        boards = chosen_boards(unit_of_work, device or ())
        pipeline.put_all(app.queue, unit_of_work, withdraw_from(unit_of_work, boards))
        _note(unit_of_work, "firmware withdrawn", "", [board for board in boards if board.offered])
    count = sum(board.offered is not None for board in boards)
    typer.echo(f"{count} board{' is' if count == 1 else 's are'} offered nothing any more")


def _note(unit_of_work: UnitOfWork, action: str, what: str, boards: Sequence[Board]) -> None:
    for board in boards:
        told = f"{board.device.thing}: {what}" if what else board.device.thing
        this_operator().note(unit_of_work, action, told, [board.device.household_id])


def _address(url: str) -> str:
    """Return the address without a slash at its end; raises RefusedError for one that boards cannot ask."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RefusedError(f"--url: expected an address such as http://192.168.1.5:8000, got {url!r}")
    return url.rstrip("/")


def _release(app: Application, version: str, chip: str, address: str) -> Release:
    content = build_image(version, chip)
    sha256 = hashlib.sha256(content).hexdigest()
    key = load_key(app.settings.data / UPDATE_KEY)
    signed = sign_update(key, version, content, f"{address}/firmware/{sha256}")
    return Release(Image(sha256, version, chip, content), signed.as_json())


def _tell_release(boards: Sequence[Board], version: str, address: str) -> None:
    for board in boards:
        typer.echo(f"{board.device.thing}: {objection(board, version) or f'is offered {version}'}")
    if urlsplit(address).hostname in LOOPBACK:
        typer.echo(f"Boards fetch it from {address}, which is this machine only: --url gives them another.", err=True)


def _told(board: Board) -> dict[str, str | None]:
    return {
        "thing": board.device.thing,
        "chip": board.chip,
        "firmware": board.device.firmware,
        "offered": board.offered["version"] if board.offered else None,
        "outcome": outcome(board),
    }
