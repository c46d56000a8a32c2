"""What many tests need: an application on its own database, a household with its mailbox, the running server."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine

from cloud import bootstrap
from cloud.accounts.service import ensure_household
from cloud.devices.model import Device
from cloud.devices.service import ensure_mailbox, provision
from cloud.ports.database import Database
from cloud.settings import Settings
from tests import matrix
from tests.databases import MARIADB, SQLITE, Dialect, empty, migrated_schema, running_mariadb
from tests.running_server import RunningServer
from tests.unhurried import unhurried
from tests.unit.cloud.statements import Asking, asks_of_all, heard
from tests.unit.cloud.storable import REFUSED, watched
from tests.unit.cloud.unscoped import ASKED_BY_ELSE, WHICH_TO_NAME

# How long an example takes, or to make one up, says more about the machine than about the code.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items):
    """Begin with the journeys, the longest tests, lest one of them runs alone at the end."""
    items.sort(key=lambda item: "journey" not in item.path.parts)


def pytest_terminal_summary(terminalreporter):
    """Say how large the matrix of callers and routes was, and what came of it."""
    matrix.tell(terminalreporter)


Asked = set[tuple[str, str]]


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
def asking() -> Asking:
    return Asking()


@pytest.fixture(scope="session", autouse=True)
def heard_of_all(asking) -> Iterator[Asked]:
    """Who asks tables of households without naming one, and what, from now on; also what fixtures let run."""
    found: Asked = set()

    def tell(statement: str) -> None:
        if asks_of_all(statement) and (way := asking.way()) and way not in ASKED_BY_ELSE:
            found.add((way, statement))

    with heard(Engine, tell):
        yield found


@pytest.fixture(autouse=True)
def asked_of_all(heard_of_all) -> Iterator[Asked]:
    """The same until a test ends: it must be nobody."""
    yield heard_of_all
    found = sorted(heard_of_all)
    heard_of_all.clear()
    assert found == [], WHICH_TO_NAME


@pytest.fixture(scope="module")
def storable() -> Iterator[list[str]]:
    """Into which columns a module's tests write more, on SQLite, than MySQL and MariaDB would take: it must be none."""
    found: list[str] = []
    with watched(found.append):
        yield found
    assert found == [], REFUSED


@pytest.fixture(scope="session")
def migrated(tmp_path_factory) -> Path:
    """A data folder as it is before the first household."""
    folder = tmp_path_factory.mktemp("migrated")
    app = bootstrap.build(settings_for(folder))
    app.authority.issue_device("nobody")
    app.database.close()
    return folder / "data"


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory) -> Iterator[str]:
    """The address of a migrated schema in a MariaDB that runs as long as the tests."""
    folder = tmp_path_factory.mktemp("mariadb")
    with running_mariadb(folder / "server") as server, migrated_schema(server, folder) as url:
        yield url


@pytest.fixture(params=[SQLITE, MARIADB])
def dialect(request) -> Dialect:
    """Each database in turn, empty: what asks for this runs on both."""
    if request.param == SQLITE:
        return Dialect(SQLITE)
    url = request.getfixturevalue("mariadb")
    empty(url)
    return Dialect(MARIADB, url)


@pytest.fixture
def chosen(dialect, monkeypatch) -> Dialect:
    """Each database in turn, named by the environment: for the server that is started, and each command beside it."""
    monkeypatch.setenv("PILLARBOX_DATABASE_URL", dialect.url)
    return dialect


@pytest.fixture
def settings(tmp_path, migrated, dialect) -> Settings:
    """Settings of a server before its first household."""
    shutil.copytree(migrated, tmp_path / "data")
    return settings_for(tmp_path, database_url=dialect.url)


@pytest.fixture
def app(settings) -> Iterator[bootstrap.Application]:
    """An application of real local adapters, and the one that the Lambda handlers of this process use."""
    bootstrap.configure(settings)
    app = unhurried(bootstrap.application())
    yield app
    app.ports.ocr_engine.close()
    app.ports.writer.close()
    app.database.close()
    bootstrap.application.cache_clear()


@pytest.fixture
def database(settings) -> Iterator[Database]:
    """A migrated database with nothing in it."""
    database = bootstrap.open_database(settings)
    yield database
    database.close()


@pytest.fixture
def home(app) -> Home:
    return make_home(app)


@pytest.fixture
def server(tmp_path) -> Iterator[RunningServer]:
    """``pillarbox up`` as a process of its own, on free ports."""
    with RunningServer(tmp_path / "data") as server:
        yield server
