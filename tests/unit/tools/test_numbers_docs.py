"""docs/numbers.md names commands that exist, and the bounds that they hold."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.bench import api, idle

TEXT = (Path(__file__).parents[3] / "docs" / "numbers.md").read_text(encoding="utf-8")


def bound(of):
    """Return what the row of a figure says is to be held."""
    (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| {of}")]
    return row.split(" | ")[2]


def test_every_command_is_there():
    commands = set(re.findall(r"python -m ([\w.]+)", TEXT))
    assert commands == {f"tools.bench.{name}" for name in ("api", "ingest", "idle", "kill")}
    assert [name for name in commands if find_spec(name) is None] == []


@pytest.mark.parametrize(
    ("of", "held"),
    [
        ("events over HTTP", f"{api.TO_HOLD['post']} %"),
        ("pages of 100", f"{api.TO_HOLD['page']} %"),
        ("an idle server", f"{idle.MOST_MEMORY_MB} MB, {idle.MOST_CPU_PERCENT:g} % of a core"),
    ],
)
def test_the_bounds_are_those_that_the_commands_hold(of, held):
    assert bound(of) == held
