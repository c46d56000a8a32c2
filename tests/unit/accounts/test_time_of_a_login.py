"""A wrong login takes the same statements and commits whether or not its address has an account."""

from contextlib import contextmanager

import pytest
from sqlalchemy import Engine
from sqlalchemy.event import listen, remove

from cloud.accounts.limits import LOGIN_OF_ACCOUNT
from tests.databases import execute
from tests.unit.accounts.people import log_in
from tests.unit.cloud.messages import rows
from tests.unit.cloud.statements import heard

KNOWN, UNKNOWN = "alice@example.org", "nobody@example.org"


@contextmanager
def done_in_the_database():
    """Yield the first word of every statement, and COMMIT where a transaction that writes ends."""
    done = []

    def end(_connection):
        done.append("COMMIT")

    listen(Engine, "commit", end)
    try:
        with heard(Engine, lambda statement: done.append(statement.split(maxsplit=1)[0])):
            yield done
    finally:
        remove(Engine, "commit", end)


def done_at_login(client, email, secret="wrong horse"):  # noqa: S107 - wrong
    with done_in_the_database() as done:
        assert log_in(client, email, secret).status_code == 401
    return done


def begin_anew(app):
    """Forget every try, so that which bucket is there does not depend on who tried first."""
    execute(app, "DELETE FROM buckets")


@pytest.mark.parametrize("unknown", [UNKNOWN, "?", "owner@example.org"], ids=["unknown", "no address", "no password"])
def test_an_unknown_address_costs_what_a_wrong_password_does(app, client, alice, home, unknown):
    assert alice
    assert home  # whose owner has no password
    done = []
    for email in (KNOWN, unknown):
        begin_anew(app)
        done.append(done_at_login(client, email))
    assert done[0] == done[1]
    assert done[0].count("COMMIT") >= 2
    assert "INSERT" in done[0][done[0].index("COMMIT") :]


def test_the_next_tries_cost_the_same_too(app, client, alice):
    assert alice
    done = []
    for email in (KNOWN, UNKNOWN):
        begin_anew(app)
        done.append([done_at_login(client, email) for _ in range(3)])
    assert done[0] == done[1]


def test_only_whose_account_it_is_reads_of_it_and_nothing_is_left_of_the_others(app, client, alice):
    assert alice
    for email in (KNOWN, UNKNOWN, KNOWN):
        done_at_login(client, email)
    noted = rows(app, "SELECT subject FROM audit_log WHERE action = 'login failed'")
    assert noted == [(KNOWN,)] * 2
    kept = rows(app, "SELECT count(*) FROM buckets WHERE full_at = 0")
    assert kept == [(0,)]


def test_strangers_leave_few_rows_behind(app, client):
    """Each try deletes what the one before wrote."""
    for _ in range(LOGIN_OF_ACCOUNT.burst):
        done_at_login(client, UNKNOWN)
    assert rows(app, "SELECT count(*) FROM buckets WHERE full_at = 0") == [(1,)]
