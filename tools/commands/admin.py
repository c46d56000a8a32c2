"""``pillarbox admin``: what an operator does by hand."""

import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cloud.accounts.service import ensure_household, make_login_link
from cloud.bootstrap import build
from tools.commands.backups import backup, restore
from tools.commands.dlq import dlq, replay
from tools.commands.failures import clear_failures
from tools.commands.server_settings import server_settings

admin = typer.Typer(help="Operations by hand.", no_args_is_help=True)
admin.command()(backup)
admin.command()(restore)
admin.command()(replay)
admin.add_typer(dlq, name="dlq")


class KeyAction(StrEnum):
    """What is done with the signing key."""

    ROTATE = "rotate"


Data = Annotated[Path | None, typer.Option(help="The server's data folder.")]


@admin.command()
@clear_failures
def user(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    data: Data = None,
) -> None:
    """Make a user with a household of their own."""
    app = build(server_settings(data=data))
    with app.database.write() as unit_of_work:
        member = ensure_household(unit_of_work, email, name or email.split("@")[0])
    typer.echo(f"{member.user.email} owns {member.household_name}")


@admin.command()
@clear_failures
def link(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    url: Annotated[str, typer.Option(help="Address of the server.")] = "http://localhost:8000",
    data: Data = None,
) -> None:
    """Print a link that logs the person in once, within a day."""
    typer.echo(login_link(data, email, url))


@admin.command()
@clear_failures
def key(
    action: Annotated[KeyAction, typer.Argument(help="rotate: sign access tokens with a new key from now on.")],
    revoke: Annotated[  # noqa: FBT002 - typer makes a flag of it
        bool, typer.Option("--revoke", help="End the tokens of every older key at once: for a key that leaked.")
    ] = False,
    data: Data = None,
) -> None:
    """Rotate the key that signs access tokens; a running server takes the new one at once."""
    app = build(server_settings(data=data))
    kid = app.ports.token_issuer.rotate(revoke=revoke)
    app.database.close()
    typer.echo(
        f"{action.value}d: {kid} signs from now on; older tokens {'have ended' if revoke else 'live out their time'}"
    )


def login_link(data: Path | None, email: str, url: str) -> str:
    """Return a new one-time login link for a known user."""
    token = secrets.token_urlsafe(24)
    app = build(server_settings(data=data))
    with app.database.write() as unit_of_work:
        make_login_link(unit_of_work, email, token)
    app.database.close()
    return f"{url}/login/{token}"
