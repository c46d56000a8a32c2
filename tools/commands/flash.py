"""``pillarbox flash``: firmware and identity onto a board."""

import time
from pathlib import Path
from typing import Annotated

import typer

from cloud.settings import LOOPBACK
from tools.boards.connection import connected
from tools.boards.flashing import broker_host, check_bundle
from tools.boards.flashing import flash as flash_board
from tools.bundle import ask_passphrase, unsealed
from tools.commands.bars import progress_bar
from tools.commands.failures import clear_failures

WAIT_S = 120.0


@clear_failures
def flash(
    port: Annotated[str, typer.Argument(help="The board's serial port, such as /dev/ttyUSB0.")],
    bundle: Annotated[Path, typer.Option(help="The board's identity, as written by pillarbox provision.")],
    *,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a board that sleeps.", min=0)] = WAIT_S,
    erase: Annotated[bool, typer.Option("--erase", help="Forget what the board was, its unsent events too.")] = False,
) -> None:
    """Put the firmware and a board's identity onto a board with MicroPython: what differs, verified; then start it."""
    with unsealed(bundle, ask_passphrase) as identity:
        thing = check_bundle(identity)
        with connected(port, wait, lambda line: typer.echo(line, err=True)) as board:
            with progress_bar() as progress:
                done = flash_board(board, identity, progress, erase=erase)
            board.set_clock(time.time())
            board.restart()
    if (host := broker_host(bundle)) in LOOPBACK:
        typer.echo(f"Its broker is at {host}, where only a virtual board finds one: provision board --host", err=True)
    sent = f"sent {done.sent} of {done.files} files, {done.sent_bytes} bytes"
    typer.echo(f"{thing}: {sent}; every file verified, clock set, started.")
