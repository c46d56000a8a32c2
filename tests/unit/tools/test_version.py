"""``pillarbox --version``: what to write into a report of a fault."""

from typer.testing import CliRunner

from firmware.version import VERSION
from tools.cli import app


def test_the_program_says_which_release_it_is():
    answer = CliRunner().invoke(app, ["--version"])
    assert (answer.stdout, answer.exit_code) == (f"pillarbox {VERSION}\n", 0)
