"""One data folder to a database: another one has neither its images nor its keys, and is refused at its start."""

from contextlib import closing, contextmanager
from dataclasses import replace
from uuid import UUID

import pytest

from cloud import bootstrap
from cloud.adapters.local.installation import check_folder
from cloud.bootstrap import KEYS, SQLITE_FILE
from cloud.errors import ConfigurationError
from tests.conftest import make_home, settings_for
from tests.databases import execute
from tests.unit.cloud.messages import rows

REFUSED = "expected the data folder of the server that this database belongs to, got .*/second/data, which has other"


def id_file(settings):
    return settings.data / KEYS / "installation"


def start(settings):
    """Start a server and stop it; returns its database's id."""
    app = bootstrap.build(settings)
    with closing(app.database), closing(app.ports.writer):
        ((held,),) = rows(app, "SELECT id FROM installation")
        return held


def told_id(refusal):
    return str(refusal.value).rpartition(" ")[2]


@pytest.fixture
def second(settings, tmp_path):
    """The settings of a server on the same database, with a data folder of its own."""
    url = settings.database_url.get_secret_value()
    data = tmp_path / "second" / "data"
    data.mkdir(parents=True)
    if not url:
        (data / SQLITE_FILE).symlink_to(settings.data / SQLITE_FILE)
    return settings_for(tmp_path / "second", database_url=url)


def make_older(app, settings):
    """Make of a server one whose program knew of no id."""
    execute(app, "DELETE FROM installation")
    id_file(settings).unlink()


def test_folder_and_database_take_an_id_at_their_first_start_and_keep_it(app, settings):
    ((held,),) = rows(app, "SELECT id FROM installation")
    assert str(UUID(held)) == id_file(settings).read_text() == start(settings) == start(settings)
    assert id_file(settings).stat().st_mode & 0o777 == 0o600


def test_a_second_folder_is_refused_and_told_what_to_do(app, second):
    with pytest.raises(ConfigurationError, match=REFUSED) as refusal:
        start(second)
    assert not (second.data / KEYS).exists()
    assert "choose its folder (--data), or a database of this server's own" in str(refusal.value)
    assert rows(app, "SELECT id FROM installation") == [(told_id(refusal),)]


def test_a_folder_of_another_installation_is_refused(app, settings, second, tmp_path):
    elsewhere = settings_for(tmp_path / "elsewhere")
    start(elsewhere)
    (elsewhere.data / KEYS).rename(second.data / KEYS)
    with pytest.raises(ConfigurationError, match=REFUSED):
        start(second)
    assert start(settings) == id_file(settings).read_text()
    assert app is not None


def test_a_folder_takes_the_place_of_one_that_is_lost_when_told_so(app, second):
    with pytest.raises(ConfigurationError) as refusal:
        start(second)
    (second.data / KEYS).mkdir()
    id_file(second).write_text(told_id(refusal) + "\n")
    assert start(second) == told_id(refusal)
    assert app is not None


def test_a_server_from_before_takes_an_id_at_its_next_start_and_no_other_folder_does(app, settings, second):
    make_home(app)
    make_older(app, settings)
    with pytest.raises(ConfigurationError, match=REFUSED):
        start(second)
    assert rows(app, "SELECT id FROM installation") == []
    held = start(settings)
    assert id_file(settings).read_text() == held
    with pytest.raises(ConfigurationError, match=REFUSED):
        start(second)


def test_the_folder_of_a_server_from_before_is_replaced_when_told_so(app, settings, second):
    make_home(app)
    make_older(app, settings)
    with pytest.raises(ConfigurationError) as refusal:
        start(second)
    (second.data / KEYS).mkdir()
    id_file(second).write_text(told_id(refusal))
    assert start(second) == told_id(refusal)


def test_a_moved_folder_is_the_same(app, settings, tmp_path):
    app.database.close()
    (tmp_path / "moved").mkdir()
    settings.data.rename(tmp_path / "moved" / "data")
    moved = settings_for(tmp_path / "moved", database_url=settings.database_url)
    assert start(moved) == id_file(moved).read_text()


def test_an_empty_database_becomes_that_of_the_folder(app, settings):
    execute(app, "DELETE FROM installation")
    known = id_file(settings).read_text()
    assert start(settings) == known


def test_a_database_in_the_folder_itself_is_always_its_own(tmp_path):
    first, second = settings_for(tmp_path / "first"), settings_for(tmp_path / "second")
    held = start(first)
    second.data.mkdir(parents=True)
    (first.data / SQLITE_FILE).rename(second.data / SQLITE_FILE)
    assert start(second) == id_file(second).read_text() == held


class OvertakenDatabase:
    """A database to which another server gives its id just before this one writes."""

    def __init__(self, app):
        self._app = app
        self.read = app.database.read

    @contextmanager
    def write(self):
        execute(self._app, "INSERT INTO installation (number, id) VALUES (1, 'the other')")
        with self._app.database.write() as unit_of_work:
            yield replace(unit_of_work)


def test_of_two_folders_at_their_first_start_the_first_is_the_databases(app, settings, second):
    make_older(app, settings)
    with pytest.raises(ConfigurationError, match=f"{REFUSED}.* says the other"):
        check_folder(OvertakenDatabase(app), second.data, second.data / KEYS, is_inside=False)
    assert rows(app, "SELECT id FROM installation") == [("the other",)]
