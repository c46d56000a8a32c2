"""The one program: ``pillarbox``."""

from typing import Annotated

import typer

from firmware.version import VERSION
from tools.commands.admin import admin
from tools.commands.demo import demo
from tools.commands.device import device
from tools.commands.flash import flash
from tools.commands.gateway import gateway
from tools.commands.provision import provision
from tools.commands.setup import setup
from tools.commands.simulate import simulate
from tools.commands.up import up

app = typer.Typer(
    name="pillarbox",
    help="A mailbox that tells its owner what came, reads it, and answers questions about it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _tell_version(is_asked: bool) -> None:  # noqa: FBT001 - as typer gives it
    if is_asked:
        typer.echo(f"pillarbox {VERSION}")
        raise typer.Exit


@app.callback()
def _pillarbox(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print which release this is.")
    ] = False,
) -> None:
    """Begin with what holds for every command."""


app.command()(demo)
app.command()(up)
app.command()(provision)
app.command()(flash)
app.add_typer(device, name="device")
app.add_typer(gateway, name="gateway")
app.add_typer(simulate, name="simulate")
app.add_typer(admin, name="admin")
app.command()(setup)
