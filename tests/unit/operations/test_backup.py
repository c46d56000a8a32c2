"""A backup made while the server works, restored elsewhere: every row, every object, and a server that goes on."""

import itertools
import json
import stat
import threading
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import create_engine, make_url
from typer.testing import CliRunner

from cloud import bootstrap
from cloud.bootstrap import UPDATE_KEY
from cloud.errors import ConfigurationError, RetryLaterError
from cloud.live.service import LiveFeed
from cloud.operations.backup import back_up
from cloud.operations.restore import restore
from tests.conftest import settings_for
from tests.databases import SQLITE, Dialect, execute
from tests.unit.cloud.fakes import FakeMailer, FakeOcrEngine, deliver, drain, with_ports
from tests.unit.cloud.messages import dlq, photo, rows
from tests.unit.operations.stock import every_file, every_row, filled, silent
from tools.cli import app as program
from tools.firmware_image import load_key

ELSEWHERE = "elsewhere"
# What is about files is the same on every database.
on_sqlite = pytest.mark.parametrize("dialect", [Dialect(SQLITE)], ids=[SQLITE])


@contextmanager
def empty_place(folder, url=""):
    """Yield the settings of a server that was never started, on the same sort of database or on SQLite."""
    if not url:
        yield settings_for(folder / ELSEWHERE)
        return
    address = make_url(url).set(drivername="mysql+pymysql")
    engine = create_engine(address)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {ELSEWHERE}")
        yield settings_for(folder / ELSEWHERE, database_url=url.rpartition("/")[0] + f"/{ELSEWHERE}")
        connection.exec_driver_sql(f"DROP DATABASE {ELSEWHERE}")
    engine.dispose()


@pytest.fixture
def place(tmp_path, dialect):
    with empty_place(tmp_path, dialect.url) as settings:
        yield settings


@pytest.fixture
def taken(app, home, settings, tmp_path):
    """A backup of a server that has something of everything, and that server."""
    app = filled(app, home)
    back_up(settings, tmp_path / "backup.tar", silent)
    return app, tmp_path / "backup.tar"


@contextmanager
def writing(app, home):
    """Let openings be stored without a pause, each with its image; yields the number stored so far."""
    stored, ending = itertools.count(), threading.Event()

    def store():
        for seq in itertools.count(100, 2):
            if ending.is_set():
                return
            deliver(app, home, photo(f"photo-{seq}", seq % 250), seq=seq)
            next(stored)

    thread = threading.Thread(target=store)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
    assert next(stored) > 0


def rounded(row):
    """Return a row with its numbers as exact as MySQL keeps them in a FLOAT."""
    return tuple(round(one, 4) if isinstance(one, float) else one for one in row)


def content_of(settings):
    with closing(bootstrap.open_database(settings)) as database:
        return every_row(database)


def started(settings):
    """Start a server on what was restored, and stop it."""
    app = bootstrap.build(settings)
    app.ports.writer.close()
    app.database.close()


def test_what_is_restored_is_what_was_backed_up(taken, settings, place):
    app, file = taken
    manifest = restore(place, file, silent)
    before = every_row(app.database)
    assert content_of(place) == before
    assert every_file(place.data) == every_file(settings.data)
    assert manifest.tables == {name: len(stored) for name, stored in before.items()}
    assert manifest.missing == []
    assert {len(before[name]) > 0 for name in ("letters", "mail_outbox", "ocr_lines", "jobs", "facts")} == {True}


def test_a_backup_under_writes_is_of_one_moment(app, home, settings, place, tmp_path):
    app = filled(app, home)
    with writing(app, home):
        back_up(settings, tmp_path / "backup.tar", silent)
    restore(place, tmp_path / "backup.tar", silent)
    restored, now = content_of(place), every_row(app.database)
    for table, stored in restored.items():
        ids = [row[0] for row in stored]
        assert ids == [row[0] for row in now[table]][: len(ids)], table
    # An opening, its image and its jobs are one transaction each, so none is there without what belongs to it.
    images = {row[0] for row in restored["images"]}
    assert {row[2] for row in restored["image_numbers"]} == images
    files = every_file(place.data)
    uploaded = [name for name in files if name.startswith("images/")]
    assert len(uploaded) >= 2
    assert all(content == every_file(settings.data)[name][0] for name, (content, _) in files.items())


def test_a_server_starts_on_what_was_restored_and_goes_on(taken, home, place):
    _, file = taken
    restore(place, file, silent)
    app = bootstrap.build(place)
    mailer = FakeMailer()
    working = with_ports(app, ocr_engine=FakeOcrEngine(words=("Dear Sir", "a new letter", "Yours")), mailer=mailer)
    deliver(working, home, photo("later", 77), seq=200)
    drain(working)
    assert len(mailer.sent) == 1
    assert LiveFeed(app.database).missed(home.household_id, 1).reload
    assert app.ports.image_store.read(home.household_id, photo("read", 1).sha256) == photo("read", 1).content
    assert app.authority.issue_device("another").authority == (place.data / "pki" / "ca.pem").read_bytes()
    app.ports.writer.close()
    app.database.close()


def test_a_backup_of_one_database_is_restored_into_the_other(taken, home, mariadb, dialect, tmp_path):
    app, file = taken
    with empty_place(tmp_path, "" if dialect.url else mariadb) as place:
        restore(place, file, silent)
        before, after = every_row(app.database), content_of(place)
        started(place)
    assert {name: [rounded(row) for row in stored] for name, stored in after.items()} == {
        name: [rounded(row) for row in stored] for name, stored in before.items()
    }
    assert home is not None


@on_sqlite
def test_nothing_is_deleted_while_a_backup_is_made(taken, home, settings, tmp_path):
    app, _ = taken
    image = photo("read", 1)
    store = app.ports.image_store
    heard = []

    def delete(part, _done, _total):
        heard.append(part)
        if part == "images":
            with pytest.raises(RetryLaterError, match="kept as it is for a backup"):
                store.delete(home.household_id, image.sha256)

    back_up(settings, tmp_path / "second.tar", delete)
    assert {"rows", "images", "keys and mails"} <= set(heard)
    store.delete(home.household_id, image.sha256)
    manifest = back_up(settings, tmp_path / "third.tar", silent)
    assert [name.rpartition("/")[2] for name in manifest.missing] == [f"{image.sha256}.jpg"]


@on_sqlite
def test_the_file_is_for_its_owner_only_and_never_half(taken, settings, tmp_path):
    _, file = taken
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def interrupted(part, _done, _total):
        if part == "images":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(settings, tmp_path / "half.tar", interrupted)
    assert [one.name for one in tmp_path.glob("*half*")] == []


@on_sqlite
def test_the_key_that_boards_trust_is_in_it_and_comes_back_for_its_owner_only(app, settings, place, tmp_path):
    load_key(app.settings.data / UPDATE_KEY)
    back_up(settings, tmp_path / "keyed.tar", silent)
    restore(place, tmp_path / "keyed.tar", silent)
    restored = place.data / UPDATE_KEY
    assert restored.read_bytes() == (settings.data / UPDATE_KEY).read_bytes()
    assert stat.S_IMODE(restored.stat().st_mode) == 0o600


@on_sqlite
def test_another_key_for_updates_is_replaced_only_when_told_so_and_never_by_none(taken, settings, place, tmp_path):
    _, without = taken
    load_key(settings.data / UPDATE_KEY)
    back_up(settings, tmp_path / "keyed.tar", silent)
    place.data.mkdir(parents=True)
    (place.data / UPDATE_KEY).write_bytes(b"another")
    with pytest.raises(ConfigurationError, match=r"found update\.pem; --overwrite"):
        restore(place, tmp_path / "keyed.tar", silent)
    restore(place, without, silent)
    assert (place.data / UPDATE_KEY).read_bytes() == b"another"
    restore(place, tmp_path / "keyed.tar", silent, overwrite=True)
    assert (place.data / UPDATE_KEY).read_bytes() == (settings.data / UPDATE_KEY).read_bytes()


@on_sqlite
def test_an_old_backup_is_never_overwritten(taken, settings):
    _, file = taken
    with pytest.raises(ConfigurationError, match="is there already"):
        back_up(settings, file, silent)


@on_sqlite
def test_a_target_that_cannot_be_written_is_a_clear_refusal(settings, tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"expected to write the backup to .*/nowhere/backup\.tar: No such file or directory$"
    ):
        back_up(settings, tmp_path / "nowhere" / "backup.tar", silent)


def test_an_empty_database_is_no_backup(tmp_path):
    with pytest.raises(ConfigurationError, match="expected a database to back up"):
        back_up(settings_for(tmp_path), tmp_path / "backup.tar", silent)
    assert not (tmp_path / "backup.tar").exists()


def test_a_full_target_is_refused_and_overwritten_only_when_told_so(taken, settings, tmp_path):
    app, file = taken
    before, files = every_row(app.database), every_file(settings.data)
    with pytest.raises(ConfigurationError, match="found images, keys, pki, outbox, the database; --overwrite"):
        restore(settings, file, silent)
    execute(app, "UPDATE households SET name = 'changed'")
    (settings.data / "images" / "stray.jpg").write_bytes(b"later")
    app.database.close()
    restore(settings, file, silent, overwrite=True)
    assert (content_of(settings), every_file(settings.data)) == (before, files)
    assert tmp_path.exists()


@on_sqlite
def test_a_running_servers_data_is_not_restored_over(taken, settings):
    _, file = taken
    with bootstrap.lock(settings.data), pytest.raises(ConfigurationError, match="another Pillarbox server uses it"):
        restore(settings, file, silent, overwrite=True)


def test_a_backup_of_an_older_revision_is_brought_to_the_newest(taken, settings, place, tmp_path):
    app, _ = taken
    app.database.migrate("0002")
    manifest = back_up(settings, tmp_path / "older.tar", silent)
    app.database.migrate()
    assert manifest.revision == "0002"
    restore(place, tmp_path / "older.tar", silent)
    with closing(bootstrap.open_database(place)) as database:
        assert database.revision() == app.database.revision()
        assert len(every_row(database)["letters"]) == 1
    started(place)


@on_sqlite
def test_the_commands_say_what_they_did(app, home, settings, tmp_path):
    filled(app, home)
    run = CliRunner().invoke
    away = run(program, ["admin", "backup", f"{tmp_path}/backups/", "--data", str(settings.data)])
    assert (away.exit_code, (tmp_path / "backups").exists()) == (1, False)
    assert f"expected a folder at {tmp_path}/backups/, there is none" in away.output
    made = run(program, ["admin", "backup", str(tmp_path), "--data", str(settings.data), "--json"])
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["revision"] == app.database.revision()
    refused = run(program, ["admin", "restore", told["file"], "--data", str(settings.data)])
    assert refused.exit_code == 1
    assert "--overwrite deletes that first" in refused.stderr
    app.database.close()
    again = run(program, ["admin", "restore", told["file"], "--data", str(settings.data), "--overwrite"])
    assert f"{told['rows']:,} rows and {told['files']:,} files restored from" in again.stdout
    assert (dlq(app)[-1][0], rows(app, "SELECT count(*) FROM letters")) == ("events", [(1,)])


def on_a_larger_disk(data, tmp_path):
    """Let the images be where a link of the data folder leads to."""
    larger = tmp_path / "larger disk"
    (data / "images").rename(larger)
    (data / "images").symlink_to(larger, target_is_directory=True)
    (larger / "lost+found").mkdir()
    return larger


@on_sqlite
def test_images_on_another_disk_are_overwritten_there_and_their_link_stays(taken, tmp_path):
    app, file = taken
    before = every_file(app.settings.data)
    larger = on_a_larger_disk(app.settings.data, tmp_path)
    (larger / "old").mkdir()
    (larger / "old" / "old.jpg").write_bytes(b"old")
    app.database.close()
    restore(app.settings, file, silent, overwrite=True)
    assert (app.settings.data / "images").is_symlink()
    assert not (larger / "old").exists()
    assert (larger / "lost+found").exists()
    assert every_file(app.settings.data) == before


@on_sqlite
def test_where_a_folder_cannot_be_emptied_the_database_stays_as_it_was(taken, tmp_path):
    app, file = taken
    before, images = every_row(app.database), app.settings.data / "images"
    on_a_larger_disk(app.settings.data, tmp_path).rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="is its disk mounted"):
        restore(app.settings, file, silent, overwrite=True)
    assert every_row(app.database) == before
    images.unlink()
    images.symlink_to("/proc/self/fdinfo")  # nobody deletes anything there
    with pytest.raises(ConfigurationError, match="expected to empty"):
        restore(app.settings, file, silent, overwrite=True)
    assert every_row(app.database) == before
    images.unlink()
    images.write_bytes(b"")
    with pytest.raises(ConfigurationError, match="found a file"):
        restore(app.settings, file, silent, overwrite=True)
    assert every_row(app.database) == before
