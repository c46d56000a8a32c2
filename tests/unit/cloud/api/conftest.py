"""Clients of the HTTP interface: a household's owner, its other members, and the owner of another household."""

import secrets
import shutil
from contextlib import closing

import pytest
from starlette.testclient import TestClient

from cloud import bootstrap
from cloud.accounts.model import User, token_hash
from cloud.accounts.repository import AccountRepository
from cloud.accounts.service import ensure_household
from cloud.tables import metadata
from cloud.web.app import create_app
from cloud.web.pages.site import SESSION_COOKIE
from tests.conftest import settings_for
from tests.databases import MARIADB, SQLITE, empty
from tests.matrix import PROPERTY
from tests.unit.cloud.messages import jpeg, rows
from tools.check.access_docs import TRIED

HOUR_MS = 3_600_000


@pytest.fixture
def web(app):
    return create_app(app, lambda _: None)


def client_of(web, session=None):
    client = TestClient(web, base_url="http://localhost:8000")
    if session:
        client.cookies.set(SESSION_COOKIE, session)
    return client


def logged_in(app, web, user_id):
    session = secrets.token_hex()
    with app.database.write() as unit_of_work:
        expires_at = unit_of_work.now + HOUR_MS
        AccountRepository(unit_of_work).add_session(token_hash(session), user_id, expires_at)
    return client_of(web, session)


def owner_of_a_household(app, web, email):
    with app.database.write() as unit_of_work:
        member = ensure_household(unit_of_work, email, "Owner")
    return logged_in(app, web, member.user.id)


@pytest.fixture
def owner(app, web):
    return owner_of_a_household(app, web, "owner@example.org")


@pytest.fixture
def stranger(app, web):
    """The owner of another household."""
    return owner_of_a_household(app, web, "stranger@example.org")


def with_role(app, web, role):
    """Return a client of a person who is in the owner's household with this role."""
    with app.database.write() as unit_of_work:
        accounts = AccountRepository(unit_of_work)
        home = ensure_household(unit_of_work, "owner@example.org", "Owner").household_id
        user = User(unit_of_work.new_id(), f"{role}@example.org", role)
        accounts.add_user(user, unit_of_work.now)
        accounts.add_member(home, user.id, role)
    return logged_in(app, web, user.id)


@pytest.fixture
def nobody(web):
    return client_of(web)


@pytest.fixture
def device(owner):
    """The number of a device of the owner's."""
    return owner.post("/devices", json={"name": "Drive"}).json()["id"]


def post_event(client, device, event_type="open", **fields):
    return client.post("/mailbox/events", json={"device_id": device, "event_type": event_type} | fields)


def post_image(client, device, content=None, **headers):
    files = {"file": ("letter.jpg", jpeg() if content is None else content, "image/jpeg")}
    return client.post("/mailbox/images", data={"device_id": str(device)}, files=files, headers=headers)


def post_notification(client, device, kind="mail_delivered", **headers):
    body = {"device_id": device, "notification_type": kind}
    return client.post("/mailbox/notifications", json=body, headers=headers)


@pytest.fixture(scope="module", params=[SQLITE, MARIADB])
def stage(request, tmp_path_factory, migrated):
    """One household for a whole module, on each database; whatever its tests send, every table is there at the end."""
    from tests.unit.cloud.api.strangers import set_up  # noqa: PLC0415 - it posts by the functions above

    folder = tmp_path_factory.mktemp("strangers")
    shutil.copytree(migrated, folder / "data")
    url = request.getfixturevalue("mariadb") if request.param == MARIADB else ""
    if url:
        empty(url)
    app = bootstrap.build(settings_for(folder, database_url=url, api_burst=1_000_000))
    with closing(app.database), closing(app.ports.writer):
        yield set_up(app)
        for table in metadata.tables:
            assert rows(app, f"SELECT count(*) FROM {table}")  # noqa: S608


@pytest.fixture(scope="module", autouse=True)
def storable(storable):
    """Whatever callers of the API write can be stored on MySQL and MariaDB, too."""
    return storable


@pytest.fixture
def tell(record_property):
    """Write down for the end of the tests how many requests of a group were answered otherwise than expected."""

    def told(stage, group, callers, routes, requests, wrong):
        database = MARIADB if stage.app.settings.database_url.get_secret_value() else SQLITE
        record_property(PROPERTY, [group, database, callers, routes, requests, len(wrong)])
        assert TRIED[group] == (callers, routes), (
            "put these numbers into TRIED of tools/check/access_docs.py, and run it"
        )

    return told
