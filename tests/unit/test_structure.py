"""The rules of the repository's shape that no linter knows."""

import ast
import re
import tomllib
from pathlib import Path

from firmware.version import VERSION

ROOT = Path(__file__).parents[2]
SOURCES = ("cloud", "edge_gateway", "firmware", "simulator", "tools")
FILES = sorted(file for folder in (*SOURCES, "tests") for file in (ROOT / folder).rglob("*.py"))
TEXTS = sorted(
    file
    for folder in (*SOURCES, "tests", "docs")
    for file in (ROOT / folder).rglob("*")
    if file.suffix in {".py", ".md", ".html", ".css", ".js", ".txt", ".toml"}
)
DECISIONS = ROOT / "docs" / "decisions"

# Names that say nothing; what is in them belongs to a feature or deserves a name of its own.
BANNED = {"utils", "helpers", "common", "base", "manager", "misc", "core", "kit", "shared"}
MAX_LINES_OF_A_FILE = 400
MAX_LINES_OF_A_FUNCTION = 50
MAX_LINES_OF_A_LAMBDA = 30
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E)\b")


def shown(file):
    return str(file.relative_to(ROOT))


def definitions(file, *kinds):
    return [node for node in ast.walk(ast.parse(file.read_text(), file)) if isinstance(node, kinds)]


def test_the_newest_release_of_the_changelog_is_the_program_s_the_board_s_and_the_package_s():
    heading = next(line for line in (ROOT / "docs" / "changelog.md").read_text().splitlines() if line.startswith("## "))
    assert heading.startswith(f"## {VERSION}, ")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "firmware.version.VERSION"}


def test_there_is_something_to_check():
    assert {file.relative_to(ROOT).parts[0] for file in FILES} == {*SOURCES, "tests"}


def test_no_module_has_a_name_that_says_nothing():
    assert [shown(file) for file in FILES if BANNED & {*file.relative_to(ROOT).parts[:-1], file.stem}] == []


def test_no_file_is_too_long():
    assert [shown(file) for file in FILES if len(file.read_text().splitlines()) > MAX_LINES_OF_A_FILE] == []


def test_no_function_is_too_long():
    too_long = [
        f"{shown(file)}:{node.lineno} {node.name}"
        for file in FILES
        if "migrations" not in file.parts  # a table's columns are one long call each
        for node in definitions(file, ast.FunctionDef, ast.AsyncFunctionDef)
        if (node.end_lineno or node.lineno) - node.lineno >= MAX_LINES_OF_A_FUNCTION
    ]
    assert too_long == []


def test_nothing_is_left_unfinished():
    assert [shown(file) for file in TEXTS if UNFINISHED.search(file.read_text(errors="replace"))] == []


def test_an_adapter_is_named_after_its_port():
    """A file without a class is no adapter but a piece of the operating system that several of them use."""
    misnamed = []
    for program in ("cloud", "edge_gateway"):
        ports = {port.stem for port in (ROOT / program / "ports").glob("*.py")} - {"__init__"}
        for file in sorted((ROOT / program / "adapters").rglob("*.py")):
            named = any(file.stem == port or file.stem.startswith(f"{port}_") for port in ports)
            if not named and definitions(file, ast.ClassDef):
                misnamed.append(shown(file))
    assert misnamed == []


def test_a_lambda_only_parses_and_calls():
    too_long = [
        shown(file)
        for file in (ROOT / "cloud" / "lambdas").glob("*.py")
        if "lambda_handler" in {node.name for node in definitions(file, ast.FunctionDef)}
        and len(file.read_text().splitlines()) > MAX_LINES_OF_A_LAMBDA
    ]
    assert too_long == []


def test_the_index_of_decisions_lists_every_decision_with_its_title():
    listed = dict(
        re.findall(r"^- \[(.+?)\]\((\d{4}-[a-z0-9-]+\.md)\)", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    )
    written = {
        file.read_text().splitlines()[0].removeprefix("# "): file.name for file in sorted(DECISIONS.glob("[0-9]*.md"))
    }
    assert listed == written


def test_every_decision_has_a_number_of_its_own():
    numbers = [file.name[:4] for file in DECISIONS.glob("[0-9]*.md")]
    assert len(numbers) == len(set(numbers))


def test_every_decision_that_another_names_is_there():
    there = {file.name[:4] for file in DECISIONS.glob("[0-9]*.md")}
    named = {
        (file.name[:4], number)
        for file in DECISIONS.glob("[0-9]*.md")
        for number in re.findall(r"\b0\d{3}\b", file.read_text())
    }
    assert named, "expected decisions that name others"
    assert {pair for pair in named if pair[1] not in there} == set()
