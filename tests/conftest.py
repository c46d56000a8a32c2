"""What many tests need: an application on its own database, a household with its mailbox, the running server."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud import bootstrap
from cloud.accounts.service import ensure_household
from cloud.adapters.local.database import SqliteDatabase
from cloud.devices.model import Device
from cloud.devices.service import ensure_mailbox, provision
from cloud.settings import Settings
from tests.running_server import RunningServer


@dataclass(frozen=True, slots=True)
class Home:
    household_id: str
    mailbox_id: str
    board: Device
    gateway: Device


def settings_for(folder, **changed) -> Settings:
    """Return settings that neither the environment nor a .env file changes."""
    return Settings(_env_file=None, data=folder / "data", **({"settle_s": 120} | changed))


def make_home(app, email="owner@example.org", mailbox="Drive") -> Home:
    """Return a household with one mailbox, its board and its gateway."""
    with app.database.write() as unit_of_work:
        household_id = ensure_household(unit_of_work, email, "Owner").household_id
        mailbox_id = ensure_mailbox(unit_of_work, household_id, mailbox)
        board, _ = provision(unit_of_work, app.authority, household_id, mailbox_id, "board")
        gateway, _ = provision(unit_of_work, app.authority, household_id, mailbox_id, "gateway")
    return Home(household_id, mailbox_id, board, gateway)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory) -> Path:
    """A data folder as it is before the first household."""
    folder = tmp_path_factory.mktemp("migrated")
    app = bootstrap.build(settings_for(folder))
    app.authority.issue_device("nobody")
    app.database.close()
    return folder / "data"


@pytest.fixture
def app(tmp_path, migrated) -> Iterator[bootstrap.Application]:
    """An application of real local adapters, and the one that the Lambda handlers of this process use."""
    shutil.copytree(migrated, tmp_path / "data")
    bootstrap.configure(settings_for(tmp_path))
    app = bootstrap.application()
    yield app
    app.ports.ocr_engine.close()
    app.ports.writer.close()
    app.database.close()
    bootstrap.application.cache_clear()


@pytest.fixture
def database(tmp_path, migrated) -> Iterator[SqliteDatabase]:
    """A migrated database with nothing in it."""
    shutil.copytree(migrated, tmp_path / "data")
    database = SqliteDatabase(tmp_path / "data" / "pillarbox.db")
    yield database
    database.close()


@pytest.fixture
def home(app) -> Home:
    return make_home(app)


@pytest.fixture
def server(tmp_path) -> Iterator[RunningServer]:
    """``pillarbox up`` as a process of its own, on free ports."""
    server = RunningServer(tmp_path / "data")
    server.start()
    yield server
    server.stop()
