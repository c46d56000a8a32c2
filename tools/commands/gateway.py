"""``pillarbox gateway``: the camera gateway."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.failures import clear_failures

gateway = typer.Typer(help="The camera gateway, on a Raspberry Pi or here.", no_args_is_help=True)


@gateway.callback()
def _gateway() -> None:
    """Keep "run" a command of its own."""


@gateway.command()
@clear_failures
def run(
    bundle: Annotated[Path, typer.Option(help="The gateway's identity, as written by pillarbox provision.")],
    camera: Annotated[str, typer.Option(help="folder:DIR takes the images in a folder as frames.")],
    spool: Annotated[Path, typer.Option(help="Folder that keeps images until the server has them.")],
) -> None:
    """Photograph what falls into the mailbox and bring it to the server, until Ctrl-C."""
    from edge_gateway import bootstrap  # noqa: PLC0415 - imaging libraries load only here

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    bootstrap.run(bundle, camera, spool, stop, typer.echo)
