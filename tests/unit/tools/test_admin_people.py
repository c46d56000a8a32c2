"""``pillarbox admin user`` and ``key``: who may come in, as what, and with which keys."""

import json

import pytest
from typer.testing import CliRunner

from cloud import bootstrap
from cloud.accounts.model import token_hash
from cloud.accounts.repository import AccountRepository, CallerRepository
from cloud.accounts.service import ensure_identity, log_in_by_link, make_login_link, member_of_session
from cloud.errors import ForbiddenError
from cloud.ports.identity_provider import Claims
from tests.databases import SQLITE, Dialect
from tools.cli import app as program

OWNER = "owner@example.org"
on_sqlite = pytest.mark.parametrize("dialect", [Dialect(SQLITE)], ids=[SQLITE])


@pytest.fixture
def admin(app, home):
    assert home

    def run(*words):
        return CliRunner().invoke(program, ["admin", *words, "--data", str(app.settings.data)])

    return run


def session_of(app, name):
    with app.database.write() as unit_of_work:
        make_login_link(unit_of_work, OWNER, f"link-{name}")
        log_in_by_link(unit_of_work, f"link-{name}", name)
    return name


def visitor(app, session):
    with app.database.read() as unit_of_work:
        return member_of_session(unit_of_work, session)


@on_sqlite
def test_a_user_is_made_and_listed(admin):
    assert "new@example.org owns Household of Nia" in admin("user", "create", "new@example.org", "--name", "Nia").stdout
    again = admin("user", "create", "new@example.org", "--name", "Someone else")
    assert again.stdout == "new@example.org is there already, as owner of Household of Nia\n"
    listed = [json.loads(line) for line in admin("user", "list", "--json").stdout.splitlines()]
    assert [(one["email"], one["role"]) for one in listed] == [("new@example.org", "owner"), (OWNER, "owner")]
    assert "Household of Nia" in admin("user", "list").stdout


@on_sqlite
def test_a_disabled_user_comes_in_by_no_way_until_enabled(admin, app, home):
    secret = admin("key", "create", OWNER, "--name", "heating", "--scope", "read").stdout.strip()
    session = session_of(app, "before")
    assert visitor(app, session) is not None
    assert "is disabled" in admin("user", "disable", OWNER).stdout
    assert visitor(app, session) is None
    assert visitor(app, session_of(app, "during")) is None
    with app.database.read() as unit_of_work:
        accounts = AccountRepository(unit_of_work)
        assert CallerRepository(unit_of_work).of_keys([token_hash(secret)]) == {}
        assert accounts.credentials(OWNER) is None
        assert accounts.owners(home.household_id) == []
    for words in (("user", "reset", OWNER), ("key", "list", OWNER), ("user", "role", OWNER, "viewer")):
        assert "not disabled" in admin(*words).stderr
    assert "disabled" in admin("user", "list").stdout
    admin("user", "enable", OWNER)
    assert visitor(app, session) is None
    assert visitor(app, session_of(app, "after")) is not None
    with app.database.read() as unit_of_work:
        assert CallerRepository(unit_of_work).of_keys([token_hash(secret)]).keys() == {token_hash(secret)}


def test_a_disabled_user_of_an_outside_issuer_is_refused_and_not_made_anew(app, home):
    claims = Claims("https://issuer.example", "u1", 2**40, email=OWNER, email_is_verified=True)
    with app.database.write() as unit_of_work:
        member = ensure_identity(unit_of_work, claims)
        AccountRepository(unit_of_work).change_user(member.user.id, disabled_at=1)
    with pytest.raises(ForbiddenError, match="disabled or in none"), app.database.write() as unit_of_work:
        ensure_identity(unit_of_work, claims)
    assert home


@on_sqlite
def test_a_household_keeps_an_owner(admin):
    assert "keeps at least one" in admin("user", "role", OWNER, "viewer").stderr
    assert "is owner of" in admin("user", "role", OWNER, "owner").stdout
    assert admin("user", "role", OWNER, "king").exit_code == 2


@on_sqlite
def test_a_reset_link_and_a_login_link_are_printed(admin):
    assert "http://localhost:8000/account/reset/" in admin("user", "reset", OWNER).stdout
    assert "https://box.example/login/" in admin("link", OWNER, "--url", "https://box.example").stdout
    assert "expected a known user, got nobody@example.org" in admin("user", "reset", "nobody@example.org").stderr


@on_sqlite
def test_a_link_leads_to_where_the_server_runs_or_ran_last(admin, app):
    with bootstrap.lock(app.settings.data) as lock_file:
        assert admin("link", OWNER).stdout.startswith("http://localhost:8000/login/")
        bootstrap.tell_address(lock_file, "https://box.example:8443", 8883)
        assert admin("link", OWNER).stdout.startswith("https://box.example:8443/login/")
    assert admin("user", "reset", OWNER).stdout.startswith("https://box.example:8443/account/reset/")


@on_sqlite
def test_api_keys_are_made_listed_and_revoked(admin):
    made = json.loads(
        admin("key", "create", OWNER, "--name", "a", "--scope", "read", "--scope", "write", "--json").stdout
    )
    (listed,) = [json.loads(line) for line in admin("key", "list", OWNER, "--json").stdout.splitlines()]
    assert (listed["id"], listed["scopes"], listed["revoked_at"]) == (made["id"], "read write", None)
    assert made["key"] not in json.dumps(listed)
    assert "is revoked" in admin("key", "revoke", OWNER, made["id"]).stdout
    assert "revoked" in admin("key", "list", OWNER).stdout
    assert "found none with id unknown" in admin("key", "revoke", OWNER, "unknown").stderr


@pytest.mark.parametrize(
    "words",
    [
        ("user", "list"),
        ("key", "list", OWNER),
        ("device", "unclaimed"),
        ("dlq", "list"),
        ("replay", "--all"),
        ("backup", "backup.tar"),
        ("link", OWNER),
    ],
    ids=" ".join,
)
def test_a_data_folder_that_was_mistyped_is_not_made(tmp_path, words):
    answer = CliRunner().invoke(program, ["admin", *words, "--data", str(tmp_path / "typo")])
    assert answer.exit_code == 1
    assert f"expected the data folder of a server at {tmp_path / 'typo'}, there is none" in answer.stderr
    assert list(tmp_path.iterdir()) == []
