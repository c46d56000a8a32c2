"""A household that somebody follows, and the routes to do so at a pace that tests need not wait for."""

import secrets

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from cloud.accounts.allowances import Allowances
from cloud.accounts.identity import SessionCookie, build_identity
from cloud.accounts.limits import api_limit
from cloud.accounts.model import Admission, AdmittedBy, token_hash
from cloud.accounts.repository import AccountRepository
from cloud.http_tables import changes, feeds
from cloud.live.endpoints import build_router
from cloud.live.model import write_changed
from cloud.live.repository import FeedRepository
from cloud.live.service import LiveFeed, Pace
from cloud.ports.changes import Change, ChangeKind
from cloud.web.errors import add_error_answers
from cloud.web.pages.site import SESSION_COOKIE
from tests.conftest import make_home

HOUR_MS = 3_600_000
PACE = Pace(look=0.05, rest=0.001, admission=0.02, alive=0.02, send=0.05)


@pytest.fixture
def other(app):
    """Another household."""
    return make_home(app, "other@example.org")


@pytest.fixture
def feed(app):
    return LiveFeed(app.database, PACE)


@pytest.fixture
def web(app, feed):
    return web_of(app, feed)


def web_of(app, feed):
    """Return an application that has the route of the live feed alone."""
    web = FastAPI()
    add_error_answers(web)
    allowances = Allowances(app.database, api_limit(per_minute=3000, burst=1000))
    identity = build_identity(app.ports, SessionCookie(SESSION_COOKIE, lambda _: True), allowances)
    web.include_router(build_router(feed, identity))
    return web


def owner_of(app, home):
    with app.database.read() as unit_of_work:
        return AccountRepository(unit_of_work).owners(home.household_id)[0].user.id


def session_of(app, home):
    """Log the household's owner in and return the headers of their browser."""
    session, user_id = secrets.token_hex(), owner_of(app, home)
    with app.database.write() as unit_of_work:
        AccountRepository(unit_of_work).add_session(token_hash(session), user_id, unit_of_work.now + HOUR_MS)
    return {"cookie": f"{SESSION_COOKIE}={session}"}


def admission_of(app, home, **changed):
    """Return what a browser of the household's owner is let in with."""
    session = session_of(app, home)["cookie"].partition("=")[2]
    values = {"by": AdmittedBy.SESSION, "name": token_hash(session)} | changed
    return Admission(home.household_id, owner_of(app, home), **values)


def change(database, household_id, *names, kind=ChangeKind.LETTER, then=lambda: None):
    """Commit changes of rows with these names, unless ``then`` raises."""
    with database.write() as unit_of_work:
        for name in names:
            unit_of_work.note_change(Change(household_id, kind, name))
        then()


def add_entries(database, household_id, names):
    """Commit at once what as many transactions would have told, a letter each."""
    with database.write() as unit_of_work:
        last = FeedRepository(unit_of_work).positions([household_id])[household_id]
        rows = [
            {
                "household_id": household_id,
                "position": position,
                "changed_at": unit_of_work.now,
                "changed": write_changed([(ChangeKind.LETTER, name)]),
            }
            for position, name in enumerate(names, start=last + 1)
        ]
        unit_of_work.connection.execute(changes.insert(), rows)
        unit_of_work.connection.execute(
            update(feeds).where(feeds.c.household_id == household_id).values(position=last + len(rows))
        )
