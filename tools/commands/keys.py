"""``pillarbox admin key``: the key that signs access tokens, and people's API keys."""

import dataclasses
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cloud.accounts.id_pages import IdPage
from cloud.accounts.sharing.service import make_key, revoke_key, visible_keys
from cloud.operations.people import member_of
from tools.commands.auditing import this_operator
from tools.commands.failures import clear_failures
from tools.commands.running import running

key = typer.Typer(help="The signing key, and people's API keys.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="The server's data folder.")]
Email = Annotated[str, typer.Argument(help="Whose keys; an owner's are all of the household.")]
Household = Annotated[str | None, typer.Option(help="Id of the household; default: their first.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line a key.")]


class Scope(StrEnum):
    """What an API key may do."""

    READ = "read"
    WRITE = "write"
    MANAGE = "manage"


# More than a household can have.
ALL = IdPage(1_000_000)


@key.command()
@clear_failures
def rotate(
    *,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End the tokens of every older key at once: for a key that leaked.")
    ] = False,
    data: Data = None,
) -> None:
    """Rotate the key that signs access tokens; a running server takes the new one at once."""
    with running(data) as app:
        kid = app.ports.token_issuer.rotate(revoke=revoke)
        with app.database.write() as unit_of_work:
            this_operator().note(unit_of_work, "signing key rotated", "with an end to older tokens" if revoke else "")
    typer.echo(f"rotated: {kid} signs from now on; older tokens {'have ended' if revoke else 'live out their time'}")


@key.command(name="list")
@clear_failures
def list_keys(email: Email, *, household: Household = None, json_lines: Json = False, data: Data = None) -> None:
    """List API keys, oldest first, without their secrets."""
    with running(data) as app, app.database.read() as unit_of_work:
        keys = visible_keys(unit_of_work, member_of(unit_of_work, email, household), ALL)
    for one in keys:
        state = "revoked" if one.revoked_at else "active"
        told = f"{one.id}  {one.hint}…  {one.scopes}  {state}  {one.name}"
        typer.echo(json.dumps(dataclasses.asdict(one)) if json_lines else told)


@key.command()
@clear_failures
def create(
    email: Email,
    *,
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; several times for several.")],
    household: Household = None,
    json_line: Json = False,
    data: Data = None,
) -> None:
    """Make an API key and print its secret, this once."""
    with running(data) as app, app.database.write() as unit_of_work:
        member = member_of(unit_of_work, email, household)
        made, secret = make_key(unit_of_work, member, name, [one.value for one in scope])
        told = f"{name} ({made.scopes}) of {member.user.email}"
        this_operator().note(unit_of_work, "API key made", told, [member.household_id])
    typer.echo(json.dumps({"id": made.id, "key": secret}) if json_line else secret)


@key.command()
@clear_failures
def revoke(
    email: Email,
    key_id: Annotated[str, typer.Argument(help="An id of pillarbox admin key list.")],
    household: Household = None,
    data: Data = None,
) -> None:
    """Revoke an API key at once."""
    with running(data) as app, app.database.write() as unit_of_work:
        member = member_of(unit_of_work, email, household)
        revoke_key(unit_of_work, member, key_id)
        this_operator().note(unit_of_work, "API key revoked", key_id, [member.household_id])
    typer.echo(f"{key_id} is revoked")
