"""Two servers on one database that are asked the same at the same instant: it is done once, and both are answered."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cloud import bootstrap
from cloud.adapters.local.writer import GroupCommitWriter
from cloud.web.app import create_app
from cloud.web.pages.site import SESSION_COOKIE
from tests.databases import MARIADB
from tests.unit.cloud.api.conftest import client_of, post_image, post_notification
from tests.unit.cloud.messages import rows
from tests.waiting import PATIENCE_S

KEY = {"idempotency-key": "one and the same"}


class OvertakenDatabase:
    """A database that lets ``between`` come in once, where a transaction that looked before makes its first id."""

    def __init__(self, database):
        self._database = database
        self.between = None

    def __getattr__(self, name):
        return getattr(self._database, name)

    @contextmanager
    def write(self):
        with self._database.write() as unit_of_work:
            yield replace(unit_of_work, new_id=lambda: self._new_id(unit_of_work))

    def _new_id(self, unit_of_work):
        between, self.between = self.between, None
        if between:
            between()
        return unit_of_work.new_id()


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

    def ask(post):
        answers = []
        second = threading.Thread(target=lambda: answers.append(post(fast)))

        def between():
            second.start()
            if dialect.name == MARIADB:
                second.join(PATIENCE_S)

        overtaken.between = between
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
