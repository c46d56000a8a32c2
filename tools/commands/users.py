"""``pillarbox admin user|link``: people, by who runs the server."""

import dataclasses
import json
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cloud.accounts.model import LONGEST_NAME, User, normal_email
from cloud.accounts.repository import AccountRepository
from cloud.accounts.service import ensure_household, make_login_link
from cloud.bootstrap import address_of
from cloud.operations import people
from cloud.ports.database import UnitOfWork
from tools.commands.auditing import this_operator
from tools.commands.columns import print_columns
from tools.commands.failures import clear_failures
from tools.commands.running import running

user = typer.Typer(help="The people who use this server.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="The server's data folder.")]
Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]
Url = Annotated[str | None, typer.Option(help="Address of the server; default: where it runs, or ran last.")]


class Role(StrEnum):
    """What a member of a household may do."""

    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


@user.command()
@clear_failures
def create(email: Email, name: Annotated[str, typer.Option(help="The person's name.")] = "", data: Data = None) -> None:
    """Make a user with a household of their own."""
    with running(data, may_be_new=True) as app, app.database.write() as unit_of_work:
        is_new = AccountRepository(unit_of_work).user_by_email(normal_email(email)) is None
        member = ensure_household(unit_of_work, email, name or email.split("@")[0][:LONGEST_NAME])
        if is_new:
            this_operator().note(unit_of_work, "user made", member.user.email, [member.household_id])
    told = "owns" if is_new else f"is there already, as {member.role} of"
    typer.echo(f"{member.user.email} {told} {member.household_name}")


@user.command(name="list")
@clear_failures
def list_users(
    *,
    json_lines: Annotated[bool, typer.Option("--json", help="Print JSON, one line a user and household.")] = False,
    data: Data = None,
) -> None:
    """List everybody, with role and household."""
    with running(data) as app, app.database.read() as unit_of_work:
        persons = AccountRepository(unit_of_work).everybody()
    if json_lines:
        for one in persons:
            typer.echo(json.dumps(dataclasses.asdict(one)))
        return
    told = [
        (one.email, "disabled" if one.disabled_at else one.role or "", one.household_id or "", one.household_name or "")
        for one in persons
    ]
    print_columns([("e-mail", "role", "household", "its name"), *told])


@user.command()
@clear_failures
def disable(email: Email, data: Data = None) -> None:
    """Keep a user out: every login ends, keys and new logins are refused, no mail is sent to them."""
    with running(data) as app, app.database.write() as unit_of_work:
        _note(unit_of_work, "user disabled", people.user_of(unit_of_work, email))  # who is disabled is no member
        found = people.disable(unit_of_work, email, this_operator())
    typer.echo(f"{found.email} is disabled")


@user.command()
@clear_failures
def enable(email: Email, data: Data = None) -> None:
    """Let a disabled user in again, who has to log in anew."""
    with running(data) as app, app.database.write() as unit_of_work:
        found = people.enable(unit_of_work, email)
        _note(unit_of_work, "user enabled", found)
    typer.echo(f"{found.email} may log in again")


@user.command()
@clear_failures
def role(
    email: Email,
    role: Role,
    household: Annotated[str | None, typer.Option(help="Id of the household; default: their first.")] = None,
    data: Data = None,
) -> None:
    """Give a user another role in a household."""
    with running(data) as app, app.database.write() as unit_of_work:
        member = people.set_role(unit_of_work, email, role.value, this_operator(), household)
        told = f"{member.user.email} is {member.role}"
        this_operator().note(unit_of_work, "role changed", told, [member.household_id])
    typer.echo(f"{member.user.email} is {member.role} of {member.household_name}")


@user.command()
@clear_failures
def reset(email: Email, url: Url = None, data: Data = None) -> None:
    """Print a link that sets a new password once, within the hour."""
    with running(data) as app, app.database.write() as unit_of_work:
        address, token = url or address_of(app), people.reset_token(unit_of_work, email)
        _note(unit_of_work, "password link made", people.user_of(unit_of_work, email))
    typer.echo(f"{address}/account/reset/{token}")


@clear_failures
def link(email: Email, url: Url = None, data: Data = None) -> None:
    """Print a link that logs the person in once, within a day."""
    typer.echo(login_link(data, email, url))


def login_link(data: Path | None, email: str, url: str | None) -> str:
    """Return a new one-time login link for a known user."""
    token = secrets.token_urlsafe(24)
    with running(data) as app, app.database.write() as unit_of_work:
        make_login_link(unit_of_work, email, token)
        _note(unit_of_work, "login link made", people.user_of(unit_of_work, email))
        return f"{url or address_of(app)}/login/{token}"


def _note(unit_of_work: UnitOfWork, action: str, of: User) -> None:
    """Note in each household of a user what was done with them."""
    theirs = AccountRepository(unit_of_work).memberships_of(of.id)
    this_operator().note(unit_of_work, action, of.email, [one.household_id for one in theirs])
