import io
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from tools.commands.setup import Part, fetch_parts, parts, setup
from tools.parts.cache import PartError


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def found(progress):
    progress("downloading [it]")
    return Path("/cache/it")


def absent(_progress):
    raise PartError("expected [a network], got none; run: sudo something")


def test_what_is_ready_is_told_with_its_place(console):
    assert fetch_parts([Part("it", found)], console) == []
    assert console.file.getvalue().splitlines() == ["  it: downloading [it]", "ready it: /cache/it"]


def test_a_part_that_is_needed_is_missed(console):
    assert fetch_parts([Part("it", absent), Part("more", found)], console) == ["it"]
    shown = console.file.getvalue()
    assert "missing it: expected [a network], got none; run: sudo something" in shown
    assert "ready more" in shown


def test_a_part_that_is_not_needed_is_only_warned_of(console):
    assert fetch_parts([Part("it", absent, without_it="the demo walks instead")], console) == []
    assert "without it: expected [a network], got none; run: sudo something; the demo walks instead" in (
        console.file.getvalue()
    )


def test_the_tests_need_everything_and_the_demo_does_without_micropython():
    assert [part.name for part in parts(for_tests=True) if part.without_it] == []
    assert [part.name for part in parts(for_tests=False) if part.without_it] == ["micropython"]
    assert {part.name for part in parts(for_tests=True)} - {part.name for part in parts(for_tests=False)} == {
        "chromium",
        "mariadb",
    }


def test_the_command_explains_itself():
    app = typer.Typer()
    app.command()(setup)
    answer = CliRunner().invoke(app, ["--help"])
    assert answer.exit_code == 0
    assert "--for-tests" in answer.output
