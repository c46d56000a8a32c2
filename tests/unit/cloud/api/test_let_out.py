"""Who is let out while their request is on its way leaves nothing behind, on whichever route that writes."""

import secrets
import threading
from dataclasses import replace

import argon2
import pytest
from sqlalchemy import Engine, event

from cloud import bootstrap
from cloud.accounts.callers import Credential, claim_of, still_stands
from cloud.accounts.model import OWNER, RESET, VIEWER, AccountToken, AdmittedBy, token_hash
from cloud.accounts.recovery import reset_password
from cloud.accounts.repository import AccountRepository, TokenRepository
from cloud.accounts.sharing.service import make_key
from cloud.web.account_mail import build_post
from cloud.web.app import create_app
from tests.databases import MARIADB, execute
from tests.unit.cloud.api import page_routes, routes
from tests.unit.cloud.api.conftest import HOUR_MS, client_of
from tests.unit.cloud.api.overtaken import Between, overtaken
from tests.unit.cloud.api.people import browser, forget_allowances, fresh, give_role, inside, leave, person, used_key
from tests.unit.cloud.api.strangers import PASSWORD, bearer, set_up
from tests.unit.cloud.api.trials import stored
from tests.unit.cloud.messages import rows
from tests.waiting import PATIENCE_S

# What is only asked is not about anything that stays.
WRITING = [route for route in routes.REQUESTS if route[0] != "get"]
PAGES = [route for route in page_routes.ROWS if route[0] != "get"]
# There whoever is not who they were is looked up anew, and told what they lack.
LOOKED_UP_ANEW = ("post", "/mailbox/events")
# Answered 200 all the same: the image was gone already, and its object goes with a job.
GONE_ALREADY = {(("delete", "/mailbox/images/{image_id}"), 2)}
MOST_WRITES = 9
NEW_PASSWORD = "a new one, from a mail"  # noqa: S105 - of people who do not exist
# Whether somebody was let out, what was answered, and whether nothing was left behind from then on.
REFUSED, FORBIDDEN, NOT_FOUND, GONE = ((True, status, True) for status in (401, 403, 404, 200))


@pytest.fixture(scope="module")
def between():
    return Between()


@pytest.fixture(scope="module")
def watched(stage, between):
    """The stage, with a client of an application before whose writes somebody may come."""
    client = client_of(create_app(overtaken(stage.app, between), lambda _: None))
    page_routes.furnish(stage)
    return replace(stage, client=client)


@pytest.fixture
def tried(stage, watched, between):
    """Return what sends a request of somebody new, and lets them out before the n-th write of it."""

    def send(module, route, *, way="login", let_out="a new password", writes=1):
        forget_allowances(stage)
        who, before = person(stage, OWNER), {}
        headers = WAYS[way](stage, who)
        things = fresh(stage, module.row_of(route).fresh, who)

        def come():
            LET_OUT[let_out](stage, who)
            before.update(stored(stage.app))

        between.come, between.left = come, writes
        status = module.ask(watched, route, headers, **things).status_code
        came, between.come = between.come is None, None
        return came, status, came and stored(stage.app) == before

    return send


WAYS = {
    "login": lambda stage, who: bearer(who.token) | inside(stage),
    "key": lambda stage, who: used_key(stage, who, "manage read write")[0],
    "session": lambda stage, who: browser(stage, who, household_id=stage.ids["household_id"]) | inside(stage),
}


def token_for_reset(app, user):
    """Return the token of a mail that lets somebody set a new password."""
    token = secrets.token_hex()
    with app.database.write() as unit_of_work:
        account_token = AccountToken(user.id, RESET, user.email)
        TokenRepository(unit_of_work).add_account_token(token_hash(token), account_token, unit_of_work.now + HOUR_MS)
    return token


def set_new_password(app, user):
    reset_password(app.database, build_post(app), token_for_reset(app, user), NEW_PASSWORD, "127.0.0.1")


def log_out(stage, who):
    for ended in (
        "UPDATE token_families SET revoked_at = 1 WHERE user_id = :id",
        "UPDATE api_keys SET revoked_at = 1 WHERE user_id = :id",
        "DELETE FROM sessions WHERE user_id = :id",
    ):
        execute(stage.app, ended, id=who.user.id)


LET_OUT = {
    "a new password": lambda stage, who: set_new_password(stage.app, who.user),
    "what they came in with ended": log_out,
    "out of the household": lambda stage, who: leave(stage, who, stage.ids["household_id"]),
    "another role": lambda stage, who: give_role(stage, who, VIEWER),
    "disabled": lambda stage, who: execute(
        stage.app, "UPDATE users SET disabled_at = 1 WHERE id = :id", id=who.user.id
    ),
}


@pytest.mark.parametrize("route", WRITING, ids=" ".join)
def test_who_is_let_out_before_the_write_leaves_nothing_behind(tried, route):
    ways = ["session"] if routes.row_of(route).person else ["session", "key"]
    outcomes = {let_out: tried(routes, route, let_out=let_out) for let_out in LET_OUT}
    outcomes |= {way: tried(routes, route, way=way) for way in ways}
    if route == LOOKED_UP_ANEW:
        assert (outcomes.pop("another role"), outcomes.pop("out of the household")) == (FORBIDDEN, NOT_FOUND)
    assert {one: what for one, what in outcomes.items() if what != REFUSED} == {}


@pytest.mark.parametrize("route", WRITING, ids=" ".join)
def test_who_is_let_out_between_two_writes_leaves_nothing_more_behind(tried, route):
    for writes in range(2, MOST_WRITES):
        outcome = tried(routes, route, writes=writes)
        if not outcome[0]:
            break
        assert outcome == (GONE if (route, writes) in GONE_ALREADY else REFUSED), writes
    assert (outcome[1], writes < MOST_WRITES - 1) == (routes.row_of(route).done, True)


@pytest.mark.parametrize("route", PAGES, ids=" ".join)
def test_who_is_let_out_before_a_page_writes_leaves_nothing_behind(tried, route):
    assert tried(page_routes, route, way="session", let_out="another role") == REFUSED
    for writes in range(1, MOST_WRITES):
        outcome = tried(page_routes, route, way="session", writes=writes)
        if not outcome[0]:
            break
        assert outcome == REFUSED, writes
    assert (outcome[1], 1 < writes < MOST_WRITES - 1) == (page_routes.row_of(route).done, True)


@pytest.mark.parametrize("way", ["/auth/login", "/login"])
def test_a_login_with_the_old_password_does_not_outlive_a_new_one(stage, watched, between, way):
    for writes in range(1, MOST_WRITES):
        forget_allowances(stage)
        who = person(stage)
        between.come, between.left = lambda: set_new_password(stage.app, who.user), writes  # noqa: B023
        given = {"email": who.user.email, "password": PASSWORD}
        between.anybody = True
        answer = watched.client.post(way, **{"json" if way == "/auth/login" else "data": given})
        between.anybody, came = False, between.come is None
        between.come = None
        if not came:
            assert answer.status_code in {200, 303}
            break
        assert answer.status_code == 401
        assert logins(stage.app, who) == 0
    assert 2 < writes < MOST_WRITES - 1


def logins(app, who):
    """Return how many logins and sessions of somebody go on."""
    going_on = (
        f"SELECT count(*) FROM token_families WHERE user_id = '{who.user.id}' AND revoked_at IS NULL",  # noqa: S608
        f"SELECT count(*) FROM sessions WHERE user_id = '{who.user.id}'",  # noqa: S608
    )
    return sum(number for query in going_on for ((number,),) in [rows(app, query)])


def test_a_new_password_is_not_replaced_by_the_old_one_stored_in_a_newer_way(stage, watched, between):
    who, outdated = person(stage), argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    execute(stage.app, "UPDATE users SET password_hash = :outdated WHERE id = :id", outdated=outdated, id=who.user.id)
    # The first write counts the try, the second stores the hash.
    between.come, between.left, between.anybody = lambda: set_new_password(stage.app, who.user), 2, True
    answers = [
        watched.client.post("/auth/login", json={"email": who.user.email, "password": password}).status_code
        for password in (PASSWORD, PASSWORD, NEW_PASSWORD)
    ]
    between.anybody = False
    assert (answers, between.come) == ([401, 401, 200], None)


def test_a_new_password_waits_for_what_another_server_writes_and_ends_it_too(app, settings, dialect):
    stage, other, waiting = set_up(app), bootstrap.build(settings), threading.Event()
    who = person(stage, OWNER)
    browser(stage, who)
    ((session,),) = rows(app, "SELECT token_hash FROM sessions")
    token = token_for_reset(app, who.user)
    given = (other.database, build_post(other), token, NEW_PASSWORD, "127.0.0.1")
    resetting = threading.Thread(target=reset_password, args=given)

    def look(_connection, _cursor, statement, *_):
        if "FOR UPDATE" in statement:
            waiting.set()

    event.listen(Engine, "before_cursor_execute", look)
    try:
        with app.database.write() as unit_of_work:
            member = AccountRepository(unit_of_work).member_of(who.user.id, stage.ids["household_id"])
            assert still_stands(unit_of_work, claim_of(Credential(AdmittedBy.SESSION, session), member))
            resetting.start()
            if dialect.name == MARIADB:
                assert waiting.wait(PATIENCE_S)
            make_key(unit_of_work, member, "late", ["read"])
        resetting.join(PATIENCE_S)
    finally:
        event.remove(Engine, "before_cursor_execute", look)
        other.ports.writer.close()
        other.database.close()
    ((revoked_at,),) = rows(app, "SELECT revoked_at FROM api_keys WHERE name = 'late'")
    assert revoked_at is not None
