"""A new password and another e-mail address by mail."""

import pytest

from cloud.accounts.limits import LOGIN_OF_ACCOUNT, NEW_EMAIL_OF_USER
from cloud.accounts.model import MEMBER
from cloud.accounts.repository import AccountRepository
from cloud.accounts.service import log_in_by_link, make_login_link
from cloud.errors import SignatureError
from tests.unit.accounts.people import PASSWORD, bearer, client_of, log_in, mails_of, register, token_in
from tests.unit.cloud.messages import rows

NEW = "another horse"


def forgot(client, email="alice@example.org"):
    return client.post("/auth/password/forgot", json={"email": email})


def reset(client, token, secret=NEW):
    return client.post("/auth/password/reset", json={"token": token, "password": secret})


def ask(client, who, email="new@example.org", secret=PASSWORD):
    return client.post("/auth/email", json={"email": email, "password": secret}, headers=bearer(who))


def make_key(client, who, household=None):
    """Return the headers of a program with a new key of somebody's."""
    made = client.post("/api-keys", json={"name": "heating"}, headers=bearer(who, household))
    return {"x-api-key": made.json()["key"]}


def reset_by_mail(app, client):
    """Set a new password by the link of a mail; what else was sent meanwhile is not read."""
    forgot(client)
    (mail,) = (one for one in mails_of(app) if one["Subject"] == "Set a new password")
    assert reset(client, token_in(mail, "reset")).status_code == 200


def test_a_forgotten_password_is_set_by_mail_and_every_login_ends(app, client, alice):
    assert forgot(client).status_code == 202
    (mail,) = mails_of(app)
    assert (mail["To"].addresses[0].addr_spec, mail["Subject"]) == ("alice@example.org", "Set a new password")
    assert reset(client, token_in(mail, "reset")).status_code == 200
    assert log_in(client).status_code == 401
    assert log_in(client, secret=NEW).status_code == 200
    assert client.get("/auth/me", headers=bearer(alice)).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": alice["refresh_token"]}).status_code == 401
    assert [mail["Subject"] for mail in mails_of(app)] == ["Your password was changed"]


def test_an_unknown_address_is_answered_alike_and_gets_nothing(app, client, alice):
    assert forgot(client).json() == forgot(client, "nobody@example.org").json()
    assert [mail["To"].addresses[0].addr_spec for mail in mails_of(app)] == [alice["user"]["email"]]


def test_a_reset_link_works_once_and_only_the_newest_does(app, client, alice):
    assert alice
    forgot(client)
    forgot(client)
    first, second = (token_in(mail, "reset") for mail in mails_of(app))
    assert reset(client, first).status_code == 403
    assert reset(client, second).status_code == 200
    assert reset(client, second).status_code == 403


def test_a_reset_link_expires_within_the_hour(app, client, alice):
    assert alice
    forgot(client)
    (mail,) = mails_of(app)
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE account_tokens SET expires_at = expires_at - 3600000")
    assert reset(client, token_in(mail, "reset")).status_code == 403


def test_resets_are_limited_by_account(client, alice):
    assert alice
    assert [forgot(client).status_code for _ in range(4)] == [202, 202, 202, 429]
    assert forgot(client, "other@example.org").status_code == 202


def test_a_token_for_one_purpose_serves_no_other(app, client, alice):
    forgot(client)
    ask(client, alice)
    tokens = {mail["Subject"]: mail for mail in mails_of(app)}
    of_reset = token_in(tokens["Set a new password"], "reset")
    of_email = token_in(tokens["Confirm your new e-mail address"], "email")
    assert client.post("/auth/email/confirm", json={"token": of_reset}).status_code == 403
    assert reset(client, of_email).status_code == 403


def test_a_new_address_counts_once_it_is_confirmed_and_the_old_one_is_told(app, client, alice):
    assert ask(client, alice).status_code == 202
    (mail,) = mails_of(app)
    assert mail["To"].addresses[0].addr_spec == "new@example.org"
    assert log_in(client, "new@example.org").status_code == 401
    assert client.post("/auth/email/confirm", json={"token": token_in(mail, "email")}).status_code == 200
    assert log_in(client, "new@example.org").status_code == 200
    assert log_in(client).status_code == 401
    (told,) = mails_of(app)
    assert (told["To"].addresses[0].addr_spec, told["Subject"]) == (
        "alice@example.org",
        "Your e-mail address was changed",
    )


def move(app, client, who, email="new@example.org"):
    """Change somebody's address, confirmed by the link of the mail; what else was sent meanwhile is not read."""
    ask(client, who, email)
    (mail,) = (one for one in mails_of(app) if one["Subject"] == "Confirm your new e-mail address")
    assert client.post("/auth/email/confirm", json={"token": token_in(mail, "email")}).status_code == 200


def test_a_new_address_ends_the_links_that_went_to_the_old_one(app, client, alice):
    """Who reads the old mailbox, that of an employer for one, must not get into the account by an earlier mail."""
    forgot(client)
    (mail,) = mails_of(app)
    with app.database.write() as unit_of_work:
        make_login_link(unit_of_work, "alice@example.org", "link to the old address")
    move(app, client, alice)
    assert reset(client, token_in(mail, "reset")).status_code == 403
    with pytest.raises(SignatureError), app.database.write() as unit_of_work:
        log_in_by_link(unit_of_work, "link to the old address", "session")
    assert log_in(client, "new@example.org").status_code == 200
    forgot(client, "new@example.org")
    (to_new,) = (one for one in mails_of(app) if one["Subject"] == "Set a new password")
    assert reset(client, token_in(to_new, "reset")).status_code == 200


def test_a_reset_link_proves_no_other_address_than_the_one_it_went_to(app, client, alice):
    """Whatever the order in which it is asked for and another address is confirmed."""
    forgot(client)
    (mail,) = mails_of(app)
    with app.database.write() as unit_of_work:
        AccountRepository(unit_of_work).change_user(alice["user"]["id"], email="new@example.org")
    assert reset(client, token_in(mail, "reset")).status_code == 403
    assert log_in(client, "new@example.org").status_code == 200
    assert rows(app, "SELECT email_verified_at FROM users WHERE email = 'new@example.org'") == [(None,)]


def test_another_address_needs_the_password(app, client, alice):
    assert ask(client, alice, secret="wrong horse").status_code == 401  # noqa: S106
    assert mails_of(app) == []


def test_asking_with_the_right_password_locks_no_login_and_is_limited_by_itself(app, client, alice):
    """Strangers' addresses are written to, so that no account may ask for as many as it likes."""
    asked = NEW_EMAIL_OF_USER.burst - 1  # registering asked for the first
    answers = [ask(client, alice, f"p{number}@example.org").status_code for number in range(LOGIN_OF_ACCOUNT.burst + 2)]
    assert answers == [202] * asked + [429] * (len(answers) - asked)
    assert log_in(client).status_code == 200
    assert len(mails_of(app)) == asked


def test_a_wrong_password_beside_a_token_counts_like_one_at_the_login(client, alice):
    for number in range(LOGIN_OF_ACCOUNT.burst):
        assert ask(client, alice, secret=f"wrong {number}").status_code == 401
    assert ask(client, alice).status_code == 429
    assert log_in(client).status_code == 429


def test_nobody_learns_from_us_who_has_an_account(app, client, alice, bob):
    assert ask(client, alice, bob["user"]["email"]).json() == ask(client, alice).json()
    assert len(mails_of(app)) == 1


def test_an_address_that_was_taken_meanwhile_is_refused(app, client, alice):
    ask(client, alice)
    (mail,) = mails_of(app)
    client.post("/auth/register", json={"name": "N", "email": "new@example.org", "password": PASSWORD})
    assert client.post("/auth/email/confirm", json={"token": token_in(mail, "email")}).status_code == 409


def test_the_rest_of_the_household_is_not_shown_the_mail_and_its_token_is_not_kept(app, client, alice):
    assert alice
    forgot(client)
    (mail,) = mails_of(app)
    assert rows(app, "SELECT private FROM mail_outbox") == [(1,), (1,)]  # that of registering, and this one
    token = token_in(mail, "reset")
    stored = str([rows(app, f"SELECT * FROM {table}") for table in ("mail_outbox", "account_tokens")])  # noqa: S608
    assert token not in stored


def test_a_name_cannot_add_headers_or_markup_to_a_mail(app):
    client = client_of(app)
    name = "Eve\r\nBcc: x@example.org <b>&"
    client.post("/auth/register", json={"name": name, "email": "eve@example.org", "password": PASSWORD})
    forgot(client, "eve@example.org")
    sent = mails_of(app)
    assert [mail["Subject"] for mail in sent] == ["Confirm your e-mail address", "Set a new password"]
    for mail in sent:
        assert mail["Bcc"] is None
        assert mail["To"].addresses[0].display_name == "Eve Bcc: x@example.org <b>&"
        assert "&lt;b&gt;&amp;" in mail.get_body(("html",)).get_content()


def test_a_reset_ends_a_takeover_under_way(app, client, alice):
    """Whoever knew the old password may have asked for another address, for links and for invitations."""
    ask(client, alice, "thief@example.org")
    body = {"email": "thief@example.org", "role": "owner"}
    assert client.post("/households/invitations", json=body, headers=bearer(alice)).status_code == 201
    sent = {mail["Subject"]: mail for mail in mails_of(app)}
    with app.database.write() as unit_of_work:
        make_login_link(unit_of_work, "alice@example.org", "link of the thief")
    reset_by_mail(app, client)
    moved = client.post(
        "/auth/email/confirm", json={"token": token_in(sent["Confirm your new e-mail address"], "email")}
    )
    assert moved.status_code == 403
    with pytest.raises(SignatureError), app.database.write() as unit_of_work:
        log_in_by_link(unit_of_work, "link of the thief", "session of the thief")
    thief = bearer(register(client, "thief"))
    invitation = token_in(sent["Alice invites you to Household of Alice"], "invitation")
    assert client.post("/households/join", json={"token": invitation}, headers=thief).status_code == 403
    assert log_in(client, secret=NEW).status_code == 200


def test_a_reset_ends_nothing_of_anybody_elses(app, client, alice, bob):
    assert alice
    ask(client, bob, "bobby@example.org")
    (mail,) = mails_of(app)
    key = make_key(client, bob)
    with app.database.write() as unit_of_work:
        make_login_link(unit_of_work, "bob@example.org", "link of Bob")
    reset_by_mail(app, client)
    assert client.get("/auth/me", headers=bearer(bob)).status_code == 200
    assert client.get("/auth/me", headers=key).status_code == 200
    with app.database.write() as unit_of_work:
        log_in_by_link(unit_of_work, "link of Bob", "session of Bob")
    assert client.post("/auth/email/confirm", json={"token": token_in(mail, "email")}).status_code == 200


def test_a_reset_revokes_the_keys_that_the_user_made_in_whatever_household(app, client, alice, bob):
    household = client.get("/households", headers=bearer(bob)).json()[0]["id"]
    with app.database.write() as unit_of_work:
        AccountRepository(unit_of_work).add_member(household, alice["user"]["id"], MEMBER)
    own, with_bob, of_bob = make_key(client, alice), make_key(client, alice, household), make_key(client, bob)
    reset_by_mail(app, client)
    answers = [client.get("/auth/me", headers=key).status_code for key in (own, with_bob, of_bob)]
    assert answers == [401, 401, 200]
    told = client.get("/audit-log", headers=bearer(bob)).json()
    assert [one["user_id"] for one in told if one["action"] == "API key revoked"] == [alice["user"]["id"]]


def test_the_mails_of_a_reset_tell_of_the_keys(app, client, alice):
    assert alice
    reset_by_mail(app, client)
    (told,) = mails_of(app)
    for kind in ("plain", "html"):
        assert "keys were revoked" in " ".join(told.get_body((kind,)).get_content().split())
