"""``pillarbox admin migrate``: the tables, to the newest revision or another one."""

import json
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from cloud.bootstrap import has_database, lock, open_database
from cloud.migrations.upgrade import newest_revision
from cloud.operations.migration import Step, plan
from cloud.operations.migration import migrate as do_steps
from cloud.ports.database import Database
from cloud.settings import Settings
from tools.commands.auditing import note_of_server
from tools.commands.bars import progress_bar
from tools.commands.failures import clear_failures
from tools.commands.server_settings import no_server, read_settings, usable_folder


@clear_failures
def migrate(
    *,
    to: Annotated[str, typer.Option(help="The revision to go to; default: the newest.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before something is taken back.")] = False,
    json_line: Annotated[bool, typer.Option("--json", help="Print what was done as one line of JSON.")] = False,
    data: Annotated[Path | None, typer.Option(help="The server's data folder.")] = None,
) -> None:
    """Bring the tables to a revision; a server does so itself when it starts. Going back loses what is new."""
    settings = read_settings(data=data)
    if not has_database(settings) and not settings.data.is_dir():
        raise no_server(settings.data)
    now = _revision(settings)
    steps = plan(now, to or newest_revision())
    if not json_line:
        _tell(now, steps)
    then = now if dry_run else _migrated(settings, steps, to or newest_revision(), yes=yes)
    told = {"from": now, "to": then, "steps": [step.number for step in steps]}
    if json_line:
        typer.echo(json.dumps(told))
    elif steps:
        typer.echo(f"the tables are at {told['to'] or 'no revision'}")


def _revision(settings: Settings) -> str | None:
    """Return the revision of the tables, None where there is no database, which this does not make."""
    if not has_database(settings):
        return None
    with closing(open_database(settings)) as database:
        return database.revision()


def _migrated(settings: Settings, steps: list[Step], to: str, *, yes: bool) -> str | None:
    """Do the steps and return the revision of the tables after them."""
    usable_folder(settings.data)
    with closing(open_database(settings)) as database:
        with _free(settings, steps):
            _do(database, steps, to, yes=yes)
        return database.revision()


def _free(settings: Settings, steps: list[Step]) -> AbstractContextManager[object]:
    """Return what keeps servers from the data meanwhile; one that runs would miss what is taken back."""
    return lock(settings.data.resolve()) if any(step.is_back for step in steps) else nullcontext()


def _do(database: Database, steps: list[Step], to: str, *, yes: bool) -> None:
    if any(step.is_back for step in steps) and not yes:
        typer.confirm("Take this back, with what is stored in it?", abort=True)
    if not steps:
        return
    told = f"{'back to' if steps[-1].is_back else 'to'} revision {to}"
    # Only tables of the newest revision are sure to have this log: before they are taken back, else when they are made.
    if steps[0].is_back:
        note_of_server(database, "tables migrated", told)
    with progress_bar() as tell:
        for number, step in enumerate(do_steps(database, steps), start=1):
            tell(step.number, number, len(steps))
    if not steps[0].is_back:
        note_of_server(database, "tables migrated", told)


def _tell(now: str | None, steps: list[Step]) -> None:
    typer.echo(f"the tables are at {now or 'no revision'}; {'to do:' if steps else 'nothing to do'}")
    for step in steps:
        typer.echo(f"  {'take back' if step.is_back else 'make'} {step.number}: {step.title}")
