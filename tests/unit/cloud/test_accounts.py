"""Users, their households, one-time links and sessions."""

from dataclasses import replace

import pytest

from cloud.accounts.model import LOGIN_LINK_MS, SESSION_MS, normal_email
from cloud.accounts.service import (
    ensure_household,
    log_in_by_link,
    log_out,
    make_login_link,
    member_of_session,
)
from cloud.errors import NotFoundError, RefusedError, SignatureError
from tests.unit.cloud.messages import rows


@pytest.fixture
def at(app):
    """Run a use case in a transaction, as if ``later_ms`` had passed."""

    def run(use_case, *arguments, later_ms=0):
        with app.database.write() as unit_of_work:
            return use_case(replace(unit_of_work, now=unit_of_work.now + later_ms), *arguments)

    return run


def test_a_new_address_gets_a_household_of_its_own(at):
    member = at(ensure_household, "new@example.org", "New")
    assert (member.user.email, member.role, member.household_name) == ("new@example.org", "owner", "Household of New")


def test_a_known_address_keeps_its_household(at):
    first = at(ensure_household, "new@example.org", "New")
    assert at(ensure_household, " New@Example.ORG ", "Other name") == first


@pytest.mark.parametrize(
    "email",
    ["a@b.org", "first.last+tag@sub.example.co.uk", "o'neil@example.org", "pillarbox@localhost"],
)
def test_an_address_that_mail_reaches_is_taken(email):
    assert normal_email(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "@example.org",
        "a@",
        "a b@example.org",
        "a@b@c.org",
        "a@example.org\nBcc: x@example.org",
        "a,b@example.org",
        "<a@example.org>",
        "ä@example.org",
        "a..b@example.org",
        "a" * 250 + "@b.org",
        "a@b..org",
    ],
)
def test_an_address_that_no_mail_reaches_is_refused(email):
    with pytest.raises(RefusedError, match="expected an e-mail address like"):
        normal_email(email)


def test_a_link_logs_in_once(at):
    at(ensure_household, "a@example.org", "A")
    at(make_login_link, "A@example.org", "link")
    at(log_in_by_link, "link", "session")
    assert at(member_of_session, "session").user.email == "a@example.org"
    with pytest.raises(SignatureError, match="used before"):
        at(log_in_by_link, "link", "another")
    assert at(member_of_session, "another") is None


def test_a_link_expires_after_a_day(at):
    at(ensure_household, "a@example.org", "A")
    at(make_login_link, "a@example.org", "link")
    with pytest.raises(SignatureError, match="expired"):
        at(log_in_by_link, "link", "session", later_ms=LOGIN_LINK_MS + 60_000)


def test_an_unknown_link_logs_nobody_in(at):
    with pytest.raises(SignatureError):
        at(log_in_by_link, "made up", "session")


def test_nobody_gets_a_link_to_an_unknown_address(at):
    with pytest.raises(NotFoundError, match="expected a known user"):
        at(make_login_link, "a@example.org", "link")


def test_a_session_ends_by_itself_and_by_logging_out(at):
    at(ensure_household, "a@example.org", "A")
    at(make_login_link, "a@example.org", "link")
    at(log_in_by_link, "link", "session")
    assert at(member_of_session, "session", later_ms=SESSION_MS + 60_000) is None
    at(log_out, "session")
    assert at(member_of_session, "session") is None


def test_no_token_is_ever_stored(app, at):
    at(ensure_household, "a@example.org", "A")
    at(make_login_link, "a@example.org", "secret-link")
    at(log_in_by_link, "secret-link", "secret-session")
    stored = str(rows(app, "SELECT * FROM login_links") + rows(app, "SELECT * FROM sessions"))
    assert "secret" not in stored
