"""The tool that kills what stores goes on working, and notices what is missing."""

import shutil
from contextlib import closing

import pytest
from sqlalchemy import text

from cloud import bootstrap
from tests.conftest import settings_for
from tools.bench import kill
from tools.bench.ingest import prepare


@pytest.fixture
def settings(tmp_path, migrated):
    shutil.copytree(migrated, tmp_path / "data")
    settings = settings_for(tmp_path)
    prepare(settings, kill.BOARDS)
    return settings


def change(settings, statement):
    with closing(bootstrap.open_database(settings)) as database, database.write() as unit_of_work:
        assert unit_of_work.connection.execute(text(statement)).rowcount


def test_what_was_acknowledged_before_the_process_was_killed_is_stored_once(settings):
    groups, free = kill.run(settings, 0, None)
    assert 1 <= groups < free


def test_a_lost_row_is_noticed(settings):
    _, free = kill.run(settings, 0, None)
    with pytest.raises(AssertionError, match=f"{free}: expected {kill.CALLERS} rows, got None"):
        kill.check(settings, 0, {free})
    change(settings, "DELETE FROM mailbox_events WHERE seq = 0 AND device_id = (SELECT min(id) FROM devices)")
    with pytest.raises(AssertionError, match="expected each board's report once"):
        kill.check(settings, 0, {0})
    change(settings, "DELETE FROM households WHERE id = '0-0'")
    with pytest.raises(AssertionError, match=f"0: expected {kill.CALLERS} rows, got {kill.CALLERS - 1}"):
        kill.check(settings, 0, {0})
