"""What README.md and docs/ tell to type is there: commands with their options, targets of make, extras, files."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.cli import app

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TYPED = [
    (page.name, told)
    for page in PAGES
    for told in re.findall(r"^    (?:\S+=\S+ )*(?:\.venv/bin/)?pillarbox (.+)", page.read_text(), re.MULTILINE)
]
LINKED = [
    (page, target) for page in PAGES for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text())
]


@pytest.mark.parametrize(("page", "line"), TYPED)
def test_a_command_that_a_page_tells_to_type_has_these_options(page, line):
    # An option that is not known is refused before the help is shown.
    answer = CliRunner().invoke(app, [*shlex.split(line, comments=True), "--help"])
    assert answer.exit_code == 0, f"{page}: {answer.output}"


def test_an_option_that_is_not_known_is_refused_with_help_too():
    assert CliRunner().invoke(app, ["up", "--dta", "x", "--help"]).exit_code == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_target_of_make_that_a_page_tells_of_is_there(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(), re.MULTILINE)) <= targets


@pytest.mark.parametrize("text", [*PAGES, ROOT / "cloud" / "bootstrap.py"], ids=lambda page: page.name)
def test_what_pip_is_told_to_install_is_an_extra_of_this_folder(text):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    told = re.findall(r"pip install (\S+ '[^']*'|'[^']*')", text.read_text())
    assert all(one in {f"-e '.[{extra}]'" for extra in extras} for one in told)


@pytest.mark.parametrize(("page", "target"), LINKED, ids=lambda one: getattr(one, "name", one))
def test_a_file_that_a_page_links_to_is_there(page, target):
    assert (page.parent / target).exists()
