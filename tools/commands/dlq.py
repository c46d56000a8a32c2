"""``pillarbox admin dlq|replay``: what could not be done, and doing it again."""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud import pipeline
from cloud.bootstrap import Application
from cloud.errors import NotFoundError, RefusedError
from cloud.operations.replay import Outcome, Replayed, replay_all
from cloud.operations.replay import replay as replay_one
from cloud.ports.database import UnitOfWork
from cloud.ports.dlq import Entry, WholeEntry
from tools.commands.auditing import this_operator
from tools.commands.columns import print_columns, printable
from tools.commands.failures import clear_failures
from tools.commands.running import running

dlq = typer.Typer(help="What could not be done: list it, look at one, drop one.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="The server's data folder.")]
Reason = Annotated[str, typer.Option(help="Only entries whose reason holds these words.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line an entry.")]
EntryId = Annotated[str, typer.Argument(help="An id of the list.")]


@dlq.command(name="list")
@clear_failures
def list_entries(
    *,
    reason: Reason = "",
    limit: Annotated[int, typer.Option(min=1, help="Most entries shown.")] = 100,
    json_lines: Json = False,
    data: Data = None,
) -> None:
    """List what could not be done, newest first, with the reason of each."""
    with running(data) as app, app.database.read() as unit_of_work:
        entries, now = app.dlq.entries(unit_of_work, limit, reason), unit_of_work.now
        total = app.dlq.count(unit_of_work, reason)
    if len(entries) < total:
        typer.echo(f"{len(entries)} of {total} entries, the newest; all of them: --limit {total}", err=True)
    if json_lines:
        for entry in entries:
            typer.echo(json.dumps(_told(entry, now)))
        return
    told = [
        (one.id, one.stage, one.subject_id, str(one.times), age(now - one.parked_at), one.story, one.reason)
        for one in entries
    ]
    print_columns([("id", "stage", "subject", "times", "age", "story", "reason"), *told])


@dlq.command()
@clear_failures
def show(entry_id: EntryId, *, json_line: Json = False, data: Data = None) -> None:
    """Show one entry; of a message what the device sent."""
    with running(data) as app, app.database.read() as unit_of_work:
        entry, now = _entry(app, unit_of_work, entry_id), unit_of_work.now
    told = _told(entry, now) | {"payload": entry.payload.decode(errors="backslashreplace")}
    if json_line:
        typer.echo(json.dumps(told))
        return
    for name, value in told.items():
        if name == "event" and not value:  # a message has none
            continue
        typer.echo(f"{name:12}{printable(str(value))}")


@dlq.command()
@clear_failures
def drop(
    entry_id: EntryId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
) -> None:
    """Take one entry out for good, undone."""
    with running(data) as app:
        with app.database.read() as unit_of_work:
            entry = _entry(app, unit_of_work, entry_id)
        if not yes:
            typer.confirm(f"Drop {printable(entry.stage)} of {printable(entry.subject_id)} for good?", abort=True)
        with app.database.write() as unit_of_work:
            app.dlq.take_out(unit_of_work, entry)
            this_operator().note(unit_of_work, "DLQ entry dropped", entry.id, [entry.household_id])
    typer.echo(f"{entry.id} is dropped")


@clear_failures
def replay(
    entry_ids: Annotated[list[str] | None, typer.Argument(help="Ids of pillarbox admin dlq list.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every entry.")] = False,
    reason: Reason = "",
    json_lines: Json = False,
    data: Data = None,
) -> None:
    """Try entries of the DLQ again, each once: jobs go to the workers, messages are taken as if they had just come."""
    if sum(map(bool, (entry_ids, everything, reason))) != 1:
        raise RefusedError("expected ids, --all or --reason, one of the three")
    with running(data) as app, _told_here():
        done = (replay_one(app, one) for one in entry_ids) if entry_ids else replay_all(app, reason)
        said = [(one.entry.household_id, _said(one, json_lines=json_lines)) for one in done]
        _note(app, Counter(household_id for household_id, _ in said))
    outcomes = [outcome for _, outcome in said]
    if not json_lines:
        typer.echo(
            ", ".join(f"{outcomes.count(one)} {one}" for one in Outcome if one in outcomes) or "nothing to replay"
        )
    if {Outcome.PARKED, Outcome.IMPOSSIBLE} & {*outcomes}:
        raise typer.Exit(1)


@contextmanager
def _told_here() -> Iterator[None]:
    """Keep the log from telling of each refusal what the command's own line tells."""
    log = logging.getLogger(pipeline.__name__)
    was = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = was


def age(milliseconds: int) -> str:
    """Return how long ago something was, in its largest unit."""
    seconds = max(milliseconds // 1000, 0)
    for size, unit in ((24 * 3600, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _entry(app: Application, unit_of_work: UnitOfWork, entry_id: str) -> WholeEntry:
    entry = app.dlq.entry(unit_of_work, entry_id)
    if entry is None:
        raise NotFoundError(f"expected an entry of the DLQ, found none with id {entry_id}")
    return entry


def _note(app: Application, entries: Mapping[str | None, int]) -> None:
    """Note in each household how many of its entries were tried again."""
    with app.database.write() as unit_of_work:
        for household_id, count in entries.items():
            this_operator().note(unit_of_work, "DLQ entries tried again", str(count), [household_id])


def _said(replayed: Replayed, *, json_lines: bool) -> Outcome:
    told = {"id": replayed.entry.id, "outcome": replayed.outcome.value, "reason": replayed.reason}
    if json_lines:
        typer.echo(json.dumps(told))
    else:
        typer.echo(f"{told['id']} {told['outcome']}{': ' if replayed.reason else ''}{printable(replayed.reason)}")
    return replayed.outcome


def _told(entry: Entry, now: int) -> dict[str, object]:
    return {
        "id": entry.id,
        "stage": entry.stage,
        "event": entry.event,
        "subject": entry.subject_id,
        "household": entry.household_id,
        "story": entry.story,
        "reason": entry.reason,
        "times": entry.times,
        "parked_at": datetime.fromtimestamp(entry.parked_at / 1000, UTC).isoformat(timespec="seconds"),
        "age_s": max(now - entry.parked_at, 0) // 1000,
    }
