"""``pillarbox admin migrate``: says what it will do, does it, and leaves tables of a newer program alone."""

import json

import pytest
from typer.testing import CliRunner

from cloud import bootstrap
from cloud.migrations.upgrade import newest_revision, number_of, revisions
from cloud.operations.migration import plan
from tests.databases import SQLITE, Dialect, execute
from tools.cli import app as program

NUMBERS = [number_of(file) for file in revisions()]


def migrate(app, *options, **more):
    words = ["admin", "migrate", "--data", str(app.settings.data), *options]
    return CliRunner().invoke(program, words, **more)


@pytest.fixture
def dialect():
    return Dialect(SQLITE)


def test_a_database_goes_back_only_when_told_so_and_forth_again(app):
    assert migrate(app).stdout == f"the tables are at {newest_revision()}; nothing to do\n"
    back = migrate(app, "--to", "0002", input="n\n")
    assert f"take back {NUMBERS[-1]}" in back.stdout
    assert (back.exit_code, app.database.revision()) == (1, newest_revision())
    assert "the tables are at 0002" in migrate(app, "--to", "0002", "--yes").stdout
    assert "make 0003: Numbers and settings of devices" in migrate(app, "--dry-run").stdout
    assert app.database.revision() == "0002"
    told = json.loads(migrate(app, "--json").stdout)
    assert told == {"from": "0002", "to": newest_revision(), "steps": NUMBERS[2:]}


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_folder_that_was_mistyped_is_refused_and_not_made(tmp_path, options):
    folder = tmp_path / "dtaa"
    refused = CliRunner().invoke(program, ["admin", "migrate", "--data", str(folder), *options])
    assert refused.exit_code == 1
    assert f"expected the data folder of a server at {folder}, there is none" in refused.stderr
    assert not folder.exists()


def test_a_dry_run_tells_of_an_empty_folder_what_would_be_made_and_makes_nothing(tmp_path):
    words = ["admin", "migrate", "--data", str(tmp_path), "--dry-run"]
    assert "the tables are at no revision; to do:" in CliRunner().invoke(program, words).stdout
    told = json.loads(CliRunner().invoke(program, [*words, "--json"]).stdout)
    assert told == {"from": None, "to": None, "steps": NUMBERS}
    assert list(tmp_path.iterdir()) == []
    assert CliRunner().invoke(program, words[:-1]).exit_code == 0
    assert "nothing to do" in CliRunner().invoke(program, words).stdout


def test_with_a_database_elsewhere_the_folder_may_be_new(tmp_path, mariadb):
    folder = tmp_path / "data"
    words, env = ["admin", "migrate", "--data", str(folder)], {"PILLARBOX_DATABASE_URL": mariadb}
    done = f"the tables are at {newest_revision()}; nothing to do\n"
    assert CliRunner().invoke(program, [*words, "--dry-run"], env=env).stdout == done
    assert not folder.exists()
    assert CliRunner().invoke(program, words, env=env).stdout == done


def test_nothing_is_taken_back_under_a_running_server(app):
    with bootstrap.lock(app.settings.data.resolve()):
        refused = migrate(app, "--to", "0002", "--yes")
        assert "another Pillarbox server uses it" in refused.stderr
        assert migrate(app, "--to", "0002", "--dry-run").exit_code == 0
        assert "nothing to do" in migrate(app).stdout
    assert (refused.exit_code, app.database.revision()) == (1, newest_revision())


def test_an_unknown_revision_is_refused(app):
    assert "or older, got 9999" in migrate(app, "--to", "9999").stderr
    assert "or older, got nope; there is no such revision" in migrate(app, "--to", "nope").stderr
    execute(app, "UPDATE alembic_version SET version_num = '9999'")
    assert "or older, got 9999; use the newer Pillarbox" in migrate(app).stderr


def test_every_step_says_what_it_brings():
    assert [step.number for step in plan(None, NUMBERS[-1])] == NUMBERS
    assert all(step.title for step in plan(None, NUMBERS[-1]))
    assert [(step.number, step.then, step.is_back) for step in plan("0003", "0001")] == [
        ("0003", "0002", True),
        ("0002", "0001", True),
    ]
