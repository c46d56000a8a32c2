"""A link for a new password that was promised is mailed, whatever happens after the answer."""

import pytest

from cloud.accounts.limits import RESET_OF_ACCOUNT
from tests.databases import execute, poisoned
from tests.unit.accounts.people import client_of, mails_of
from tests.unit.accounts.test_time_of_a_login import begin_anew, done_in_the_database
from tests.unit.cloud.fakes import drain
from tests.unit.cloud.messages import dlq, rows

KNOWN, UNKNOWN = "alice@example.org", "nobody@example.org"
WAYS = ("/auth/password/forgot", "/account/forgot")


def forgot(client, email=KNOWN, way=WAYS[0]):
    body = {"json": {"email": email}} if way == WAYS[0] else {"data": {"email": email}}
    return client.post(way, **body).status_code


@pytest.mark.parametrize("way", WAYS)
def test_the_job_of_the_mail_is_there_when_the_answer_is(app, client, alice, way):
    assert alice
    before = rows(app, "SELECT count(*) FROM mail_outbox")
    assert forgot(client, way=way) in {200, 202}
    assert rows(app, "SELECT stage, state FROM jobs WHERE event = 'reset_asked'") == [("write_reset", "waiting")]
    assert rows(app, "SELECT count(*) FROM mail_outbox") == before  # not by the request, whose server may end now
    assert [mail["Subject"] for mail in mails_of(app)] == ["Set a new password"]


@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_address_costs_what_a_known_one_does(app, client, alice, way):
    assert alice
    done = []
    for email in (KNOWN, UNKNOWN):
        begin_anew(app)
        with done_in_the_database() as of_this:
            forgot(client, email, way)
        done.append(of_this)
    assert done[0] == done[1]
    assert done[0].count("COMMIT") == 1  # the try that is used up and the promise, together


def test_neither_the_household_nor_the_job_tells_who_asked_about_whom(app, client, alice):
    assert alice
    for email in (KNOWN, UNKNOWN):
        forgot(client, email)
    asked = rows(app, "SELECT household_id, subject_id FROM jobs WHERE event = 'reset_asked'")
    assert len(set(asked)) == 2
    households = {household for (household,) in rows(app, "SELECT id FROM households")}
    assert households
    assert not households & {household for household, _ in asked}


def test_a_job_about_nobody_ends_without_a_mail(app, client):
    forgot(client, UNKNOWN)
    assert drain(app) == ["write_reset"]
    assert dlq(app) == []
    assert rows(app, "SELECT count(*) FROM mail_outbox") == [(0,)]


def test_who_may_not_come_in_gets_no_link(app, client, alice):
    forgot(client)
    execute(app, "UPDATE users SET disabled_at = 1 WHERE id = :id", id=alice["user"]["id"])
    assert mails_of(app) == []


def test_what_could_not_be_promised_counts_as_no_try(app, alice):
    assert alice
    client = client_of(app, raise_server_exceptions=False)
    with poisoned(app, "INSERT ON jobs", "new.stage = 'write_reset'"):
        assert {forgot(client) for _ in range(RESET_OF_ACCOUNT.burst)} == {500}
    assert [forgot(client) for _ in range(RESET_OF_ACCOUNT.burst + 1)] == [202] * RESET_OF_ACCOUNT.burst + [429]
