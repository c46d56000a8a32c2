"""``pillarbox simulate``: virtual devices."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cloud.errors import ConfigurationError
from tools.commands.failures import clear_failures
from tools.commands.soak import soak
from tools.parts.micropython import find_micropython
from tools.parts.umqtt import fetch_umqtt

simulate = typer.Typer(help="Virtual devices for a desk without hardware.", no_args_is_help=True)
simulate.command()(soak)


@simulate.callback()
def _simulate() -> None:
    """Keep each device a command of its own."""


@simulate.command()
@clear_failures
def board(
    flash: Annotated[Path, typer.Option(help="File that is the board's flash; made at first use.")],
    bundle: Annotated[Path, typer.Option(help="The board's identity, as written by pillarbox provision.")],
) -> None:
    """Run the firmware on a virtual board; type open, close, cut, restore or quit, read its reports as JSON lines."""
    _check_bundle(bundle)
    from simulator.board.console import run  # noqa: PLC0415 - only here

    run(flash, bundle, find_micropython(), fetch_umqtt(), sys.stdin, sys.stdout)


def _check_bundle(bundle: Path) -> None:
    file = bundle / "device.json"
    if not file.is_file():
        raise ConfigurationError(f"expected a board's bundle, made by pillarbox provision board, found no {file}")
    kind = json.loads(file.read_text()).get("kind")
    if kind != "board":
        raise ConfigurationError(f"expected the bundle of a board, got that of a {kind}")
