"""Two servers on one database that are asked the same at the same instant: it is done once, and both are answered."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event

from cloud import bootstrap
from cloud.accounts.model import INVITATION_MS, NO_ADDRESS, OWNER, token_hash
from cloud.accounts.repository import AccountRepository
from cloud.accounts.service import ensure_household
from cloud.accounts.sharing.model import Invitation
from cloud.accounts.sharing.repository import SharingRepository
from cloud.adapters.local.writer import GroupCommitWriter
from cloud.web.app import create_app
from cloud.web.pages.site import SESSION_COOKIE
from tests.databases import MARIADB
from tests.unit.cloud.api.conftest import client_of, owner_of_a_household, post_image, post_notification
from tests.unit.cloud.messages import rows
from tests.waiting import PATIENCE_S

KEY = {"idempotency-key": "one and the same"}


class OvertakenDatabase:
    """A database that lets ``between`` come in once, within a transaction that looked before.

    That is where it makes its first id, or comes to the statement that begins with ``at``.
    """

    def __init__(self, database):
        self._database = database
        self.between = None
        self.at = ""

    def __getattr__(self, name):
        return getattr(self._database, name)

    @contextmanager
    def write(self):
        with self._database.write() as unit_of_work:
            event.listen(unit_of_work.connection, "before_cursor_execute", self._look)
            yield replace(unit_of_work, new_id=lambda: self._new_id(unit_of_work))

    def _new_id(self, unit_of_work):
        if not self.at:
            self._come_between()
        return unit_of_work.new_id()

    def _look(self, _connection, _cursor, statement, *_):
        # Some names are words of one database's SQL: role of MySQL's.
        if self.at and statement.replace("`", "").startswith(self.at):
            self._come_between()

    def _come_between(self):
        between, self.between = self.between, None
        if between:
            between()


@pytest.fixture
def overtaken(app):
    return OvertakenDatabase(app.database)


@pytest.fixture
def slow(app, overtaken, owner):
    """The owner's client of the server that is overtaken."""
    writer = GroupCommitWriter(overtaken)
    ports = replace(app.ports, database=overtaken, writer=writer)
    web = create_app(replace(app, ports=ports, database=overtaken), lambda _: None)
    yield client_of(web, owner.cookies[SESSION_COOKIE])
    writer.close()


@pytest.fixture
def fast(settings, owner):
    """The owner's client of another server."""
    app = bootstrap.build(settings)
    yield client_of(create_app(app, lambda _: None), owner.cookies[SESSION_COOKIE])
    app.ports.writer.close()
    app.database.close()


@pytest.fixture
def race(overtaken, slow, fast, dialect):
    """Return what asks both; on SQLite the second waits until the first has committed."""

    def ask(post, at=""):
        answers = []
        second = threading.Thread(target=lambda: answers.append(post(fast)))

        def between():
            second.start()
            if dialect.name == MARIADB:
                second.join(PATIENCE_S)

        overtaken.between, overtaken.at = between, at
        answers.append(post(slow))
        second.join(PATIENCE_S)
        assert overtaken.between is None
        return answers

    return ask


def test_an_image_with_a_key_is_stored_once_and_both_are_told_its_number(app, device, race):
    answers = race(lambda client: post_image(client, device, **KEY))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert rows(app, "SELECT count(*) FROM images") == [(1,)]
    assert rows(app, "SELECT count(*) FROM episodes") == [(1,)]


def test_a_notification_with_a_key_is_sent_once(app, device, race):
    answers = race(lambda client: post_notification(client, device, **KEY))
    # 409 says that the other of the two is at work: whoever asks a third time is answered.
    assert sorted(answer.status_code for answer in answers) in ([200, 200], [200, 409])
    assert rows(app, "SELECT count(*) FROM notifications") == [(1,)]


def test_an_address_is_registered_once(app, race):
    body = {"name": "Kim", "email": "kim@example.org", "password": "correct horse battery staple"}
    answers = race(lambda client: client.post("/auth/register", json=body))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert rows(app, "SELECT count(*) FROM users WHERE email = 'kim@example.org'") == [(1,)]


def test_an_invitation_is_accepted_by_one_of_two(app, web, race, slow):
    # Of whom no issuer tells an address: the others are one person each.
    people = [owner_of_a_household(app, web, f"{name}{NO_ADDRESS}") for name in ("one", "other")]
    with app.database.write() as unit_of_work:
        home = ensure_household(unit_of_work, "owner@example.org", "Owner")
        told = ("kim@example.org", "viewer", home.user.id, 0, unit_of_work.now + INVITATION_MS, None)
        SharingRepository(unit_of_work).add_invitation(Invitation("i", home.household_id, *told), token_hash("secret"))

    def join(client):
        client.cookies = people[client is slow].cookies
        return client.post("/households/join", json={"token": "secret"})

    assert sorted(answer.status_code for answer in race(join, at="UPDATE invitations")) == [200, 403]
    assert rows(app, "SELECT count(*) FROM memberships WHERE role = 'viewer'") == [(1,)]


def test_a_member_has_no_third_key(app, owner, race):
    assert owner.post("/api-keys", json={"name": "first"}).status_code == 201
    answers = race(lambda client: client.post("/api-keys", json={"name": "k"}), at="SELECT memberships.role")
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert rows(app, "SELECT count(*) FROM api_keys") == [(2,)]


def test_a_device_is_handed_to_one_of_two_households(app, device, race, slow):
    email, households = "owner@example.org", ["first", "second"]
    with app.database.write() as unit_of_work:
        accounts = AccountRepository(unit_of_work)
        for household_id in households:
            accounts.add_household(household_id, household_id, unit_of_work.now)
            accounts.add_member(household_id, accounts.user_by_email(email).id, OWNER)

    def move(client):
        return client.post(f"/devices/{device}/move", json={"household_id": households[client is slow]})

    answers = race(move, at="UPDATE devices SET household_id")
    assert sorted(answer.status_code for answer in answers) in ([200, 404], [200, 409])
    assert len(rows(app, "SELECT household_id FROM device_settings")) == 1
    assert rows(app, "SELECT household_id FROM device_settings") == rows(app, "SELECT household_id FROM devices")
