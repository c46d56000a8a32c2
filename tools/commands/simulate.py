"""``pillarbox simulate``: virtual devices."""

import json
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cloud.errors import ConfigurationError
from simulator.board.firmware_files import BOARD_OF, ESP32, chip_of
from tools.bundle import ask_passphrase, unsealed
from tools.commands.failures import clear_failures
from tools.commands.soak import soak
from tools.parts.micropython import fetch_micropython, find_micropython
from tools.parts.umqtt import fetch_umqtt

simulate = typer.Typer(help="Virtual devices for a desk without hardware.", no_args_is_help=True)
simulate.command()(soak)


@simulate.callback()
def _simulate() -> None:
    """Keep each device a command of its own."""


@simulate.command()
@clear_failures
def board(
    flash: Annotated[Path, typer.Option(help="File that is the board's flash; made at first use.")] = Path(
        "board.flash"
    ),
    bundle: Annotated[
        Path | None,
        typer.Option(help="The board's identity, as written by pillarbox provision; without it the flash is yours."),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="File of commands to begin with, one a line.", exists=True, dir_okay=False)
    ] = None,
    *,
    repl: Annotated[bool, typer.Option("--repl", help="Give it a serial port with a prompt, for mpremote.")] = False,
    flash_kb: Annotated[
        int | None, typer.Option(help="Size of a new flash without bundle. Default: 1024.", min=64, max=16384)
    ] = None,
    chip: Annotated[
        str | None, typer.Option(help=f"{', '.join(BOARD_OF)}; default: the bundle's, without a bundle {ESP32}.")
    ] = None,
) -> None:
    """Run a virtual board on real MicroPython: type commands, read its reports as JSON lines.

    Commands: open, close, cut, restore, battery MILLIVOLTS, network on|off, bounce MILLISECONDS…, wait SECONDS,
    until KIND (of a report), quit. A board without a bundle, or with --repl, has the port FLASH.port.
    """
    if bundle is not None:
        _check_bundle(bundle)
    _check_chip(chip, bundle)
    lines = _lines(scenario) if scenario else []
    options = {"has_port": repl or bundle is None, "flash_bytes": flash_kb and flash_kb * 1024, "chip": chip or ESP32}
    with unsealed(bundle, ask_passphrase) if bundle else nullcontext() as identity:
        _play(flash, identity, lines, options)


def _play(flash: Path, bundle: Path | None, scenario: list[str], options: dict[str, Any]) -> None:
    from simulator.board.console import COMMANDS, Console, ScenarioError  # noqa: PLC0415 - only here
    from simulator.board.flash_image import FlashError  # noqa: PLC0415 - only here
    from simulator.board.virtual_board import VirtualBoard  # noqa: PLC0415 - only here

    # The port and its prompt are MicroPython's; only a board that needs neither runs on CPython.
    has_port = options["has_port"]
    micropython = fetch_micropython() if has_port else find_micropython()
    make = partial(VirtualBoard, flash, bundle, micropython, fetch_umqtt(), **options)
    try:
        console = Console(make, sys.stdout)
        typer.echo(f"Type {COMMANDS}.{f' Its prompt: mpremote connect {flash}.port' if has_port else ''}", err=True)
        console.run(scenario, sys.stdin)
    except ScenarioError as error:
        raise ConfigurationError(f"scenario, {error}") from error
    except FlashError as error:
        raise ConfigurationError(str(error)) from error


def _lines(scenario: Path) -> list[str]:
    try:
        return scenario.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"expected {scenario} to be commands as text in UTF-8, got {error}") from error


def _check_chip(chip: str | None, bundle: Path | None) -> None:
    if chip is None:
        return
    if chip not in BOARD_OF:
        raise ConfigurationError(f"expected a chip of {', '.join(BOARD_OF)}, got {chip}")
    if bundle is not None and chip != chip_of(bundle):
        raise ConfigurationError(f"expected the chip of the bundle, {chip_of(bundle)}, got {chip}")


def _check_bundle(bundle: Path) -> None:
    file = bundle / "device.json"
    if not file.is_file():
        raise ConfigurationError(f"expected a board's bundle, made by pillarbox provision board, found no {file}")
    kind = json.loads(file.read_text()).get("kind")
    if kind != "board":
        raise ConfigurationError(f"expected the bundle of a board, got that of a {kind}")
