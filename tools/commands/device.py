"""``pillarbox device``: what a board at a serial port tells."""

import json
from typing import Annotated

import typer

from tools.boards.about import about
from tools.boards.connection import connected, serial_lines
from tools.commands.columns import print_columns, printable
from tools.commands.failures import clear_failures
from tools.commands.flash import WAIT_S

device = typer.Typer(help="A board at a serial port.", no_args_is_help=True)

Port = Annotated[str, typer.Argument(help="The board's serial port, such as /dev/ttyUSB0.")]


@device.command()
@clear_failures
def info(
    port: Port,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a board that sleeps.", min=0)] = WAIT_S,
) -> None:
    """Tell which board it is, what runs on it and what waits in its journal; the board then starts anew."""
    with connected(port, wait, lambda line: typer.echo(line, err=True)) as board:
        told = about(board).as_json()
        board.restart()
    if as_json:
        typer.echo(json.dumps(told))
        return
    rows = [(name.replace("_", " "), str(value)) for name, value in told.items() if value is not None]
    print_columns([("what", "is"), *rows])


@device.command()
@clear_failures
def logs(
    port: Port,
    *,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.", min=0)] = None,
) -> None:
    """Print what the board writes to its serial port until Ctrl-C; the board is not disturbed."""
    for line in serial_lines(port, seconds):
        typer.echo(printable(line))
