"""``pillarbox admin backup|restore``: a server's whole data in one file, and back."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud.bootstrap import open_database
from cloud.errors import ConfigurationError
from cloud.operations.archive import Manifest
from cloud.operations.backup import back_up
from cloud.operations.restore import restore as restore_backup
from cloud.settings import Settings
from tools.commands.auditing import note_of_server
from tools.commands.bars import progress_bar
from tools.commands.failures import clear_failures
from tools.commands.server_settings import server_settings

Json = Annotated[bool, typer.Option("--json", help="Print what was done as one line of JSON.")]


@clear_failures
def backup(
    target: Annotated[str, typer.Argument(help="A new file, or a folder for a file named after the time.")],
    *,
    data: Annotated[Path | None, typer.Option(help="The server's data folder.")] = None,
    json_line: Json = False,
) -> None:
    """Back up database, images, keys and mails into one file, while the server runs; whoever has it has every key."""
    file = _file_of(target)
    with progress_bar() as tell:
        settings = server_settings(may_be_new=False, data=data)
        manifest = back_up(settings, file, tell)
    _note(settings, "server backed up", f"{sum(manifest.tables.values()):,} rows")
    _tell(file, manifest, "backed up to", json_line=json_line)


@clear_failures
def restore(
    source: Annotated[Path, typer.Argument(help="A file that pillarbox admin backup wrote.")],
    *,
    data: Annotated[Path | None, typer.Option(help="The data folder to fill; its server must not run.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="First delete what is there.")] = False,
    json_line: Json = False,
) -> None:
    """Check a backup and put it into an empty data folder and database, be it SQLite, MySQL or MariaDB."""
    with progress_bar() as tell:
        settings = server_settings(data=data)
        manifest = restore_backup(settings, source, tell, overwrite=overwrite)
    _note(
        settings, "server restored", f"the backup of {datetime.fromtimestamp(manifest.made_at / 1000, UTC):%F %T} UTC"
    )
    _tell(source, manifest, "restored from", json_line=json_line)


def _file_of(target: str) -> Path:
    """Return the file of a backup; raises ConfigurationError for a folder, by its last slash, that is not there."""
    if Path(target).is_dir():
        return Path(target) / f"pillarbox-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar"
    if target.endswith("/"):
        raise ConfigurationError(f"expected a folder at {target}, there is none; make it, or mount it, or name a file")
    return Path(target)


def _note(settings: Settings, action: str, subject: str) -> None:
    with closing(open_database(settings)) as database:
        note_of_server(database, action, subject)


def _tell(file: Path, manifest: Manifest, done: str, *, json_line: bool) -> None:
    rows, files = sum(manifest.tables.values()), len(manifest.files) - len(manifest.tables)
    if json_line:
        told = {"file": str(file), "revision": manifest.revision, "made_at": manifest.made_at}
        typer.echo(json.dumps(told | {"rows": rows, "files": files, "missing": manifest.missing}))
        return
    typer.echo(f"{rows:,} rows and {files:,} files {done} {file}")
    if manifest.missing:
        typer.echo(f"{len(manifest.missing)} images had lost their files before; --json names them", err=True)
