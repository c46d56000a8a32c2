"""What bringing the tables to a revision would do, before it is done."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from cloud.errors import ConfigurationError
from cloud.migrations.upgrade import check_asked, check_known, number_of, revisions
from cloud.ports.database import Database


@dataclass(frozen=True, slots=True)
class Step:
    """One revision that is made, or taken back with what it brought; ``then`` is where the tables are after it."""

    number: str
    title: str
    then: str
    is_back: bool


def plan(now: str | None, to: str) -> list[Step]:
    """Return the steps from one revision to another; raises ConfigurationError for one that this program lacks."""
    titles = {number_of(file): _title(file.read_text()) for file in revisions()}
    check_known(now)
    check_asked(to)
    numbers, begin = list(titles), now or ""
    if to >= begin:
        return [Step(one, titles[one], one, is_back=False) for one in numbers if begin < one <= to]
    undone = [one for one in reversed(numbers) if to < one <= begin]
    return [Step(one, titles[one], numbers[numbers.index(one) - 1], is_back=True) for one in undone]


def migrate(database: Database, steps: list[Step]) -> Iterator[Step]:
    """Do the steps, and yield each once it is done; of several processes the others find nothing left to do."""
    for step in steps:
        database.migrate(step.then)
        yield step


def _title(source: str) -> str:
    title = ast.get_docstring(ast.parse(source))
    if title is None:
        raise ConfigurationError("expected every revision to say what it brings")
    return title.splitlines()[0]
