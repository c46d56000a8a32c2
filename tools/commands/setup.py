"""``pillarbox setup``: fetch what pip cannot bring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from tools.parts import cache
from tools.parts.cache import PartError
from tools.parts.chromium import fetch_chromium
from tools.parts.mariadb import fetch_mariadb
from tools.parts.micropython import fetch_micropython
from tools.parts.mosquitto import fetch_mosquitto
from tools.parts.umqtt import fetch_umqtt


@dataclass(frozen=True, slots=True)
class Part:
    """Something to fetch, and what is lost without it."""

    name: str
    fetch: Callable[[cache.Progress], Path]
    without_it: str = ""
    """What still works without the part; empty when nothing does, so that its absence is a failure."""


def setup(
    *,
    for_tests: Annotated[
        bool, typer.Option("--for-tests", help="Also fetch what only the tests need; anything missing is a failure.")
    ] = False,
) -> None:
    """Fetch MicroPython, the mosquitto broker and umqtt into the private cache; nothing else on the machine changes."""
    if fetch_parts(parts(for_tests=for_tests), Console(stderr=True)):
        raise typer.Exit(1)


def parts(*, for_tests: bool) -> list[Part]:
    """Return what to fetch; the tests need everything, the demo can do without MicroPython."""
    needed = [
        Part("mosquitto", fetch_mosquitto),
        Part("umqtt", fetch_umqtt),
        Part("micropython", fetch_micropython, "" if for_tests else "the demo's board runs on CPython instead"),
    ]
    return [*needed, Part("chromium", fetch_chromium), Part("mariadb", fetch_mariadb)] if for_tests else needed


def fetch_parts(wanted: Sequence[Part], console: Console) -> list[str]:
    """Fetch every part, showing progress on ``console``; return the names of those that are missing and needed."""
    missing = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("set-up", total=len(wanted))
        for part in wanted:
            bar.update(task, description=part.name)
            if not _fetch(part, console) and not part.without_it:
                missing.append(part.name)
            bar.advance(task)
    return missing


def _fetch(part: Part, console: Console) -> bool:
    try:
        found = part.fetch(lambda line: console.print(f"  {part.name}: {line}", highlight=False, markup=False))
    except PartError as error:
        mark, consequence = ("[yellow]without", f"; {part.without_it}") if part.without_it else ("[red]missing", "")
        console.print(f"{mark} {part.name}[/]:", end=" ", highlight=False)
        console.print(f"{error}{consequence}", highlight=False, markup=False, soft_wrap=True)
        return False
    console.print(f"[green]ready[/] {part.name}:", end=" ", highlight=False)
    console.print(str(found), highlight=False, markup=False, soft_wrap=True)
    return True
