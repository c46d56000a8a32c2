"""The Makefile and the CI run, in a copy where every program is a stand-in that writes down its calls."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def program(folder, name, script):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def clone(tmp_path):
    """Return a folder with the Makefile and an environment that is installed already."""
    folder = tmp_path / "clone"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci")
    (folder / "pyproject.toml").touch()
    for name in ("pip", "python", "pillarbox", "pytest", "ruff", "mypy", "lint-imports", "deptry", "vulture"):
        program(folder / ".venv" / "bin", name, f'echo {name} "$@" >>{folder}/calls')
    for stamp in (".installed", ".installed-with-dev"):
        (folder / ".venv" / stamp).touch()
    return folder


def run(folder, *command, path=None):
    environment = {"PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
    )


def calls(folder):
    return (folder / "calls").read_text().splitlines()


def test_make_alone_lists_what_it_can_do(clone):
    listed = re.findall(r"^  make ([\w-]+)", run(clone, "make").stdout, re.MULTILINE)
    assert listed == ["help", "setup", "demo", "test", "test-mysql", "check"]


def test_the_demo_gets_its_parts_and_its_arguments(clone):
    assert run(clone, "make", "demo", "ARGS=--letters 3 --exit").returncode == 0
    assert calls(clone) == ["pillarbox setup", "pillarbox demo --letters 3 --exit"]


def test_the_tests_get_their_parts_and_their_arguments(clone):
    assert run(clone, "make", "test", "ARGS=-x tests/unit").returncode == 0
    assert calls(clone) == [
        "pillarbox setup --for-tests",
        f"pytest --numprocesses {os.cpu_count() + 1} --dist worksteal -x tests/unit",
    ]


def test_check_runs_every_check(clone):
    assert run(clone, "make", "check").returncode == 0
    assert [call.split()[0] for call in calls(clone)] == [
        *("ruff", "ruff", "mypy", "lint-imports", "deptry", "vulture", "python", "python")
    ]


def test_a_check_that_fails_fails_the_run(clone):
    program(clone / ".venv" / "bin", "mypy", "exit 1")
    assert run(clone, "make", "check").returncode != 0


def test_packages_are_installed_anew_only_when_pyproject_changes(clone):
    for stamp in (".installed", ".installed-with-dev"):
        os.utime(clone / ".venv" / stamp, (1, 1))
    for _ in range(2):
        assert run(clone, "make", "setup").returncode == 0
    installs = [call for call in calls(clone) if "pip install" in call]
    assert installs == ["python -m pip install --disable-pip-version-check --editable .[dev]"]


def test_the_demo_does_not_install_what_only_the_tests_need(clone):
    os.utime(clone / ".venv" / ".installed", (1, 1))
    assert run(clone, "make", "demo").returncode == 0
    assert calls(clone)[0] == "python -m pip install --disable-pip-version-check --editable ."


def test_an_environment_is_made_first(clone):
    shutil.rmtree(clone / ".venv")
    python = program(clone / "stand-in", "python", f'echo python "$@" >>{clone}/calls')
    run(clone, "make", "demo", f"PYTHON={python}")
    assert calls(clone)[-1] == "python -m venv .venv"


def test_without_the_venv_module_the_one_apt_line_is_named(clone):
    shutil.rmtree(clone / ".venv")
    python = program(clone / "stand-in", "python", "exit 1")
    done = run(clone, "make", "demo", f"PYTHON={python}")
    assert done.returncode != 0
    assert "run: sudo apt-get install -y python3-venv" in done.stderr


def test_without_a_recent_python_that_is_said(clone):
    shutil.rmtree(clone / ".venv")
    done = run(clone, "make", "demo", "PYTHON=")
    assert done.returncode != 0
    assert "expected Python 3.11 or newer, got none" in done.stderr


@pytest.mark.parametrize(
    ("make", "code", "called"),
    [("true", 0, ["check", "test"]), ("test $1 != test", 1, ["check", "test"]), ("false", 1, ["check"])],
)
def test_the_ci_run_checks_then_tests_and_stops_at_the_first_failure(clone, make, code, called):
    stand_ins = clone / "stand-in"
    program(stand_ins, "make", f'echo "$@" >>{clone}/calls\n{make}')
    assert run(clone.parent, clone / ".ci" / "run", path=stand_ins).returncode == code
    assert calls(clone) == called
